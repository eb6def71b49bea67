import { access, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** True when `error` is a failed system call with that code, such as `ENOENT`. */
export const hasErrno = (error: unknown, ...codes: string[]): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  codes.includes(String(error.code));

/** True when something is at `path`; false only on proof (`ENOENT`), other failures are thrown. */
export async function isPresent(path: string): Promise<boolean> {
  return (await unlessMissing(access(path).then(() => true))) ?? false;
}

/** The text of a file, `null` when there is none. */
export async function readText(path: string): Promise<string | null> {
  return await unlessMissing(readFile(path, 'utf8'));
}

/** `null` instead of `ENOENT`; every other failure is thrown. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * Replaces the file at `path` in one step that survives a power loss: the bytes are on the disk
 * before the name points to them, and the name is on the disk before the promise resolves.
 * `tempPath` is on the same file system.
 */
export async function replaceFile(path: string, tempPath: string, text: string): Promise<void> {
  await writeNewFile(tempPath, text);
  await rename(tempPath, path);
  await syncPath(dirname(path));
}

/** Creates a file with its bytes on the disk; the name is durable once the folder is synced. */
export async function writeNewFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a file's bytes, or a folder's names, durable. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Does `work` for every item with at most `inFlightMax` at a time. After the first failure nothing
 * new starts, and it is thrown when all that was running has ended: nobody works on behind the
 * caller's back.
 */
export async function eachBounded<T>(
  items: Iterable<T> | AsyncIterable<T>,
  inFlightMax: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    try {
      while (failures.length === 0) {
        const next = await iterator.next();
        if (next.done === true) return;
        await work(next.value);
      }
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(Array.from({ length: inFlightMax }, worker));
  if (failures.length === 0) return;
  await iterator.return?.();
  throw failures[0];
}
