import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { BLOCK_BYTES, type BlockRange, blockCount } from '../../model/block.ts';
import type { Snapshot } from '../../model/disk.ts';
import {
  differingExtents,
  linkExtents,
  readExtents,
  storedExtents,
} from './local-disks-extents.ts';
import { hasErrno, syncPath, writeNewFile } from './local-disks-files.ts';
import {
  findSnapshot,
  readDisk,
  readSnapshot,
  type SnapshotRecord,
  toSnapshot,
} from './local-disks-records.ts';
import {
  contentPath,
  discard,
  type LocalRoot,
  newTempPath,
  snapshotPath,
  withLock,
} from './local-disks-root.ts';

/** A read of more is a mistake of the caller: 256 MiB would be in memory at once. */
const READ_BLOCKS_MAX = 512;
const TOKEN_CHARS_MAX = 1024;

/**
 * Takes a snapshot under the disk's lock, so no write, resize or swap happens between the links. It
 * is built aside and appears by one rename. Its id begins with a hash of disk and token, by which
 * a repeated call finds it, and ends in random: an id never comes back with another content, which
 * change tracking rests on.
 */
export async function createSnapshot(
  root: LocalRoot,
  diskId: string,
  token: string,
): Promise<Snapshot> {
  if (token.length === 0 || token.length > TOKEN_CHARS_MAX)
    throw new HoldfastError('disk.invalid', { reason: 'the token has no or too many characters' });
  return await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const prefix = idPrefix(diskId, token);
    const names = await readdir(join(root.path, 'snapshots'));
    const name = names.find((found) => found.startsWith(prefix));
    const existing = name === undefined ? null : await findSnapshot(root, name);
    if (existing !== null) return toSnapshot(existing);

    const disk = await readDisk(root, diskId);
    const record: SnapshotRecord = {
      version: 1,
      id: `${prefix}${randomBytes(8).toString('hex').replace(/^.{4}/, '$&-')}`,
      diskId,
      sizeBytes: disk.sizeBytes,
      takenAtMs: root.nowMs(),
    };
    const temp = await freeze(root, disk);
    await writeNewFile(join(temp, 'record.json'), JSON.stringify(record));
    await syncPath(temp);
    await rename(temp, snapshotPath(root, record.id));
    await syncPath(join(root.path, 'snapshots'));
    return toSnapshot(record);
  });
}

/** The first half of a UUID, with its last dash. */
const idPrefix = (diskId: string, token: string): string =>
  createHash('sha256')
    .update(JSON.stringify([diskId, token]))
    .digest('hex')
    .slice(0, 16)
    .replace(/^(.{8})(.{4})(.{4})$/, '$1-$2-$3-');

/** A folder of its own in `tmp/` that shares the disk's extents. The caller holds the lock. */
export async function freeze(
  root: LocalRoot,
  disk: { content: string | null; sizeBytes: number },
): Promise<string> {
  const temp = newTempPath(root);
  await mkdir(temp);
  if (disk.content !== null)
    await linkExtents(root, contentPath(root, disk.content), temp, disk.sizeBytes);
  return temp;
}

export async function deleteSnapshot(root: LocalRoot, snapshotId: string): Promise<void> {
  if ((await findSnapshot(root, snapshotId)) === null) return;
  await discard(root, snapshotPath(root, snapshotId));
  await syncPath(join(root.path, 'snapshots'));
}

/** Snapshots of a disk, also of a deleted one, oldest first. */
export async function listSnapshots(root: LocalRoot, diskId: string): Promise<Snapshot[]> {
  const found: Snapshot[] = [];
  for (const id of await readdir(join(root.path, 'snapshots'))) {
    const record = await findSnapshot(root, id);
    if (record?.diskId === diskId) found.push(toSnapshot(record));
  }
  return found.toSorted((a, b) => a.takenAtMs - b.takenAtMs || (a.id < b.id ? -1 : 1));
}

export async function allocatedBlocks(
  root: LocalRoot,
  snapshotId: string,
  range: BlockRange,
): Promise<BlockRange[]> {
  checkRange(range);
  const snapshot = await readSnapshot(root, snapshotId);
  const end = Math.min(range.to, blockCount(snapshot.sizeBytes));
  const [from, to] = extentsOf(root, { from: range.from, to: end });
  return await whileSnapshotStands(root, snapshotId, async (folder) => {
    const runs: BlockRange[] = [];
    for await (const extents of storedExtents(folder, from, to))
      for (const extent of extents) addExtent(root, runs, extent, { from: range.from, to: end });
    return runs;
  });
}

export async function changedBlocks(
  root: LocalRoot,
  base: string,
  snapshotId: string,
  range: BlockRange,
): Promise<BlockRange[] | null> {
  checkRange(range);
  const snapshot = await readSnapshot(root, snapshotId);
  const baseSnapshot = await findSnapshot(root, base);
  if (baseSnapshot === null || baseSnapshot.diskId !== snapshot.diskId) return null;

  const sharedEnd = Math.min(range.to, sharedBlocks(baseSnapshot.sizeBytes, snapshot.sizeBytes));
  const shared = { from: range.from, to: Math.max(range.from, sharedEnd) };
  const [from, to] = extentsOf(root, shared);
  const runs = await whileSnapshotStands(root, snapshotId, async (folder) => {
    const found: BlockRange[] = [];
    for await (const extent of differingExtents(snapshotPath(root, base), folder, from, to))
      addExtent(root, found, extent, shared);
    if (shared.to < range.to) addRun(found, { from: shared.to, to: range.to });
    return found;
  }).catch(async (error: unknown) => {
    if ((await findSnapshot(root, base)) === null) return null;
    throw error;
  });
  return (await findSnapshot(root, base)) === null ? null : runs;
}

/** Whole blocks that both sizes have; of two equal sizes the tail, too, can be compared. */
const sharedBlocks = (sizeA: number, sizeB: number): number =>
  sizeA === sizeB ? blockCount(sizeA) : Math.floor(Math.min(sizeA, sizeB) / BLOCK_BYTES);

export async function readBlocks(
  root: LocalRoot,
  snapshotId: string,
  range: BlockRange,
): Promise<Uint8Array<ArrayBuffer>> {
  checkRange(range);
  const { sizeBytes } = await readSnapshot(root, snapshotId);
  const count = range.to - range.from;
  if (count > READ_BLOCKS_MAX || range.to > blockCount(sizeBytes))
    throw new HoldfastError('disk.invalid', {
      reason: `blocks ${range.from} to ${range.to} are more than ${READ_BLOCKS_MAX} or not all there`,
    });
  // "Slow" buffers have an ArrayBuffer of their own, and are not cleared first.
  const blocks = new Uint8Array(Buffer.allocUnsafeSlow(count * BLOCK_BYTES).buffer);
  return await whileSnapshotStands(root, snapshotId, async (folder) => {
    await readExtents(root, { folder, sizeBytes }, range.from * BLOCK_BYTES, blocks);
    return blocks;
  });
}

/**
 * A missing extent means zeros only while the snapshot exists. Deleting starts with renaming the
 * snapshot's folder, so whoever still finds it after the work has seen nothing but real holes.
 */
async function whileSnapshotStands<T>(
  root: LocalRoot,
  snapshotId: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const result = await work(snapshotPath(root, snapshotId)).catch(async (error: unknown) => {
    if (hasErrno(error, 'ENOENT')) await readSnapshot(root, snapshotId);
    throw error;
  });
  await readSnapshot(root, snapshotId);
  return result;
}

function checkRange({ from, to }: BlockRange): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from)
    throw new HoldfastError('disk.invalid', { reason: `no range of blocks: ${from} to ${to}` });
}

/** The extents that a range of blocks touches. */
const extentsOf = (root: LocalRoot, range: BlockRange): [from: number, to: number] => {
  const extentBlocks = root.extentBytes / BLOCK_BYTES;
  return [Math.floor(range.from / extentBlocks), Math.ceil(range.to / extentBlocks)];
};

/** Adds the blocks of an extent that lie within `range` to ascending runs. */
function addExtent(root: LocalRoot, runs: BlockRange[], extent: number, range: BlockRange): void {
  const extentBlocks = root.extentBytes / BLOCK_BYTES;
  const from = Math.max(range.from, extent * extentBlocks);
  const to = Math.min(range.to, (extent + 1) * extentBlocks);
  if (from < to) addRun(runs, { from, to });
}

function addRun(runs: BlockRange[], run: BlockRange): void {
  const last = runs.at(-1);
  if (last?.to === run.from) last.to = run.to;
  else runs.push({ ...run });
}
