import { randomBytes } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes gathered before they are written: large writes, and memory that does not grow. */
const WRITE_BYTES = 2 * 2 ** 20;

/**
 * The bytes of objects: files with random names, written once, fsynced before anybody names them.
 * A file without a row is what a crash left; it is swept at the next start.
 */
export class ObjectFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, 'objects');
  }

  /** Makes the folders and removes every file that `isKnown` does not know. */
  async initialise(isKnown: (file: string) => boolean): Promise<void> {
    for (let n = 0; n < 256; n++)
      await mkdir(this.#path(n.toString(16).padStart(2, '0'), ''), { recursive: true });
    for (let n = 0; n < 256; n++) {
      const shard = n.toString(16).padStart(2, '0');
      for (const name of await readdir(this.#path(shard, ''))) {
        if (!isKnown(name)) await unlink(this.#path(shard, name));
      }
    }
  }

  /** Writes a stream to a new file and makes it durable. On failure nothing stays. */
  async write(source: AsyncIterable<Buffer>): Promise<{ file: string; sizeBytes: number }> {
    const file = this.#newName();
    const handle = await open(this.pathOf(file), 'wx', 0o600);
    try {
      const sizeBytes = await pour(source, handle);
      await handle.sync();
      await handle.close();
      await this.#syncFolder(file);
      return { file, sizeBytes };
    } catch (error) {
      await handle.close();
      await this.discard(file);
      throw error;
    }
  }

  /** A second name for the bytes of `file`: a copy that costs nothing. */
  async copy(file: string): Promise<string> {
    const copy = this.#newName();
    await link(this.pathOf(file), this.pathOf(copy));
    await this.#syncFolder(copy);
    return copy;
  }

  /** Removes a file; one that is gone already is fine. */
  async discard(file: string): Promise<void> {
    await unlink(this.pathOf(file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  /** The size of the file on the disk, `null` when it is gone. */
  async open(file: string): Promise<{ handle: FileHandle; sizeBytes: number } | null> {
    try {
      const handle = await open(this.pathOf(file), 'r');
      return { handle, sizeBytes: (await handle.stat()).size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** Bytes `from` to `to` (exclusive) of an open file; closes it in the end. */
  stream(handle: FileHandle, from: number, to: number): ReadStream {
    return createReadStream('', { fd: handle, start: from, end: to - 1, highWaterMark: 2 ** 20 });
  }

  pathOf(file: string): string {
    return this.#path(file.slice(0, 2), file);
  }

  #newName(): string {
    return randomBytes(16).toString('hex');
  }

  async #syncFolder(file: string): Promise<void> {
    const folder = await open(this.#path(file.slice(0, 2), ''));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #path(shard: string, name: string): string {
    return join(this.#folder, shard, name);
  }
}

const pour = async (source: AsyncIterable<Buffer>, handle: FileHandle): Promise<number> => {
  let sizeBytes = 0;
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  const flush = async () => {
    if (gatheredBytes === 0) return;
    const { bytesWritten } = await handle.writev(gathered);
    if (bytesWritten !== gatheredBytes) throw new Error('the disk took less than it was given');
    gathered = [];
    gatheredBytes = 0;
  };
  for await (const part of source) {
    sizeBytes += part.length;
    gathered.push(part);
    gatheredBytes += part.length;
    if (gatheredBytes >= WRITE_BYTES) await flush();
  }
  await flush();
  return sizeBytes;
};
