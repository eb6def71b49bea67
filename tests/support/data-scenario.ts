import { expect } from '@jest/globals';
import { STORE_LIMITS } from '../../lib/engine/store-blocks.ts';
import { BLOCK_BYTES, SEGMENT_BYTES } from '../../lib/model/block.ts';
import type { OperationLog } from '../../lib/model/operation-log.ts';
import type { JobKind } from '../../lib/ports/jobs.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import type { JobContext, JobEvent } from '../../lib/service/job-context.ts';
import {
  backUp,
  beginBackup,
  beginTask,
  bindDisk,
  type DataWorld,
  DISK,
  dataWorld,
  PROJECT,
  runJob,
} from './data-world.ts';
import { textBlock } from './some-stored.ts';

/** Small enough that a few blocks cross every limit. */
export const SMALL_LIMITS = { ...STORE_LIMITS, chunkBlocks: 2, slotsMax: 4 };

const SMALL_SETTINGS = {
  leaseMs: 60_000,
  rangeSegments: 1,
  workers: 2,
  marginMs: 0,
  taskKeptMs: 30 * 86_400_000,
  store: SMALL_LIMITS,
};

export const smallWorld = (change: Partial<DataPorts> = {}): Promise<DataWorld> =>
  dataWorld({ settings: SMALL_SETTINGS, ...change });

/** Two segments and an odd tail. */
const SIZE_BYTES = SEGMENT_BYTES + 3 * BLOCK_BYTES + 777;
/** Where the scenario's disk may have data. */
const SPANS = [
  [0, 8 * BLOCK_BYTES],
  [SEGMENT_BYTES - BLOCK_BYTES, SIZE_BYTES - SEGMENT_BYTES + BLOCK_BYTES],
] as const;

export const writeBlock = (world: DataWorld, number: number, text: string, diskId = DISK) =>
  world.disks.write(diskId, number * BLOCK_BYTES, textBlock(text));

/** A disk with one backup, changed since: its next backup inherits, finds, stores and drops. */
export const scenario = async () => {
  const world = await smallWorld();
  await world.disks.addDisk({ id: DISK, name: 'disk', sizeBytes: SIZE_BYTES });
  await bindDisk(world);
  for (let n = 0; n < 6; n++) await writeBlock(world, n, `first ${n}`);
  await writeBlock(world, 2048, 'second segment');
  const first = await backUp(world);
  const firstContent = await contentOf(world, DISK);
  await writeBlock(world, 1, 'changed');
  await writeBlock(world, 7, 'first 0');
  await writeBlock(world, 2049, 'changed too');
  await world.disks.write(DISK, SIZE_BYTES - 100, textBlock('tail').subarray(0, 100));
  const original = await contentOf(world, DISK);
  const { backupId, event } = await beginBackup(world);
  return { world, first, firstContent, original, backupId, event };
};

export type Scenario = Awaited<ReturnType<typeof scenario>>;

export const contentOf = (world: DataWorld, diskId: string): Promise<Uint8Array[]> =>
  Promise.all(SPANS.map(([from, count]) => world.disks.read(diskId, from, count)));

/** Puts a restore to a new disk and runs it. */
export const runRestore = async (
  world: DataWorld,
  backupId: string,
  context?: (ports: DataPorts) => JobContext,
  ports: DataPorts = world.ports,
): Promise<{ diskId: string; task: OperationLog; event: JobEvent }> => {
  const diskId = world.ids.uuid();
  const taskId = await beginTask(world, 'restore', backupId, { diskId, name: 'new', isNew: true });
  await world.ports.catalog.backups.setStatus(PROJECT, backupId, 'waiting_restore', { atMs: 0 });
  return { diskId, ...(await run(world, 'restore', taskId, context, ports)) };
};

export const runVerify = async (
  world: DataWorld,
  backupId: string,
  context?: (ports: DataPorts) => JobContext,
  ports: DataPorts = world.ports,
): Promise<OperationLog> => {
  const taskId = await beginTask(world, 'verify', backupId);
  return (await run(world, 'verify', taskId, context, ports)).task;
};

const run = async (
  world: DataWorld,
  kind: JobKind,
  operationLogId: string,
  context: ((ports: DataPorts) => JobContext) | undefined,
  ports: DataPorts,
) => {
  const event: JobEvent = { projectId: PROJECT, operationLogId, attempt: 0 };
  await runJob(kind, event, ports, context?.(ports));
  return { event, task: await world.ports.catalog.tasks.get(PROJECT, operationLogId) };
};

/** The second backup is there, once, whole, and nothing of its making is left. */
export const expectWhole = async ({ world, first, original, backupId, event }: Scenario) => {
  const { catalog } = world.ports;
  const backup = await catalog.backups.get(PROJECT, backupId);
  expect(backup).toMatchObject({ status: 'available', root: 'VISIBLE', parentBackupId: first.id });
  const task = await catalog.tasks.get(PROJECT, event.operationLogId);
  expect(task).toMatchObject({ status: 'success', outcome: { ...backup.stats } });
  expect(backup.stats).toMatchObject({ readBytes: 4 * BLOCK_BYTES });
  expect(await catalog.vaults.usage(world.vaultId)).toEqual({
    usedBytes: (first.stats?.storedBytes ?? NaN) + (backup.stats?.storedBytes ?? NaN),
    backupCount: 2,
  });
  const snapshots = await world.disks.listSnapshots(DISK);
  expect(snapshots.map(({ id }) => id)).toEqual([backup.snapshotId]);
  await expectIdle(world);
  await expectRestores(world, backupId, original);
};

/** Nothing runs: no session is open, no disk is taken. */
export const expectIdle = async (world: DataWorld) => {
  const { sessions, vaults } = world.ports.catalog;
  expect(await sessions.listOpen(world.vaultId)).toEqual([]);
  for (const binding of await vaults.bindings(world.vaultId))
    expect(binding).not.toHaveProperty('protectingTaskId');
};

/** A backup verifies, and restores byte for byte. */
export const expectRestores = async (
  world: DataWorld,
  backupId: string,
  original: Uint8Array[],
) => {
  expect(await runVerify(world, backupId)).toMatchObject({ status: 'success' });
  const { diskId, task } = await runRestore(world, backupId);
  expect(task).toMatchObject({ status: 'success' });
  await expectContent(world, diskId, original);
};

export const expectContent = async (world: DataWorld, diskId: string, original: Uint8Array[]) => {
  expect(await hasContent(world, diskId, original)).toBe(true);
};

/** Jest would compare the bytes one by one: half a minute for what this does in milliseconds. */
export const hasContent = async (
  world: DataWorld,
  diskId: string,
  expected: Uint8Array[],
): Promise<boolean> => {
  const found = await contentOf(world, diskId);
  return (
    found.length === expected.length &&
    found.every((bytes, n) => Buffer.compare(bytes, expected[n] as Uint8Array) === 0)
  );
};
