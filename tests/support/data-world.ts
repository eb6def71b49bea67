import { memoryBlockIndex } from '../../lib/adapters/memory/memory-block-index.ts';
import { inlinePool } from '../../lib/engine/pool/block-pool.ts';
import { prepareVault } from '../../lib/engine/prepare-vault.ts';
import type { Backup } from '../../lib/model/backup.ts';
import { DISK_TYPE } from '../../lib/model/disk.ts';
import type { OperationLog, OperationType } from '../../lib/model/operation-log.ts';
import type { JobKind } from '../../lib/ports/jobs.ts';
import { collectVault } from '../../lib/service/collect-vault.ts';
import { copyDiskRange } from '../../lib/service/copy-disk-range.ts';
import type { DataPorts, RangeRequest } from '../../lib/service/data-ports.ts';
import type { JobContext, JobEvent, WorkerName } from '../../lib/service/job-context.ts';
import { restoreDiskRange } from '../../lib/service/restore-disk-range.ts';
import { runBackupJob } from '../../lib/service/run-backup-job.ts';
import { runMoveJob } from '../../lib/service/run-move-job.ts';
import { runRestoreJob } from '../../lib/service/run-restore-job.ts';
import { runVerifyJob } from '../../lib/service/run-verify-job.ts';
import { verifyDiskRange } from '../../lib/service/verify-disk-range.ts';
import { someVault } from './catalog-records.ts';
import { memoryWorld } from './memory-world.ts';

export const PROJECT = 'project-1';
export const DISK = 'disk-1';

const WORKERS = {
  'copy-blocks': copyDiskRange,
  'restore-blocks': restoreDiskRange,
  'verify-blocks': verifyDiskRange,
  'collect-vault': collectVault,
} as unknown as Record<
  WorkerName,
  (request: RangeRequest, deadlineMs: number, ports: DataPorts) => Promise<unknown>
>;

const JOBS = {
  backup: runBackupJob,
  restore: runRestoreJob,
  verify: runVerifyJob,
  move: runMoveJob,
};

export type DataWorld = Awaited<ReturnType<typeof dataWorld>>;

/** All ports of the data path in memory, a vault, and a way to run jobs to their end. */
export const dataWorld = async (change: Partial<DataPorts> = {}) => {
  const memory = memoryWorld();
  const ports: DataPorts & Pick<typeof memory, 'disks'> = {
    ...memory,
    index: memoryBlockIndex(),
    pool: inlinePool(),
    settings: {
      leaseMs: 60_000,
      rangeSegments: 1,
      workers: 2,
      marginMs: 0,
      taskKeptMs: 30 * 86_400_000,
    },
    ...change,
    ...(change.disks ? {} : { disks: memory.disks }),
  } as never;
  const vaultId = memory.ids.uuid();
  const keyId = memory.ids.uuid();
  const nowMs = memory.clock.nowMs();
  const wrapped = await prepareVault({ projectId: PROJECT, vaultId, keyId, name: 'vault' }, ports);
  await ports.catalog.vaults.create(
    someVault({
      id: vaultId,
      projectId: PROJECT,
      autoBind: false,
      keyId,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    }),
    wrapped,
  );
  return { ...memory, ports, vaultId, keyId };
};

/** Binds a disk of the memory disks to the vault. */
export const bindDisk = async (world: DataWorld, diskId = DISK) => {
  const { name, sizeBytes } = await world.disks.describe(diskId);
  const binding = {
    projectId: PROJECT,
    vaultId: world.vaultId,
    diskId,
    name,
    sizeBytes,
    createdAtMs: 0,
  };
  await world.ports.catalog.vaults.bind(binding);
};

/** Puts what `POST /checkpoints` puts; returns the job's event and the backup's id. */
export const beginBackup = async (world: DataWorld, diskId = DISK, incremental = true) => {
  const { ids, clock, ports, vaultId } = world;
  const { name, sizeBytes } = await world.disks.describe(diskId);
  const [backupId, taskId, checkpointId] = [ids.uuid(), ids.uuid(), ids.uuid()];
  const atMs = clock.nowMs();
  const backup: Backup = {
    id: backupId,
    projectId: PROJECT,
    vaultId,
    checkpointId,
    operationLogId: taskId,
    name: 'backup',
    description: '',
    disk: { id: diskId, name, sizeBytes, availabilityZone: 'a' },
    status: 'waiting_protect',
    root: 'NONE',
    incremental,
    autoTrigger: false,
    createdAtMs: atMs,
    updatedAtMs: atMs,
  };
  await ports.catalog.backups.begin(backup, someTask(world, 'backup', taskId, backupId, diskId));
  const event: JobEvent = { projectId: PROJECT, operationLogId: taskId, attempt: 0 };
  return { backupId, event };
};

const someTask = (
  { vaultId, clock }: DataWorld,
  type: OperationType,
  id: string,
  backupId: string,
  diskId: string,
): OperationLog => ({
  id,
  projectId: PROJECT,
  type,
  status: 'waiting',
  vaultId,
  vaultName: 'vault',
  backupId,
  backupName: 'backup',
  disk: { id: diskId, name: DISK_TYPE },
  totalBytes: 0,
  cancelRequested: false,
  restarts: 0,
  requestId: 'r',
  createdAtMs: clock.nowMs(),
  updatedAtMs: clock.nowMs(),
});

/** Backs a disk up to its end and returns the backup. */
export const backUp = async (
  world: DataWorld,
  diskId = DISK,
  incremental = true,
): Promise<Backup> => {
  const { backupId, event } = await beginBackup(world, diskId, incremental);
  await runJob('backup', event, world.ports);
  return world.ports.catalog.backups.get(PROJECT, backupId);
};

/** The largest object that matches, such as `/packs/`. */
export const largestObject = (world: DataWorld, part: string): string =>
  [...world.objects.objects]
    .filter(([key]) => key.includes(part))
    .toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0] ?? '';

/** Restores a backup to a new disk; returns the disk's id and the task. */
export const restoreNew = async (world: DataWorld, backupId: string) => {
  const diskId = world.ids.uuid();
  const task = await beginTask(world, 'restore', backupId, { diskId, name: 'new', isNew: true });
  await world.ports.catalog.backups.setStatus(PROJECT, backupId, 'waiting_restore', {
    atMs: world.clock.nowMs(),
  });
  await runJob('restore', { projectId: PROJECT, operationLogId: task, attempt: 0 }, world.ports);
  return { diskId, task: await world.ports.catalog.tasks.get(PROJECT, task) };
};

/** Verifies a backup and returns the task. */
export const verify = async (world: DataWorld, backupId: string) => {
  const task = await beginTask(world, 'verify', backupId);
  await runJob('verify', { projectId: PROJECT, operationLogId: task, attempt: 0 }, world.ports);
  return world.ports.catalog.tasks.get(PROJECT, task);
};

export const beginTask = async (
  world: DataWorld,
  type: OperationType,
  backupId: string,
  target?: OperationLog['target'],
): Promise<string> => {
  const id = world.ids.uuid();
  const task = { ...someTask(world, type, id, backupId, DISK), ...(target ? { target } : {}) };
  await world.ports.catalog.tasks.create(task);
  return id;
};

/**
 * Runs a job in this process; by default steps and workers once, in order, without a checkpoint.
 */
export const runJob = (
  kind: JobKind,
  event: JobEvent,
  ports: DataPorts,
  context: JobContext = plainContext(ports),
): Promise<unknown> => JOBS[kind](event, context, ports);

/** Calls a data worker as its function would. */
export const runWorker = (
  worker: WorkerName,
  request: object,
  ports: DataPorts,
  deadlineMs = Number.MAX_SAFE_INTEGER,
): Promise<unknown> => WORKERS[worker](request as RangeRequest, deadlineMs, ports);

export const plainContext = (ports: DataPorts): JobContext => ({
  step: (_, run) => run(),
  waitUntil: async (_, check) => {
    if (!(await check())) throw new Error('it does not become true by waiting here');
  },
  work: async (_, worker, request) => runWorker(worker, request, ports) as never,
  slice: (_, kind, event) => runJob(kind, event as JobEvent, ports) as never,
  map: async (_, items, _concurrency, each) => {
    const answers = [];
    for (const item of items) answers.push(await each(item, plainContext(ports)));
    return answers;
  },
});
