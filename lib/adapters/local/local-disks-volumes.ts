import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import type { Disk } from '../../model/disk.ts';
import type { Tag } from '../../model/tag.ts';
import {
  extentCount,
  extentPath,
  FILES_IN_FLIGHT,
  piecesOf,
  readExtents,
  replaceExtent,
  storedExtents,
  syncExtents,
} from './local-disks-extents.ts';
import { eachBounded, isPresent, syncPath } from './local-disks-files.ts';
import { type DiskRecord, findDisk, readDisk, toDisk, writeDisk } from './local-disks-records.ts';
import { newDiskRecord } from './local-disks-restores.ts';
import {
  checkSize,
  contentPath,
  discard,
  diskPath,
  type LocalRoot,
  withLock,
} from './local-disks-root.ts';

/** Where disks are that are imported; serverless.yml says the same of those that are restored. */
export const LOCAL_ZONE = 'local-1';

/** What an imported or blank disk is called and where it says it is. */
export interface DiskName {
  id: string;
  name: string;
  availabilityZone?: string | undefined;
  tags?: Tag[] | undefined;
}

/** A blank disk in status `available`. */
export async function addDisk(
  root: LocalRoot,
  disk: DiskName & { sizeBytes: number },
): Promise<Disk> {
  checkSize(disk.sizeBytes);
  return await fillDisk(root, disk, async () => disk.sizeBytes);
}

/**
 * Makes a new disk of what `fill` puts into an empty folder; `fill` gives the size in bytes. The
 * disk appears when its content is durable. Until then the lock keeps `sweep` away from the folder.
 */
export async function fillDisk(
  root: LocalRoot,
  disk: DiskName,
  fill: (folder: string) => Promise<number>,
): Promise<Disk> {
  await refuseExisting(root, disk.id);
  const content = `disk-${randomUUID()}`;
  const folder = contentPath(root, content);
  return await withLock(root, 'import', content, 'shared', async () => {
    try {
      await mkdir(folder);
      const sizeBytes = await fill(folder);
      checkSize(sizeBytes);
      await syncExtents(root, folder);
      await syncPath(join(root.path, 'contents'));
      return await publishDisk(root, { ...disk, sizeBytes }, content);
    } catch (error) {
      // When the record may name the content (its last sync failed), the content has to stay.
      if ((await findDisk(root, disk.id))?.content !== content) await discard(root, folder);
      throw error;
    }
  });
}

async function publishDisk(
  root: LocalRoot,
  disk: DiskName & { sizeBytes: number },
  content: string,
): Promise<Disk> {
  return await withLock(root, 'disk', disk.id, 'exclusive', async () => {
    await refuseExisting(root, disk.id);
    const named = { ...disk, availabilityZone: disk.availabilityZone ?? LOCAL_ZONE };
    const record = newDiskRecord(root, named, { status: 'available', content });
    await writeDisk(root, record);
    return toDisk(record);
  });
}

async function refuseExisting(root: LocalRoot, diskId: string): Promise<void> {
  if ((await findDisk(root, diskId)) !== null)
    throw new HoldfastError('disk.exists', { id: diskId });
}

/** Any bytes of the disk as it is now. */
export async function readDiskBytes(
  root: LocalRoot,
  diskId: string,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return await withLock(root, 'disk', diskId, 'shared', async () => {
    const disk = await readDisk(root, diskId);
    checkSpan(disk, offsetBytes, lengthBytes);
    const bytes = new Uint8Array(lengthBytes);
    if (disk.content === null) return bytes;
    const folder = contentPath(root, disk.content);
    await readExtents(root, { folder, sizeBytes: disk.sizeBytes }, offsetBytes, bytes);
    return bytes;
  });
}

/**
 * Writes any bytes at any offset. Each extent is replaced in one step: after a crash it is old or
 * new, and extents of one write may differ in that, as on any disk. Durable when it resolves.
 */
export async function writeDiskBytes(
  root: LocalRoot,
  diskId: string,
  offsetBytes: number,
  bytes: Uint8Array,
): Promise<void> {
  await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const disk = await readDisk(root, diskId);
    checkSpan(disk, offsetBytes, bytes.length);
    const folder = writableContent(root, disk);
    const pieces = [...piecesOf(root.extentBytes, offsetBytes, bytes.length)];
    await eachBounded(pieces, FILES_IN_FLIGHT, async ({ extent, start, at, length }) => {
      let whole = bytes.subarray(at, at + length);
      if (length < root.extentBytes) {
        const patch = whole;
        whole = await wholeExtent(root, folder, disk.sizeBytes, extent);
        whole.set(patch, start);
      }
      await replaceExtent(root, folder, extent, whole);
    });
    const groups = new Set(pieces.map(({ extent }) => dirname(extentPath(folder, extent))));
    for (const group of groups) await syncPath(group);
    await syncPath(folder);
  });
}

const wholeExtent = async (
  root: LocalRoot,
  folder: string,
  sizeBytes: number,
  extent: number,
): Promise<Uint8Array> => {
  const whole = Buffer.allocUnsafeSlow(root.extentBytes);
  await readExtents(root, { folder, sizeBytes }, extent * root.extentBytes, whole);
  return whole;
};

function writableContent(root: LocalRoot, { id, status, content }: DiskRecord): string {
  if (content === null || (status !== 'available' && status !== 'in-use'))
    throw new HoldfastError('disk.busy', { id, reason: `it is ${status}` });
  return contentPath(root, content);
}

function checkSpan(disk: DiskRecord, offsetBytes: number, lengthBytes: number): void {
  const ok =
    Number.isSafeInteger(offsetBytes) &&
    Number.isSafeInteger(lengthBytes) &&
    offsetBytes >= 0 &&
    lengthBytes >= 0 &&
    offsetBytes + lengthBytes <= disk.sizeBytes;
  if (!ok)
    throw new HoldfastError('disk.invalid', {
      reason: `${lengthBytes} bytes at ${offsetBytes} are not within ${disk.sizeBytes} bytes`,
    });
}

/**
 * Changes the size. What lies beyond the old end is cleared before growing and again after
 * shrinking: a crash after the record has the smaller size leaves bytes that must not come back.
 */
export async function resizeDisk(
  root: LocalRoot,
  diskId: string,
  sizeBytes: number,
): Promise<Disk> {
  checkSize(sizeBytes);
  return await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const disk = await readDisk(root, diskId);
    const folder = writableContent(root, disk);
    const resized: DiskRecord = { ...disk, sizeBytes };
    if (sizeBytes > disk.sizeBytes) await clearBeyond(root, folder, disk.sizeBytes);
    await writeDisk(root, resized);
    if (sizeBytes < disk.sizeBytes) await clearBeyond(root, folder, sizeBytes);
    return toDisk(resized);
  });
}

/** Drops the extents beyond `sizeBytes`, and zeroes the rest of the extent that it cuts. */
async function clearBeyond(root: LocalRoot, folder: string, sizeBytes: number): Promise<void> {
  const count = extentCount(root, sizeBytes);
  for await (const extents of storedExtents(folder, count, Number.MAX_SAFE_INTEGER)) {
    await eachBounded(extents, FILES_IN_FLIGHT, (extent) =>
      rm(extentPath(folder, extent), { force: true }),
    );
    if (extents[0] !== undefined) await syncPath(dirname(extentPath(folder, extents[0])));
  }
  const last = extentPath(folder, count - 1);
  if (sizeBytes % root.extentBytes === 0 || !(await isPresent(last))) return;
  await replaceExtent(
    root,
    folder,
    count - 1,
    await wholeExtent(root, folder, sizeBytes, count - 1),
  );
  await syncPath(dirname(last));
}

/** Deletes a disk; its snapshots stay readable until they are deleted themselves. */
export async function deleteDisk(root: LocalRoot, diskId: string): Promise<void> {
  await withLock(root, 'disk', diskId, 'exclusive', async () => {
    const disk = await findDisk(root, diskId);
    if (disk === null) return;
    if (disk.status === 'restoring')
      throw new HoldfastError('disk.busy', { id: diskId, reason: 'it is restoring' });
    await rm(diskPath(root, diskId));
    await syncPath(join(root.path, 'disks'));
    if (disk.content !== null) await discard(root, contentPath(root, disk.content));
  });
}
