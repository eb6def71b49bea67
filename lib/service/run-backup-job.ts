import { HoldfastError } from '../errors.ts';
import { type Failure, STATUSES_WHILE } from '../model/backup.ts';
import { segmentCount } from '../model/block.ts';
import { applyRetentionToDisk } from './apply-retention.ts';
import { commitBackup } from './commit-backup.ts';
import type { DataPorts } from './data-ports.ts';
import { dropSnapshotOf } from './drop-snapshot.ts';
import { cleanUp, endWell } from './end-job.ts';
import { findBackup } from './find-backup.ts';
import type { JobContext, JobEvent } from './job-context.ts';
import { closeSession, isTakenOver, sessionIdOf } from './job-session.ts';
import { notifyBackupEnd } from './notify-backup-end.ts';
import { openWriteSession } from './open-write-session.ts';
import { workRanges } from './work-ranges.ts';

/**
 * The backup of one disk: snapshot, session, copy, commit. A crash of any part is resumed by the
 * durable engine; every step may run twice. Ends with a backup that restores, or with none and a
 * failed task that says why.
 */
export const runBackupJob = async (event: JobEvent, context: JobContext, ports: DataPorts) => {
  const { projectId, operationLogId, attempt } = event;
  const sessionId = sessionIdOf(operationLogId, attempt);
  const work = { kind: 'backup', worker: 'copy-blocks', event } as const;
  if (event.slice) {
    const { from, to, ...slice } = event.slice;
    const request = { projectId, operationLogId, ...slice };
    return workRanges({ ...work, request, from, to }, context, ports.settings);
  }
  let oldSnapshotIds: string[] = [];
  let completed = null as Begun | null;
  const end = await endWell(
    context,
    async () => {
      const begun = await context.step('begin', () => beginBackup(event, ports));
      if (begun === null) return;
      const { backupId, vaultId, snapshotId, sizeBytes } = begun;
      await context.waitUntil('snapshot-completed', () => isCompleted(event, snapshotId, ports));
      const opened = await context.step('open-session', () =>
        openWriteSession({ ...event, backupId, vaultId, sessionId }, ports),
      );
      const request = { projectId, operationLogId, vaultId, backupId, sessionId };
      const to = segmentCount(sizeBytes);
      await workRanges({ ...work, request, from: 0, to }, context, ports.settings);
      await context.step('commit', () => commitBackup(request, ports));
      await context.step('end', () => endCommitted(event, backupId, ports));
      oldSnapshotIds = opened.snapshotIds.filter((id) => id !== snapshotId);
      completed = begun;
    },
    (failure, code) => undoBackup(event, sessionId, failure, code === 'Holdfast.Cancelled', ports),
  );
  if (end.ended !== 'superseded') {
    await cleanUp('notify', context, ports.probe, () => notifyBackupEnd(event, ports));
  }
  const dropSnapshots =
    end.ended === 'failed'
      ? () => dropOwnSnapshot(event, ports)
      : async () => {
          for (const id of oldSnapshotIds) await ports.disks.deleteSnapshot(id);
        };
  await cleanUp('drop-snapshots', context, ports.probe, dropSnapshots);
  if (completed !== null) {
    const { vaultId, diskId } = completed;
    await cleanUp('apply-retention', context, ports.probe, async () => {
      await applyRetentionToDisk({ projectId, vaultId, diskId }, ports);
    });
  }
  return end;
};

interface Begun {
  backupId: string;
  vaultId: string;
  diskId: string;
  snapshotId: string;
  sizeBytes: number;
}

/**
 * Takes the snapshot and marks task and backup as running. `null` when there is nothing to do: the
 * task has ended or is another attempt's, or an attempt before this one died after its commit.
 */
const beginBackup = async (event: JobEvent, ports: DataPorts): Promise<Begun | null> => {
  const { projectId, operationLogId, attempt } = event;
  const { catalog, disks, clock } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  if (isTakenOver(task, attempt, null)) return null;
  const { backupId, vaultId } = task;
  const { disk, manifest } = await catalog.backups.get(projectId, backupId);
  if (manifest !== undefined) {
    await endCommitted(event, backupId, ports);
    return null;
  }
  stopIfCancelled(task.cancelRequested);
  const atMs = clock.nowMs();
  // Before the snapshot is asked for: of a task that never started there is none to drop.
  await catalog.tasks.start(projectId, operationLogId, { atMs, totalBytes: disk.sizeBytes });
  // The token is the task's: a repeated step, and a restarted job, finds the same snapshot.
  const snapshot = await disks.createSnapshot(disk.id, operationLogId);
  const { id: snapshotId, sizeBytes } = snapshot;
  await catalog.backups.setStatus(projectId, backupId, 'protecting', { atMs, snapshotId });
  await catalog.tasks.start(projectId, operationLogId, { atMs, totalBytes: sizeBytes });
  return { backupId, vaultId, diskId: disk.id, snapshotId, sizeBytes };
};

const stopIfCancelled = (cancelRequested: boolean): void => {
  if (cancelRequested) throw new HoldfastError('Holdfast.Cancelled', {});
};

/** The backup is whole: its task says so, whoever committed it. */
const endCommitted = async (
  { projectId, operationLogId }: JobEvent,
  backupId: string,
  { catalog, clock }: DataPorts,
): Promise<void> => {
  const { stats } = await catalog.backups.get(projectId, backupId);
  const end = { status: 'success', atMs: clock.nowMs(), outcome: { ...stats } } as const;
  await catalog.tasks.end(projectId, operationLogId, end);
};

/** Asked again and again, for hours at times: each time the task shows that it is alive. */
const isCompleted = async (
  { projectId, operationLogId }: JobEvent,
  snapshotId: string,
  { catalog, disks, clock }: DataPorts,
): Promise<boolean> => {
  const progress = { from: 0, doneBytes: 0, atMs: clock.nowMs() };
  const { cancelRequested } = await catalog.tasks.progress(projectId, operationLogId, progress);
  stopIfCancelled(cancelRequested);
  const { state } = await disks.describeSnapshot(snapshotId);
  if (state === 'error') {
    throw new HoldfastError('BackupService.7202', { id: snapshotId });
  }
  return state === 'completed';
};

/** Ends a backup that failed: nothing of it stays visible but the failed task, and it says why. */
const undoBackup = async (
  event: JobEvent,
  sessionId: string,
  failure: Failure,
  cancelled: boolean,
  ports: DataPorts,
): Promise<void> => {
  const { projectId, operationLogId, attempt } = event;
  const { catalog, clock } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  const { vaultId, backupId } = task;
  // The session first: once it has ended, whether it committed is settled.
  const session = await closeSession(vaultId, sessionId, catalog.sessions);
  if (isTakenOver(task, attempt, session)) return;
  const atMs = clock.nowMs();
  // Committed, deleted and collected before its job was started again: there is none any more.
  if ((await findBackup(task, ports)) !== null) {
    const change = { atMs, failure, from: STATUSES_WHILE.made };
    const ended = await catalog.backups.setStatus(projectId, backupId, 'error', change);
    if (ended.manifest !== undefined) {
      // The commit landed and only what follows it failed.
      await endCommitted(event, backupId, ports);
      return;
    }
    if (cancelled) await catalog.backups.hide(projectId, backupId, atMs);
  }
  await catalog.tasks.end(projectId, operationLogId, { status: 'failed', atMs, failure });
};

const dropOwnSnapshot = async (
  { projectId, operationLogId, attempt }: JobEvent,
  ports: DataPorts,
): Promise<void> => {
  const task = await ports.catalog.tasks.get(projectId, operationLogId);
  // A later attempt takes the same snapshot.
  if (task.restarts <= attempt) await dropSnapshotOf(task, ports);
};
