import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { HoldfastError } from '../../errors.ts';
import { DISK_BYTES_MAX } from '../../model/block.ts';
import type { Disk, Snapshot } from '../../model/disk.ts';
import { readText, replaceFile } from './local-disks-files.ts';
import {
  diskPath,
  type LocalRoot,
  newTempPath,
  proveRoot,
  snapshotPath,
} from './local-disks-root.ts';

const sizeBytes = z.int().min(1).max(DISK_BYTES_MAX);

const diskRecord = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  name: z.string(),
  sizeBytes,
  status: z.enum(['creating', 'available', 'in-use', 'restoring', 'error']),
  availabilityZone: z.string(),
  bootable: z.boolean(),
  encrypted: z.boolean(),
  /** Absent from records that are older than tags. */
  tags: z.array(z.strictObject({ key: z.string(), value: z.string() })).optional(),
  createdAtMs: z.int(),
  /** Name of the folder in `contents/`; `null`: never filled, all zeros. */
  content: z.string().nullable(),
  /** The restore attempt that owns the disk. */
  attemptId: z.string().nullable(),
  /** The last attempt that ended here, so that it can be told that it did. */
  lastAttempt: z.strictObject({ id: z.string(), finished: z.boolean() }).nullable(),
});
export type DiskRecord = z.infer<typeof diskRecord>;

const snapshotRecord = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  diskId: z.string(),
  sizeBytes,
  takenAtMs: z.int(),
});
export type SnapshotRecord = z.infer<typeof snapshotRecord>;

const contentRecord = z.strictObject({ version: z.literal(1), sizeBytes });

/** The record of a disk; `disk.missing` when there is none. */
export async function readDisk(root: LocalRoot, diskId: string): Promise<DiskRecord> {
  const record = await findDisk(root, diskId);
  if (record === null) throw new HoldfastError('disk.missing', { id: diskId });
  return record;
}

export async function findDisk(root: LocalRoot, diskId: string): Promise<DiskRecord | null> {
  return await readRecord(root, diskPath(root, diskId), diskId, diskRecord);
}

/** Replaces a disk's record in one durable step. The caller holds the disk's lock. */
export async function writeDisk(root: LocalRoot, record: DiskRecord): Promise<void> {
  await replaceFile(diskPath(root, record.id), newTempPath(root), JSON.stringify(record));
}

/** Every disk, ascending by id; one that is deleted meanwhile is left out. */
export async function* eachDisk(root: LocalRoot): AsyncGenerator<DiskRecord> {
  const names = await readdir(join(root.path, 'disks'));
  const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
  for (const id of ids.toSorted()) {
    const record = await findDisk(root, id);
    if (record !== null) yield record;
  }
}

/** The record of a snapshot; `disk.snapshot-missing` when there is none. */
export async function readSnapshot(root: LocalRoot, snapshotId: string): Promise<SnapshotRecord> {
  const record = await findSnapshot(root, snapshotId);
  if (record === null) throw new HoldfastError('disk.snapshot-missing', { id: snapshotId });
  return record;
}

export async function findSnapshot(
  root: LocalRoot,
  snapshotId: string,
): Promise<SnapshotRecord | null> {
  const path = join(snapshotPath(root, snapshotId), 'record.json');
  return await readRecord(root, path, snapshotId, snapshotRecord);
}

/** Size in bytes of the content in a folder; `null` when there is no such content. */
export async function readContentSize(root: LocalRoot, folder: string): Promise<number | null> {
  const path = join(folder, 'content.json');
  return (await readRecord(root, path, folder, contentRecord))?.sizeBytes ?? null;
}

async function readRecord<T>(
  root: LocalRoot,
  path: string,
  id: string,
  schema: z.ZodType<T>,
): Promise<T | null> {
  const text = await readText(path);
  if (text === null) {
    await proveRoot(root, 'reading the record');
    return null;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new HoldfastError('disk.malformed', { id, reason: 'its record is damaged' }, { cause });
  }
}

export const contentText = (sizeBytes: number): string => JSON.stringify({ version: 1, sizeBytes });

export const toDisk = (record: DiskRecord): Disk => ({
  id: record.id,
  name: record.name,
  sizeBytes: record.sizeBytes,
  status: record.status,
  availabilityZone: record.availabilityZone,
  bootable: record.bootable,
  encrypted: record.encrypted,
  tags: record.tags ?? [],
  createdAtMs: record.createdAtMs,
});

export const toSnapshot = (record: SnapshotRecord): Snapshot => ({
  id: record.id,
  diskId: record.diskId,
  sizeBytes: record.sizeBytes,
  state: 'completed',
  takenAtMs: record.takenAtMs,
});
