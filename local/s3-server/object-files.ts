import { randomBytes } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes gathered before they are written: large writes, and memory that does not grow. */
const WRITE_BYTES = 2 ** 21;
/** Parts gathered before they are written: small ones cost more memory than their bytes. */
const WRITE_PARTS = 512;
const READ_BYTES = 2 ** 20;
const SHARDS = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'));

export interface OpenFile {
  handle: FileHandle;
  sizeBytes: number;
}

/**
 * The bytes of objects: files with random names, written once, and durable before a row names them.
 * So no key ever becomes a path, and a file needs no second name while it is written: until its row
 * is there, nobody knows it. A file without a row is what a crash left; `initialise` sweeps it.
 */
export class ObjectFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, 'objects');
  }

  /** Makes the folders and removes every file that `isKnown` does not know. */
  async initialise(isKnown: (file: string) => boolean): Promise<void> {
    await Promise.all(SHARDS.map((shard) => mkdir(join(this.#folder, shard), { recursive: true })));
    await syncFolder(this.#folder);
    await syncFolder(join(this.#folder, '..'));
    for (const shard of SHARDS) {
      for (const name of await readdir(join(this.#folder, shard))) {
        if (!isKnown(name)) await unlink(join(this.#folder, shard, name));
      }
    }
  }

  /** Writes a stream to a new file and makes it durable. On failure nothing stays. */
  async write(source: AsyncIterable<Buffer>): Promise<{ file: string; sizeBytes: number }> {
    const file = newName();
    const handle = await open(this.#pathOf(file), 'wx', 0o600);
    try {
      const sizeBytes = await pour(source, handle);
      await Promise.all([handle.sync(), this.#syncFolderOf(file)]);
      await handle.close();
      return { file, sizeBytes };
    } catch (error) {
      await handle.close();
      await this.discard(file);
      throw error;
    }
  }

  /** A second name for the bytes of `file`: a copy that costs nothing. `null` when it is gone. */
  async copy(file: string): Promise<string | null> {
    const copy = newName();
    const linked = await unlessMissing(link(this.#pathOf(file), this.#pathOf(copy)));
    if (linked === null) return null;
    await this.#syncFolderOf(copy);
    return copy;
  }

  /** Removes a file; one that is gone already is fine. */
  async discard(file: string): Promise<void> {
    await unlessMissing(unlink(this.#pathOf(file)));
  }

  /** The file, to be closed by the caller; `null` when it is gone. */
  async open(file: string): Promise<OpenFile | null> {
    const handle = await unlessMissing(open(this.#pathOf(file), 'r'));
    if (handle === null) return null;
    return { handle, sizeBytes: (await handle.stat()).size };
  }

  #pathOf(file: string): string {
    return join(this.#folder, file.slice(0, 2), file);
  }

  async #syncFolderOf(file: string): Promise<void> {
    await syncFolder(join(this.#folder, file.slice(0, 2)));
  }
}

/** Bytes `from` to `to` (exclusive). Throws when they are not there: never a short read. */
export async function* readBytes(
  { handle }: OpenFile,
  from: number,
  to: number,
): AsyncGenerator<Buffer> {
  for (let at = from; at < to; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, to - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw new Error('The file of an object is shorter than it was.');
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Writes what comes while the next part is received; returns the bytes written. */
const pour = async (source: AsyncIterable<Buffer>, handle: FileHandle): Promise<number> => {
  let sizeBytes = 0;
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  let writing = Promise.resolve();
  const flush = async () => {
    await writing;
    writing = writeAll(handle, gathered, gatheredBytes);
    // Awaited by the next flush; until then a failure must not count as unhandled.
    writing.catch(() => {});
    gathered = [];
    gatheredBytes = 0;
  };
  for await (const part of source) {
    sizeBytes += part.length;
    gathered.push(part);
    gatheredBytes += part.length;
    if (gatheredBytes >= WRITE_BYTES || gathered.length >= WRITE_PARTS) await flush();
  }
  await flush();
  await writing;
  return sizeBytes;
};

const writeAll = async (handle: FileHandle, parts: Buffer[], sizeBytes: number): Promise<void> => {
  if (sizeBytes === 0) return;
  const { bytesWritten } = await handle.writev(parts);
  if (bytesWritten !== sizeBytes) throw new Error('The disk took less than it was given.');
};

const newName = (): string => randomBytes(16).toString('hex');

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

const unlessMissing = async <T>(operation: Promise<T>): Promise<T | null> => {
  try {
    return await operation;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};
