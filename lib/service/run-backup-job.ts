import { HoldfastError } from '../errors.ts';
import type { Backup, Failure } from '../model/backup.ts';
import { segmentCount } from '../model/block.ts';
import { derivedUuid } from '../model/ids.ts';
import { hasEnded, type OperationLog } from '../model/operation-log.ts';
import { commitBackup } from './commit-backup.ts';
import type { DataPorts } from './data-ports.ts';
import { endWell } from './end-job.ts';
import type { JobContext, JobEvent } from './job-context.ts';
import { workRanges } from './work-ranges.ts';

/**
 * The backup of one disk: snapshot, session, copy, commit. A crash of any part is resumed by the
 * durable engine; every step may run twice. Ends with a backup that restores, or with none and a
 * failed task that says why.
 */
export const runBackupJob = async (event: JobEvent, context: JobContext, ports: DataPorts) => {
  const { projectId, operationLogId, attempt } = event;
  const sessionId = derivedUuid(operationLogId, 'session', String(attempt));
  const work = { kind: 'backup', worker: 'copy-blocks', event } as const;
  if (event.slice) {
    const { from, to, ...slice } = event.slice;
    const request = { projectId, operationLogId, ...slice };
    return workRanges({ ...work, request, from, to }, context, ports.settings);
  }
  return endWell(
    context,
    async () => {
      const begun = await context.step('begin', () => beginBackup(event, ports));
      if (begun === null) return;
      const { backupId, vaultId, snapshotId, sizeBytes } = begun;
      await context.waitUntil('snapshot-completed', () => isCompleted(snapshotId, ports));
      await context.step('open-session', () => openBackupSession(event, begun, sessionId, ports));
      const request = { projectId, operationLogId, vaultId, backupId, sessionId };
      const to = segmentCount(sizeBytes);
      await workRanges({ ...work, request, from: 0, to }, context, ports.settings);
      const committed = await context.step('commit', () => commitBackup(request, ports));
      await context.step('drop-old-snapshot', () =>
        dropOldSnapshot(committed.oldSnapshotId, ports),
      );
      await context.step('end', async () => {
        const end = {
          status: 'success',
          atMs: ports.clock.nowMs(),
          outcome: { ...committed.stats },
        } as const;
        await ports.catalog.tasks.end(projectId, operationLogId, end);
      });
    },
    (failure, code) => undoBackup(event, sessionId, failure, code === 'Holdfast.Cancelled', ports),
  );
};

interface Begun {
  backupId: string;
  vaultId: string;
  snapshotId: string;
  sizeBytes: number;
}

/** Takes the snapshot and marks task and backup as running. `null` when the task has ended. */
const beginBackup = async (
  { projectId, operationLogId, attempt }: JobEvent,
  { catalog, disks, clock }: DataPorts,
): Promise<Begun | null> => {
  const task = await catalog.tasks.get(projectId, operationLogId);
  if (hasEnded(task.status) || task.restarts > attempt) return null;
  stopIfCancelled(task);
  const { backupId, vaultId, disk } = task;
  // The token is the task's: a repeated step, and a restarted job, finds the same snapshot.
  const snapshot = await disks.createSnapshot(disk.id, operationLogId);
  const atMs = clock.nowMs();
  await catalog.backups.setStatus(projectId, backupId, 'protecting', {
    atMs,
    snapshotId: snapshot.id,
  });
  await catalog.tasks.start(projectId, operationLogId, { atMs, totalBytes: snapshot.sizeBytes });
  return { backupId, vaultId, snapshotId: snapshot.id, sizeBytes: snapshot.sizeBytes };
};

const stopIfCancelled = (task: OperationLog): void => {
  if (task.cancelRequested) throw new HoldfastError('Holdfast.Cancelled', {});
};

const isCompleted = async (snapshotId: string, { disks }: DataPorts): Promise<boolean> => {
  const { state } = await disks.describeSnapshot(snapshotId);
  if (state === 'error') {
    throw new HoldfastError('BackupService.7202', { id: snapshotId });
  }
  return state === 'completed';
};

/** R1, then R4: opens the session after the snapshot is complete, and pins the newest parent. */
const openBackupSession = async (
  { projectId, operationLogId }: JobEvent,
  { backupId, vaultId }: Begun,
  sessionId: string,
  { catalog, clock, settings }: DataPorts,
): Promise<void> => {
  const createdAtMs = clock.nowMs();
  const session = await catalog.sessions.open({
    vaultId,
    id: sessionId,
    kind: 'write',
    backupId,
    operationLogId,
    quarantined: await catalog.packs.quarantined(vaultId),
    leaseUntilMs: createdAtMs + settings.leaseMs,
    createdAtMs,
  });
  if (session.parentBackupId !== undefined) return;
  const backup = await catalog.backups.get(projectId, backupId);
  for (const parent of await parentsOf(backup, catalog.backups)) {
    if (await catalog.sessions.pinParent(vaultId, sessionId, parent.id)) return;
  }
};

/** The disk's committed backups in the vault, newest first: candidates for a parent. */
const parentsOf = async (
  backup: Backup,
  backups: DataPorts['catalog']['backups'],
): Promise<Backup[]> => {
  const parents: Backup[] = [];
  for await (const root of backups.roots(backup.vaultId)) {
    if (root.root === 'VISIBLE' && root.disk.id === backup.disk.id) parents.unshift(root);
  }
  return parents.slice(0, PARENTS_MAX);
};

/** One that was just deleted is passed over; more than a few in a row means something else. */
const PARENTS_MAX = 5;

/** Only the newest backup's snapshot is kept: change tracking starts from it (spec section 5.6). */
const dropOldSnapshot = async (snapshotId: string | null, { disks }: DataPorts): Promise<void> => {
  if (snapshotId !== null) await disks.deleteSnapshot(snapshotId);
};

/** Ends a backup that failed: nothing of it stays visible but the failed task, and it says why. */
const undoBackup = async (
  { projectId, operationLogId }: JobEvent,
  sessionId: string,
  failure: Failure,
  cancelled: boolean,
  { catalog, disks, clock }: DataPorts,
): Promise<void> => {
  const task = await catalog.tasks.get(projectId, operationLogId);
  const { vaultId, backupId } = task;
  const atMs = clock.nowMs();
  const backup = await catalog.backups.get(projectId, backupId);
  if (await wasCommitted(vaultId, sessionId, catalog)) {
    // The commit landed and only what follows it failed: the backup is whole.
    await catalog.tasks.end(projectId, operationLogId, { status: 'success', atMs });
    return;
  }
  await catalog.backups.setStatus(projectId, backupId, 'error', { atMs, failure });
  if (cancelled) await catalog.backups.hide(projectId, backupId, atMs);
  if (backup.snapshotId !== undefined) await disks.deleteSnapshot(backup.snapshotId);
  await catalog.tasks.end(projectId, operationLogId, { status: 'failed', atMs, failure });
};

/** Aborts the session, if it was ever opened; true when its commit had landed before. */
const wasCommitted = async (
  vaultId: string,
  sessionId: string,
  { sessions }: DataPorts['catalog'],
): Promise<boolean> => {
  const known = (await sessions.listOpen(vaultId)).some(({ id }) => id === sessionId);
  if (known) return (await sessions.end(vaultId, sessionId, 'ABORTED')).state === 'COMMITTED';
  try {
    return (await sessions.get(vaultId, sessionId)).state === 'COMMITTED';
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'catalog.conflict') return false;
    throw error;
  }
};
