import { HoldfastError } from '../errors.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { DataPorts } from './data-ports.ts';
import { toFailure } from './end-job.ts';

/** After that many restarts a task that stalls again is failed. */
const RESTARTS_MAX = 2;

/**
 * Finds tasks without progress. One that never started is started; one whose lease ran out has its
 * session fenced, so that a zombie can commit nothing, and is restarted, or failed with a code. Time
 * decides only when to look, never who may write (design section 7).
 */
export const watchJobs = async (
  ports: DataPorts,
): Promise<{ restarted: string[]; failed: string[] }> => {
  const restarted: string[] = [];
  const failed: string[] = [];
  for await (const task of ports.catalog.tasks.unfinished()) {
    const quietMs = ports.clock.nowMs() - task.updatedAtMs;
    if (quietMs < ports.settings.leaseMs) continue;
    if (!(await fence(task, ports))) continue;
    if (task.restarts < RESTARTS_MAX) {
      await restart(task, ports);
      restarted.push(task.id);
    } else {
      await fail(task, quietMs, ports);
      failed.push(task.id);
    }
  }
  return { restarted, failed };
};

/**
 * Fences the task's sessions, and takes the target disk back from a restore; false when one of the
 * sessions is alive: its lease has not run out.
 */
const fence = async (
  task: OperationLog,
  { catalog, disks, clock }: DataPorts,
): Promise<boolean> => {
  const open = await catalog.sessions.listOpen(task.vaultId);
  const own = open.filter(({ operationLogId }) => operationLogId === task.id);
  if (own.some(({ leaseUntilMs }) => leaseUntilMs > clock.nowMs())) return false;
  for (const session of own) {
    await catalog.sessions.end(task.vaultId, session.id, 'FENCED');
    // A restore attempt is named after its session.
    if (task.target !== undefined) await disks.abandonRestore(task.target.diskId, session.id);
  }
  return true;
};

const restart = async (
  task: OperationLog,
  { catalog, jobs, clock, probe }: DataPorts,
): Promise<void> => {
  const { id, projectId, type } = task;
  if (type === 'delete') return;
  if (task.status === 'waiting') {
    await jobs.start({ kind: type, name: id, projectId, operationLogId: id });
    return;
  }
  const restarts = task.restarts + 1;
  const change = { atMs: clock.nowMs(), totalBytes: task.totalBytes, restarts };
  await catalog.tasks.start(projectId, id, change);
  await jobs.start({ kind: type, name: `${id}-r${restarts}`, projectId, operationLogId: id });
  probe.note('job.restarted', { task: id, restarts });
};

const fail = async (task: OperationLog, quietMs: number, ports: DataPorts): Promise<void> => {
  const { catalog, clock, probe } = ports;
  const { id, projectId, type, backupId } = task;
  const error = new HoldfastError('job.stalled', { id, minutes: Math.round(quietMs / 60_000) });
  const failure = toFailure(error);
  const atMs = clock.nowMs();
  const backup = await catalog.backups.get(projectId, backupId);
  if (type === 'backup' && backup.root === 'NONE') {
    await catalog.backups.setStatus(projectId, backupId, 'error', { atMs, failure });
  }
  if (
    type === 'restore' &&
    (backup.status === 'restoring' || backup.status === 'waiting_restore')
  ) {
    await catalog.backups.setStatus(projectId, backupId, 'available', { atMs });
  }
  await catalog.tasks.end(projectId, id, { status: 'timeout', atMs, failure });
  probe.problem('job.stalled', error, { task: id });
};
