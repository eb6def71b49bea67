import { HoldfastError } from '../../errors.ts';
import { type Disk, mayBeRestored } from '../../model/disk.ts';
import type { Tag } from '../../model/tag.ts';
import { CONTENT_STATES, contentName } from './local-disks-contents.ts';
import {
  type DiskRecord,
  findDisk,
  readContentSize,
  readDisk,
  toDisk,
  writeDisk,
} from './local-disks-records.ts';
import { checkSize, contentPath, discard, type LocalRoot, withLock } from './local-disks-root.ts';

export interface NewDisk {
  id: string;
  name: string;
  sizeBytes: number;
  availabilityZone: string;
  tags?: Tag[] | undefined;
}

export async function createDisk(root: LocalRoot, disk: NewDisk): Promise<Disk> {
  checkSize(disk.sizeBytes);
  return await withLock(root, 'disk', disk.id, 'exclusive', async () => {
    const existing = await findDisk(root, disk.id);
    if (existing !== null) {
      if (existing.sizeBytes === disk.sizeBytes) return toDisk(existing);
      throw new HoldfastError('disk.exists', { id: disk.id });
    }
    const record = newDiskRecord(root, disk, { status: 'creating', content: null });
    await writeDisk(root, record);
    return toDisk(record);
  });
}

export const newDiskRecord = (
  root: LocalRoot,
  disk: NewDisk,
  state: Pick<DiskRecord, 'status' | 'content'>,
): DiskRecord => ({
  version: 1,
  id: disk.id,
  name: disk.name,
  sizeBytes: disk.sizeBytes,
  availabilityZone: disk.availabilityZone,
  bootable: false,
  encrypted: false,
  tags: disk.tags ?? [],
  createdAtMs: root.nowMs(),
  attemptId: null,
  lastAttempt: null,
  ...state,
});

/**
 * An attempt runs once: a late repetition of the call, after the attempt has ended here, does not
 * take the disk again.
 */
export async function beginRestore(
  root: LocalRoot,
  diskId: string,
  attemptId: string,
): Promise<void> {
  await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const disk = await readDisk(root, diskId);
    if (disk.attemptId === attemptId || hasFinished(disk, attemptId)) return;
    if (!mayBeRestored(disk.status))
      throw new HoldfastError('disk.busy', { id: diskId, reason: `it is ${disk.status}` });
    if (disk.lastAttempt?.id === attemptId)
      throw new HoldfastError('disk.busy', { id: diskId, reason: `${attemptId} gave it up` });
    await writeDisk(root, { ...disk, status: 'restoring', attemptId });
  });
}

/**
 * The swap is the replacement of the disk's record. The old content is dropped after it, and a
 * crash in between leaves it to `sweep`. A content smaller than the disk is followed by zeros.
 */
export async function finishRestore(
  root: LocalRoot,
  diskId: string,
  attemptId: string,
): Promise<void> {
  await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const disk = await readDisk(root, diskId);
    if (hasFinished(disk, attemptId)) return;
    if (disk.attemptId !== attemptId)
      throw new HoldfastError('disk.busy', { id: diskId, reason: `${attemptId} does not own it` });
    const content = contentName('sealed', attemptId);
    const sizeBytes = await readContentSize(root, contentPath(root, content));
    if (sizeBytes === null || sizeBytes > disk.sizeBytes)
      throw new HoldfastError('disk.invalid', {
        reason: `attempt ${attemptId} has no sealed content of at most ${disk.sizeBytes} bytes`,
      });
    const lastAttempt = { id: attemptId, finished: true };
    await writeDisk(root, { ...disk, status: 'available', content, attemptId: null, lastAttempt });
    if (disk.content !== null) await discard(root, contentPath(root, disk.content));
  });
}

/** First the content, then the disk: repeated after a crash, the call still owns what is left. */
export async function abandonRestore(
  root: LocalRoot,
  diskId: string,
  attemptId: string,
): Promise<void> {
  await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const disk = await readDisk(root, diskId);
    if (disk.attemptId !== attemptId) return;
    await withLock(root, 'content', attemptId, 'exclusive', async () => {
      for (const state of CONTENT_STATES)
        await discard(root, contentPath(root, contentName(state, attemptId)));
    });
    const status = disk.content === null ? 'error' : 'available';
    const lastAttempt = { id: attemptId, finished: false };
    await writeDisk(root, { ...disk, status, attemptId: null, lastAttempt });
  });
}

const hasFinished = ({ lastAttempt }: DiskRecord, attemptId: string): boolean =>
  lastAttempt?.id === attemptId && lastAttempt.finished;
