import { HoldfastError, isError } from '../errors.ts';
import { type Failure, STATUSES_WHILE } from '../model/backup.ts';
import type { OperationLog } from '../model/operation-log.ts';
import { isLeased } from '../model/session.ts';
import type { DataPorts } from './data-ports.ts';
import { dropSnapshotOf } from './drop-snapshot.ts';
import { toFailure } from './end-job.ts';
import { findBackup } from './find-backup.ts';
import { sessionIdOf } from './job-session.ts';
import { endDeletionTask } from './log-vault-deletion.ts';
import { hideSource } from './move-source.ts';
import { notifyBackupEnd } from './notify-backup-end.ts';
import { giveBackTarget, wasRestored } from './restore-target.ts';

/** After that many restarts a task that stalls again is failed. */
const RESTARTS_MAX = 2;

/**
 * Finds tasks without progress. One that never started is started; one whose lease ran out has its
 * session fenced, so that a zombie can commit nothing, and is restarted, or failed with a code.
 * Time decides only when to look, never who may write (ARCHITECTURE.md, "Sessions and roots"). A
 * task that cannot be helped now is reported and does not keep the others waiting.
 */
export const watchJobs = async (
  ports: DataPorts,
): Promise<{ restarted: string[]; failed: string[] }> => {
  const restarted: string[] = [];
  const failed: string[] = [];
  for await (const task of ports.catalog.tasks.unfinished()) {
    try {
      const done = await watch(task, ports);
      if (done === 'restarted') restarted.push(task.id);
      if (done === 'failed') failed.push(task.id);
    } catch (error) {
      ports.probe.problem('job.not-helped', error, { task: task.id });
    }
  }
  return { restarted, failed };
};

const watch = async (
  task: OperationLog,
  ports: DataPorts,
): Promise<'alive' | 'restarted' | 'failed'> => {
  if (task.type === 'vault_delete') return watchDeletion(task, ports);
  const { leaseMs } = ports.settings;
  // What was stamped long after now, by a clock that was wrong, is quiet as well.
  const quietMs = Math.abs(ports.clock.nowMs() - task.updatedAtMs);
  if (quietMs < leaseMs || !(await fence(task, ports))) return 'alive';
  // Its start may have been lost: the same name again starts it, if nobody has.
  if (task.status === 'waiting' && quietMs < 2 * leaseMs) await start(task, task.restarts, ports);
  else if (task.restarts < RESTARTS_MAX) await restart(task, ports);
  else return (await fail(task, quietMs, ports)) ? 'failed' : 'alive';
  return 'restarted';
};

/**
 * The collector deletes a vault, and comes back to it by itself. Its task ends here when whoever
 * removed the vault died before saying so.
 */
const watchDeletion = async (
  { projectId, vaultId }: OperationLog,
  ports: DataPorts,
): Promise<'alive'> => {
  try {
    await ports.catalog.vaults.get(projectId, vaultId);
  } catch (error) {
    if (!isError(error, 'BackupService.6105')) throw error;
    await endDeletionTask(projectId, vaultId, ports);
  }
  return 'alive';
};

/**
 * Fences the task's sessions, and takes the target disk back from a restore; false when one of the
 * sessions is alive: its lease has not run out.
 */
const fence = async (task: OperationLog, ports: DataPorts): Promise<boolean> => {
  const { catalog, disks, clock, settings } = ports;
  const open = await catalog.sessions.listOpen(task.vaultId);
  const own = open.filter(({ operationLogId }) => operationLogId === task.id);
  if (own.some((session) => isLeased(session, clock.nowMs(), settings.leaseMs))) return false;
  for (const { id } of own) await catalog.sessions.end(task.vaultId, id, 'FENCED');
  await endReading(task, ports);
  // Also when the session had ended before: whoever ended it may have died before this.
  await giveBackTarget(task, sessionIdOf(task.id, task.restarts), disks);
  return true;
};

/** A move reads in the vault that the backup leaves; nobody renews that session's lease. */
const endReading = async (task: OperationLog, ports: DataPorts): Promise<void> => {
  if (task.type !== 'sync') return;
  const from = (await findBackup(task, ports))?.movedFrom;
  if (from === undefined) return;
  const { sessions } = ports.catalog;
  for (const { id, operationLogId } of await sessions.listOpen(from.vaultId))
    if (operationLogId === task.id) await sessions.end(from.vaultId, id, 'FENCED');
};

const restart = async (task: OperationLog, ports: DataPorts): Promise<void> => {
  const { catalog, clock, probe } = ports;
  const restarts = task.restarts + 1;
  const change = { atMs: clock.nowMs(), totalBytes: task.totalBytes, restarts };
  await catalog.tasks.start(task.projectId, task.id, change);
  await start(task, restarts, ports);
  probe.note('job.restarted', { task: task.id, restarts });
};

const start = async (
  { id, projectId, type }: OperationLog,
  restarts: number,
  { jobs }: DataPorts,
): Promise<void> => {
  // A deletion is a record of what has happened: it has no job.
  if (type === 'delete' || type === 'vault_delete') return;
  const name = restarts === 0 ? id : `${id}-r${restarts}`;
  const kind = type === 'sync' ? 'move' : type;
  await jobs.start({ kind, name, projectId, operationLogId: id });
};

/** False when it cannot end yet: the source of a backup that was moved is being restored. */
const fail = async (task: OperationLog, quietMs: number, ports: DataPorts): Promise<boolean> => {
  const { catalog, clock, probe } = ports;
  const { id, projectId } = task;
  const error = new HoldfastError('job.stalled', { id, minutes: Math.round(quietMs / 60_000) });
  const failure = toFailure(error);
  const atMs = clock.nowMs();
  if (await isDone(task, ports)) {
    if (task.type === 'sync') {
      const copy = await catalog.backups.get(projectId, task.backupId);
      if (!(await hideSource(copy, ports))) return false;
    }
    await makeAvailable(task, ports);
    await catalog.tasks.end(projectId, id, { status: 'success', atMs });
    return true;
  }
  await settleBackup(task, failure, ports);
  await catalog.tasks.end(projectId, id, { status: 'timeout', atMs, failure });
  probe.problem('job.stalled', error, { task: id });
  if (task.type === 'backup') {
    await notifyBackupEnd({ projectId, operationLogId: id }, ports);
    await dropSnapshotOf(task, ports);
  }
  return true;
};

/**
 * A backup that was committed is whole, and a disk with its new content is restored, whatever
 * became of the job that should have said so.
 */
const isDone = async (task: OperationLog, { catalog, disks }: DataPorts): Promise<boolean> => {
  const { type, projectId, backupId } = task;
  if (type === 'backup' || type === 'sync')
    return (await catalog.backups.get(projectId, backupId)).manifest !== undefined;
  return wasRestored(task, task.restarts + 1, disks);
};

/** The failed task's backup: none, or the one that was to be restored, which is as it was. */
const settleBackup = async (
  task: OperationLog,
  failure: Failure,
  ports: DataPorts,
): Promise<void> => {
  const { type, projectId, backupId } = task;
  const { backups } = ports.catalog;
  if (type === 'backup' || type === 'sync') {
    const atMs = ports.clock.nowMs();
    const change = { atMs, failure, from: STATUSES_WHILE.made };
    const { root } = await backups.setStatus(projectId, backupId, 'error', change);
    // Its source is where it was.
    if (type === 'sync' && root === 'NONE') await backups.hide(projectId, backupId, atMs);
  }
  await makeAvailable(task, ports);
};

/** Restored or not, the backup can be used again. */
const makeAvailable = async (
  { type, projectId, backupId }: OperationLog,
  { catalog, clock }: DataPorts,
): Promise<void> => {
  if (type !== 'restore') return;
  const change = { atMs: clock.nowMs(), from: STATUSES_WHILE.restored };
  await catalog.backups.setStatus(projectId, backupId, 'available', change);
};
