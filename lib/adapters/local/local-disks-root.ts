import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { BLOCK_BYTES, DISK_BYTES_MAX } from '../../model/block.ts';
import {
  hasErrno,
  isPresent,
  readText,
  syncPath,
  unlessMissing,
  writeNewFile,
} from './local-disks-files.ts';
import { type LockMode, takeLock } from './local-disks-lock.ts';

/**
 * The folder that holds everything:
 *
 *     format.json                      version and extent size; proof that this is the folder
 *     disks/<diskId>.json              a disk: what it is, and which content it has
 *     contents/<name>/<g>/<e>          extent g * 1024 + e of a content; a missing one is zeros
 *     contents/<name>/content.json     its size, when a restore made it
 *     snapshots/<snapshotId>/...       record.json, and extents shared with contents by hard links
 *     locks/                           empty files, never deleted
 *     tmp/ trash/                      what is not yet, or no longer, part of anything
 *
 * Order rule: what is named is durable before the name. Things appear and vanish by one rename.
 */
export interface LocalRoot {
  path: string;
  extentBytes: number;
  /** How long to wait for another process that works on the same disk. */
  lockWaitMs: number;
  nowMs: () => number;
}

const FOLDERS = ['disks', 'contents', 'snapshots', 'locks', 'tmp', 'trash'];
const ID = /^[A-Za-z0-9-]{1,64}$/;

/** Creates the folder's parts where they are missing; refuses one made with other extents. */
export async function initialiseRoot(root: LocalRoot): Promise<void> {
  const { extentBytes } = root;
  if (!Number.isSafeInteger(extentBytes) || extentBytes < 1 || extentBytes % BLOCK_BYTES !== 0)
    throw new HoldfastError('config.invalid', {
      name: 'extentBytes',
      reason: `must be a multiple of ${BLOCK_BYTES}`,
    });
  await Promise.all(FOLDERS.map((name) => mkdir(join(root.path, name), { recursive: true })));
  const formatPath = join(root.path, 'format.json');
  const format = JSON.stringify({ version: 1, extentBytes });
  if (!(await isPresent(formatPath))) {
    const temp = newTempPath(root);
    await writeNewFile(temp, format);
    await link(temp, formatPath).catch((error: unknown) => {
      if (!hasErrno(error, 'EEXIST')) throw error;
    });
    await rm(temp);
    await syncPath(root.path);
  }
  const found = await readText(formatPath);
  if (found !== format)
    throw new HoldfastError('config.invalid', {
      name: root.path,
      reason: `the folder has format ${found ?? 'none'}, expected ${format}`,
    });
}

/** Called before a missing file is taken for a missing disk: the folder itself must be there. */
export async function proveRoot(root: LocalRoot, operation: string): Promise<void> {
  if (!(await isPresent(join(root.path, 'format.json'))))
    throw new HoldfastError('disk.unavailable', { id: root.path, operation });
}

/** Ids become file names: anything that could leave the folder is refused. */
export function checkId(id: string, what: string): void {
  if (!ID.test(id))
    throw new HoldfastError('disk.invalid', {
      reason: `${what} ${JSON.stringify(id).slice(0, 80)} must be 1 to 64 letters, digits or dashes`,
    });
}

export function checkSize(sizeBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > DISK_BYTES_MAX)
    throw new HoldfastError('disk.invalid', {
      reason: `size ${sizeBytes} must be 1 to ${DISK_BYTES_MAX} bytes`,
    });
}

export const diskPath = (root: LocalRoot, diskId: string): string =>
  join(root.path, 'disks', `${diskId}.json`);
export const contentPath = (root: LocalRoot, name: string): string =>
  join(root.path, 'contents', name);
export const snapshotPath = (root: LocalRoot, snapshotId: string): string =>
  join(root.path, 'snapshots', snapshotId);
export const newTempPath = (root: LocalRoot): string => join(root.path, 'tmp', randomUUID());

/**
 * Takes a folder away in one step; nothing when it is already gone. Its space is freed in the
 * background: a file system that discards (`mount -o discard`) takes seconds for a few GiB, and
 * nobody should wait for them under a lock. A failure or a crash leaves the rest to `sweep`.
 */
export async function discard(root: LocalRoot, path: string): Promise<void> {
  const trash = join(root.path, 'trash', randomUUID());
  const moved = await unlessMissing(rename(path, trash).then(() => true));
  if (moved) void removeFolder(trash).catch(() => {});
}

/** One file at a time, so that no more than one of Node's few file threads is busy with it. */
async function removeFolder(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const entryPath = join(path, entry.name);
    if (entry.isDirectory()) await removeFolder(entryPath);
    else await rm(entryPath, { force: true });
  }
  await rmdir(path);
}

/**
 * What a lock protects. Whoever takes two takes them in this order, so nobody waits in a circle.
 */
export type LockKind = 'import' | 'disk' | 'content';

/**
 * Runs `work` under a lock. There is a fixed number of lock files, because they can never be
 * deleted; two names that fall on the same file only wait for each other.
 */
export async function withLock<T>(
  root: LocalRoot,
  kind: LockKind,
  id: string,
  mode: LockMode,
  work: () => Promise<T>,
): Promise<T> {
  const release = await takeLock(lockPath(root, kind, id), mode, root.lockWaitMs);
  if (release === null)
    throw new HoldfastError('disk.unavailable', {
      id,
      operation: `locking (${root.lockWaitMs} ms)`,
    });
  try {
    return await work();
  } finally {
    release();
  }
}

export const lockPath = (root: LocalRoot, kind: LockKind, id: string): string => {
  const stripe = createHash('sha256').update(id).digest('hex').slice(0, 2);
  return join(root.path, 'locks', `${kind}-${stripe}`);
};
