import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError } from '../../errors.ts';
import { BLOCK_BYTES, DISK_BYTES_MAX } from '../../model/block.ts';
import type { Disk } from '../../model/disk.ts';
import {
  extentCount,
  extentPath,
  FILES_IN_FLIGHT,
  readExtents,
  readFully,
  storedExtents,
  writeFully,
} from './local-disks-extents.ts';
import { eachBounded } from './local-disks-files.ts';
import { readDisk } from './local-disks-records.ts';
import { type LocalRoot, withLock } from './local-disks-root.ts';
import { freeze } from './local-disks-snapshots.ts';
import { type DiskName, fillDisk } from './local-disks-volumes.ts';

export interface TransferOptions {
  /** Called with the bytes done so far, zeros included, about every 4 MiB. */
  onProgress?: ((doneBytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface ImportOptions extends DiskName, TransferOptions {
  /** Path of a raw image or a block device; or its bytes, such as standard input. */
  source: string | AsyncIterable<Uint8Array>;
}

/** Makes a disk of a raw image, sparse: an extent of zeros is not stored. */
export async function importDisk(root: LocalRoot, options: ImportOptions): Promise<Disk> {
  const { source } = options;
  return await fillDisk(root, options, async (folder) => {
    const extents = new ExtentWriter(root, folder, options);
    if (typeof source !== 'string') return await storeStream(root, source, extents);
    const file = await open(source, 'r').catch((cause: unknown) => {
      const reason = `the source ${source} cannot be opened`;
      throw new HoldfastError('disk.invalid', { reason }, { cause });
    });
    try {
      return await storeFile(root, file, extents);
    } finally {
      await file.close();
    }
  });
}

class ExtentWriter {
  readonly #root: LocalRoot;
  readonly #folder: string;
  readonly #options: TransferOptions;
  readonly #zeros: Uint8Array;
  #doneBytes = 0;

  constructor(root: LocalRoot, folder: string, options: TransferOptions) {
    this.#root = root;
    this.#folder = folder;
    this.#options = options;
    this.#zeros = new Uint8Array(root.extentBytes);
  }

  /** Stores an extent of which `filledBytes` count; the rest of the buffer is cleared. */
  async store(extent: number, buffer: Buffer, filledBytes: number): Promise<void> {
    refuseAborted(this.#options);
    if (extent * this.#root.extentBytes >= DISK_BYTES_MAX)
      throw new HoldfastError('disk.invalid', {
        reason: `the source is over ${DISK_BYTES_MAX} bytes`,
      });
    buffer.fill(0, filledBytes);
    // A comparison stops at the first byte that differs: it costs nothing where there is data.
    if (!buffer.equals(this.#zeros)) await this.#write(extent, buffer);
    this.#doneBytes += filledBytes;
    this.#options.onProgress?.(this.#doneBytes);
  }

  async #write(extent: number, buffer: Buffer): Promise<void> {
    const path = extentPath(this.#folder, extent);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'wx');
    try {
      await writeFully(file, buffer, 0);
    } finally {
      await file.close();
    }
  }
}

function refuseAborted({ signal }: TransferOptions): void {
  if (signal?.aborted === true)
    throw new HoldfastError('Holdfast.Cancelled', {}, { cause: signal.reason });
}

/** Reads extents side by side; the size is where reading finds the end, also of a device. */
async function storeFile(
  root: LocalRoot,
  file: FileHandle,
  extents: ExtentWriter,
): Promise<number> {
  let next = 0;
  let endBytes = Number.POSITIVE_INFINITY;
  let readBytes = 0;
  await eachBounded(Array.from({ length: FILES_IN_FLIGHT }), FILES_IN_FLIGHT, async () => {
    const buffer = Buffer.allocUnsafeSlow(root.extentBytes);
    while (next * root.extentBytes < endBytes) {
      const extent = next++;
      const fromBytes = extent * root.extentBytes;
      const filledBytes = await readFully(file, buffer, fromBytes);
      const toBytes = fromBytes + filledBytes;
      if (filledBytes < root.extentBytes) endBytes = Math.min(endBytes, toBytes);
      if (filledBytes === 0) continue;
      readBytes = Math.max(readBytes, toBytes);
      await extents.store(extent, buffer, filledBytes);
    }
  });
  if (readBytes !== endBytes)
    throw new HoldfastError('disk.invalid', { reason: 'the source grew while it was read' });
  return readBytes;
}

async function storeStream(
  root: LocalRoot,
  source: AsyncIterable<Uint8Array>,
  extents: ExtentWriter,
): Promise<number> {
  let sizeBytes = 0;
  const filled = extentsOfStream(source, root.extentBytes);
  await eachBounded(filled, FILES_IN_FLIGHT, async ({ extent, buffer, filledBytes }) => {
    sizeBytes += filledBytes;
    await extents.store(extent, buffer, filledBytes);
  });
  return sizeBytes;
}

async function* extentsOfStream(source: AsyncIterable<Uint8Array>, extentBytes: number) {
  let extent = 0;
  let buffer = Buffer.allocUnsafeSlow(extentBytes);
  let filledBytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + extentBytes - filledBytes);
      buffer.set(part, filledBytes);
      filledBytes += part.length;
      at += part.length;
      if (filledBytes < extentBytes) continue;
      yield { extent: extent++, buffer, filledBytes };
      buffer = Buffer.allocUnsafeSlow(extentBytes);
      filledBytes = 0;
    }
  }
  if (filledBytes > 0) yield { extent, buffer, filledBytes };
}

/**
 * Copies a disk as it is at this moment into a raw file (sparse), a block device, or a stream.
 * A file is truncated first, and durable when the promise resolves; a failure leaves it in part.
 */
export async function exportDisk(
  root: LocalRoot,
  diskId: string,
  target: string | Writable,
  options: TransferOptions = {},
): Promise<void> {
  const { folder, sizeBytes } = await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const disk = await readDisk(root, diskId);
    return { folder: await freeze(root, disk), sizeBytes: disk.sizeBytes };
  });
  try {
    const content = { folder, sizeBytes };
    if (typeof target === 'string') await exportToFile(root, content, target, options);
    else await exportToStream(root, content, target, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Content = { folder: string; sizeBytes: number };

async function exportToFile(
  root: LocalRoot,
  content: Content,
  path: string,
  options: TransferOptions,
): Promise<void> {
  const file = await open(path, 'w').catch((cause: unknown) => {
    throw new HoldfastError('disk.invalid', { reason: `${path} cannot be written` }, { cause });
  });
  try {
    const isSparse = (await file.stat()).isFile();
    if (isSparse) await file.truncate(content.sizeBytes);
    const extents = isSparse ? allocatedOf(root, content) : allOf(root, content);
    await eachBounded(extents, FILES_IN_FLIGHT, async (extent) => {
      refuseAborted(options);
      const bytes = await readExtent(root, content, extent);
      for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
        const block = bytes.subarray(at, at + BLOCK_BYTES);
        if (isSparse && ZEROS.subarray(0, block.length).equals(block)) continue;
        await writeFully(file, block, extent * root.extentBytes + at);
      }
      options.onProgress?.(Math.min((extent + 1) * root.extentBytes, content.sizeBytes));
    });
    await file.sync();
  } finally {
    await file.close();
  }
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);

async function exportToStream(
  root: LocalRoot,
  content: Content,
  target: Writable,
  { onProgress, signal }: TransferOptions,
): Promise<void> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let doneBytes = 0;
    for (const extent of allOf(root, content)) {
      const bytes = await readExtent(root, content, extent);
      yield bytes;
      doneBytes += bytes.length;
      onProgress?.(doneBytes);
    }
  }
  await pipeline(Readable.from(chunks(), { objectMode: false }), target, signal ? { signal } : {});
}

async function* allocatedOf(root: LocalRoot, content: Content): AsyncGenerator<number> {
  for await (const extents of storedExtents(
    content.folder,
    0,
    extentCount(root, content.sizeBytes),
  ))
    yield* extents;
}

function* allOf(root: LocalRoot, content: Content): Generator<number> {
  const count = extentCount(root, content.sizeBytes);
  for (let extent = 0; extent < count; extent++) yield extent;
}

/** A buffer of its own each time: a stream may keep it. */
async function readExtent(root: LocalRoot, content: Content, extent: number): Promise<Buffer> {
  const fromBytes = extent * root.extentBytes;
  const lengthBytes = Math.min(root.extentBytes, content.sizeBytes - fromBytes);
  const bytes = Buffer.allocUnsafeSlow(lengthBytes);
  await readExtents(root, content, fromBytes, bytes);
  return bytes;
}
