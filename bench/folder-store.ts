import { mkdir, open, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../lib/errors.ts';
import type { ObjectStore } from '../lib/ports/object-store.ts';

/** What a worker needs of a store, as files; takes as long for a write as 100 MB/s would. */
export const folderStore = (folder: string): ObjectStore => {
  const fileOf = (key: string) => join(folder, key);
  const readPart = async (key: string, from: number, to: number, room?: Uint8Array) => {
    const file = await open(fileOf(key));
    try {
      const fits = room !== undefined && to - from <= room.length;
      const bytes = fits ? room.subarray(0, to - from) : new Uint8Array(to - from);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
      return { bytes: bytes.subarray(0, bytesRead), etag: key };
    } finally {
      await file.close();
    }
  };
  const store = {
    put: async (key, bytes) => {
      await mkdir(dirname(fileOf(key)), { recursive: true });
      await Promise.all([writeFile(fileOf(key), bytes), sleep(bytes.length / 100_000)]);
    },
    get: async (key, room) => {
      const { size } = await missing(key, stat(fileOf(key)));
      return readPart(key, 0, size, room);
    },
    getRange: (key, from, to) => readPart(key, from, to),
    getTail: async (key, count) => {
      const { size: sizeBytes } = await missing(key, stat(fileOf(key)));
      return { ...(await readPart(key, Math.max(0, sizeBytes - count), sizeBytes)), sizeBytes };
    },
  } satisfies Partial<ObjectStore>;
  return store as Partial<ObjectStore> as ObjectStore;
};

const missing = async <T>(key: string, read: Promise<T>): Promise<T> => {
  try {
    return await read;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new HoldfastError('store.object-missing', { key });
  }
};
