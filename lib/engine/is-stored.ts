import { isError } from '../errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** True when there is an object of that key. */
export const isStored = async (key: string, objects: Pick<ObjectStore, 'head'>): Promise<boolean> =>
  (await sizeOfStored(key, objects)) !== null;

/** Bytes of the object of that key; `null` when there is none. */
export const sizeOfStored = async (
  key: string,
  objects: Pick<ObjectStore, 'head'>,
): Promise<number | null> => {
  try {
    return (await objects.head(key)).sizeBytes;
  } catch (error) {
    if (!isError(error, 'store.object-missing')) throw error;
    return null;
  }
};
