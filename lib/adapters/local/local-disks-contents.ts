import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { BLOCK_BYTES } from '../../model/block.ts';
import type { ContentOptions } from '../../ports/disks.ts';
import {
  extentPath,
  FILES_IN_FLIGHT,
  piecesOf,
  syncExtents,
  writeFully,
} from './local-disks-extents.ts';
import { eachBounded, hasErrno, isPresent, syncPath, writeNewFile } from './local-disks-files.ts';
import { type Release, takeLock } from './local-disks-lock.ts';
import { contentText, readContentSize } from './local-disks-records.ts';
import {
  checkSize,
  contentPath,
  type LocalRoot,
  lockPath,
  newTempPath,
  proveRoot,
  withLock,
} from './local-disks-root.ts';

/**
 * A content of a restore attempt. Its folder's name is its state: `open-<attemptId>` is written to,
 * `closed-` is not any more, `sealed-` is durable too. Writers hold the content's lock shared and
 * closing takes it alone, so no late writer has a file open that a disk or a snapshot will share.
 */
type ContentState = 'open' | 'closed' | 'sealed';
export const CONTENT_STATES: readonly ContentState[] = ['open', 'closed', 'sealed'];
export const contentName = (state: ContentState, attemptId: string): string =>
  `${state}-${attemptId}`;

/** In a content folder: some bytes could not be brought to the disk, and only we were told. */
const FLUSH_FAILED = 'flush-failed';
/** Extents being flushed at once: enough to keep a disk busy, threads left to read and write. */
const FLUSHES_MAX = 2;
/** Extents remembered as partly written; a restore has a few at a time. */
const REMEMBERED_MAX = 4096;
/** A write of more is a mistake of the caller. */
const WRITE_BYTES_MAX = 256 * 2 ** 20;

export async function startContent(root: LocalRoot, options: ContentOptions): Promise<void> {
  const { attemptId, sizeBytes } = options;
  checkSize(sizeBytes);
  await withLock(root, 'content', attemptId, 'exclusive', async () => {
    for (const state of CONTENT_STATES) {
      const found = await readContentSize(root, contentPath(root, contentName(state, attemptId)));
      if (found === sizeBytes) return;
      if (found !== null)
        throw new HoldfastError('disk.invalid', {
          reason: `attempt ${attemptId} has ${found} bytes, not ${sizeBytes}`,
        });
    }
    const temp = newTempPath(root);
    await mkdir(temp);
    await writeNewFile(join(temp, 'content.json'), contentText(sizeBytes));
    await syncPath(temp);
    await rename(temp, contentPath(root, contentName('open', attemptId)));
    await syncPath(join(root.path, 'contents'));
  });
}

/** Extents that are brought to the disk in the background, see `flush`. */
export class Flushes {
  running = 0;
  /** Bytes written of extents that are not full yet, by path. */
  readonly #written = new Map<string, number>();

  /**
   * Whether an extent is due: all of it has been written, in parts perhaps, and not too many others
   * are being flushed. A wrong answer costs time alone: who seals flushes everything.
   */
  isDue(path: string, writtenBytes: number, extentBytes: number): boolean {
    const sum = (this.#written.get(path) ?? 0) + writtenBytes;
    this.#written.delete(path);
    if (sum >= extentBytes) return this.running < FLUSHES_MAX;
    if (this.#written.size >= REMEMBERED_MAX) this.#written.clear();
    this.#written.set(path, sum);
    return false;
  }
}

export async function writeBlocks(
  root: LocalRoot,
  flushes: Flushes,
  attemptId: string,
  from: number,
  blocks: Uint8Array,
): Promise<void> {
  const folder = contentPath(root, contentName('open', attemptId));
  const release = await takeLock(lockPath(root, 'content', attemptId), 'shared', root.lockWaitMs);
  if (release === null)
    throw new HoldfastError('disk.unavailable', { id: attemptId, operation: 'writeBlocks' });
  const full: FileHandle[] = [];
  try {
    const sizeBytes = await readContentSize(root, folder);
    if (sizeBytes === null) throw new HoldfastError('disk.content-closed', { id: attemptId });
    const offsetBytes = from * BLOCK_BYTES;
    checkWrite(sizeBytes, from, blocks.length);
    const inside = blocks.subarray(0, Math.min(blocks.length, sizeBytes - offsetBytes));
    const pieces = piecesOf(root.extentBytes, offsetBytes, inside.length);
    await eachBounded(pieces, FILES_IN_FLIGHT, async ({ extent, start, at, length }) => {
      const path = extentPath(folder, extent);
      const file = await openExtent(root, path);
      try {
        await writeFully(file, inside.subarray(at, at + length), start);
      } catch (error) {
        await file.close();
        throw error;
      }
      if (flushes.isDue(path, length, root.extentBytes)) {
        full.push(file);
        flushes.running++;
      } else await file.close();
    });
  } catch (error) {
    flushes.running -= full.length;
    await Promise.all(full.map((file) => file.close()));
    release();
    throw error;
  }
  if (full.length === 0) release();
  else void flush(folder, full, flushes, release);
}

function checkWrite(sizeBytes: number, from: number, lengthBytes: number): void {
  const end = from + lengthBytes / BLOCK_BYTES;
  const ok =
    Number.isSafeInteger(from) &&
    from >= 0 &&
    lengthBytes <= WRITE_BYTES_MAX &&
    lengthBytes % BLOCK_BYTES === 0 &&
    end <= Math.ceil(sizeBytes / BLOCK_BYTES);
  if (!ok)
    throw new HoldfastError('disk.invalid', {
      reason: `${lengthBytes} bytes at block ${from} are not whole blocks of ${sizeBytes} bytes`,
    });
}

/** Opens an extent that several writers fill in parts, and gives it its whole length. */
async function openExtent(root: LocalRoot, path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT;
  const file = await open(path, flags).catch(async (error: unknown) => {
    if (!hasErrno(error, 'ENOENT')) throw error;
    // Not recursive: when the content itself is gone, it must not come back.
    await mkdir(dirname(path)).catch((problem: unknown) => {
      if (!hasErrno(problem, 'EEXIST')) throw problem;
    });
    return await open(path, flags);
  });
  try {
    if ((await file.stat()).size !== root.extentBytes) await file.truncate(root.extentBytes);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/**
 * Starts to bring whole extents to the disk while the caller prepares the next, so that sealing has
 * little left to do. The kernel reports a failed write only once, so a failure is left in the
 * folder for the one who seals, who waits until the lock is released.
 */
async function flush(
  folder: string,
  files: FileHandle[],
  flushes: Flushes,
  release: Release,
): Promise<void> {
  try {
    await Promise.all(files.map((file) => file.datasync()));
  } catch {
    // Should this fail too, then so will the renames of sealing: the file system is broken.
    await writeFile(join(folder, FLUSH_FAILED), '').catch(() => {});
  }
  await Promise.allSettled(files.map((file) => file.close()));
  flushes.running -= files.length;
  release();
}

export async function sealContent(root: LocalRoot, attemptId: string): Promise<void> {
  const [open, closed, sealed] = CONTENT_STATES.map((state) =>
    contentPath(root, contentName(state, attemptId)),
  ) as [string, string, string];
  await withLock(root, 'content', attemptId, 'exclusive', async () => {
    if (await isPresent(open)) await rename(open, closed);
  });
  await proveRoot(root, 'sealing');
  try {
    if (await isPresent(join(closed, FLUSH_FAILED)))
      throw new HoldfastError('disk.unavailable', { id: attemptId, operation: 'flushing' });
    await syncExtents(root, closed);
    await rename(closed, sealed);
    await syncPath(join(root.path, 'contents'));
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    if (!(await isPresent(sealed)))
      throw new HoldfastError('disk.content-closed', { id: attemptId });
  }
}
