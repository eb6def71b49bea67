import { isError } from '../errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** True when there is an object of that key. */
export const isStored = async (
  key: string,
  objects: Pick<ObjectStore, 'head'>,
): Promise<boolean> => {
  try {
    await objects.head(key);
    return true;
  } catch (error) {
    if (!isError(error, 'store.object-missing')) throw error;
    return false;
  }
};
