import { checkDocuments } from '../engine/check-documents.ts';
import { HoldfastError, isError, isRetryable } from '../errors.ts';
import { type Failure, STATUSES_WHILE } from '../model/backup.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { DataPorts } from './data-ports.ts';
import { endWell } from './end-job.ts';
import type { JobContext, JobEvent } from './job-context.ts';
import { closeSession, isTakenOver, sessionIdOf } from './job-session.ts';
import { openReading } from './open-reading.ts';
import { giveBackTarget, wasRestored } from './restore-target.ts';
import { workRanges } from './work-ranges.ts';

/**
 * Restores a backup to a new disk, or onto its original: builds a new content and swaps it in, so
 * that the disk has its old bytes or the new ones, never some of each. The READ session (R13) keeps
 * what is read. Afterwards the backup is available again, whatever happened.
 */
export const runRestoreJob = async (event: JobEvent, context: JobContext, ports: DataPorts) => {
  const { projectId, operationLogId, attempt } = event;
  const sessionId = sessionIdOf(operationLogId, attempt);
  const work = { kind: 'restore', worker: 'restore-blocks', event } as const;
  if (event.slice) {
    const { from, to, ...slice } = event.slice;
    const request = { projectId, operationLogId, ...slice };
    return workRanges({ ...work, request, from, to }, context, ports.settings);
  }
  let isWritten = false;
  return endWell(
    context,
    async () => {
      const begun = await context.step('begin', () => beginRestore(event, sessionId, ports));
      if (begun === null) return;
      const { vaultId, backupId, segments, diskId } = begun;
      const request = { projectId, operationLogId, vaultId, backupId, sessionId };
      await workRanges({ ...work, request, from: 0, to: segments }, context, ports.settings);
      isWritten = true;
      await context.step('swap', () => swap(diskId, sessionId, ports));
      await context.step('end', () => endRestore(event, sessionId, undefined, ports));
    },
    (failure) => undoRestore(event, sessionId, isWritten, failure, ports),
  );
};

interface Begun {
  vaultId: string;
  backupId: string;
  segments: number;
  diskId: string;
}

const beginRestore = async (
  event: JobEvent,
  sessionId: string,
  ports: DataPorts,
): Promise<Begun | null> => {
  const { projectId, operationLogId, attempt } = event;
  const { catalog, disks, clock } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  if (isTakenOver(task, attempt, null)) return null;
  if (task.cancelRequested) throw new HoldfastError('Holdfast.Cancelled', {});
  const { backupId, vaultId, target } = task;
  if (target === undefined)
    throw new HoldfastError('bug', { reason: `task ${task.id} has no target` });
  if (await wasRestored(task, attempt, disks)) {
    await endRestore(event, sessionId, undefined, ports);
    return null;
  }
  const { backup, manifest, vaultKeys } = await openReading(task, sessionId, ports);
  await markRestoring(projectId, backupId, clock.nowMs(), catalog);
  await checkDocuments(manifest, { ...ports, vaultKeys });
  const backupBytes = manifest.disk.sizeBytes;
  if (target.isNew) {
    const sizeBytes = target.sizeBytes ?? backupBytes;
    // Before there is a disk that nobody would take back.
    refuseSmaller(sizeBytes, backupBytes);
    const availabilityZone = target.availabilityZone ?? backup.disk.availabilityZone;
    await disks.createDisk({ id: target.diskId, name: target.name, sizeBytes, availabilityZone });
  }
  const disk = await disks.describe(target.diskId);
  refuseSmaller(disk.sizeBytes, backupBytes);
  await disks.beginRestore(target.diskId, sessionId);
  await disks.startContent({ attemptId: sessionId, sizeBytes: disk.sizeBytes });
  await catalog.tasks.start(projectId, operationLogId, {
    atMs: clock.nowMs(),
    totalBytes: backupBytes,
  });
  return { vaultId, backupId, segments: manifest.segments.length, diskId: target.diskId };
};

const refuseSmaller = (targetBytes: number, backupBytes: number): void => {
  if (targetBytes < backupBytes)
    throw new HoldfastError('BackupService.2001', { targetBytes, backupBytes });
};

/** A crash of the API may have left the backup `available` behind its task. */
const markRestoring = async (
  projectId: string,
  backupId: string,
  atMs: number,
  { backups }: DataPorts['catalog'],
): Promise<void> => {
  const { status } = await backups.get(projectId, backupId);
  if (status === 'available')
    await backups.setStatus(projectId, backupId, 'waiting_restore', { atMs });
  await backups.setStatus(projectId, backupId, 'restoring', { atMs });
};

const swap = async (diskId: string, attemptId: string, { disks }: DataPorts): Promise<void> => {
  await disks.sealContent(attemptId);
  await disks.finishRestore(diskId, attemptId);
};

const endRestore = async (
  { projectId, operationLogId }: JobEvent,
  sessionId: string,
  failure: Failure | undefined,
  { catalog, clock }: DataPorts,
): Promise<void> => {
  const { vaultId, backupId } = await catalog.tasks.get(projectId, operationLogId);
  const atMs = clock.nowMs();
  await closeSession(vaultId, sessionId, catalog.sessions);
  // A verification may have found it damaged meanwhile: that stays.
  const from = STATUSES_WHILE.restored;
  await catalog.backups.setStatus(projectId, backupId, 'available', { atMs, from });
  const end =
    failure === undefined ? { status: 'success' as const } : { status: 'failed' as const, failure };
  await catalog.tasks.end(projectId, operationLogId, { ...end, atMs });
};

/**
 * Ends a restore that failed, unless all that failed is to say that the disk has its new content.
 */
const undoRestore = async (
  event: JobEvent,
  sessionId: string,
  isWritten: boolean,
  failure: Failure,
  ports: DataPorts,
): Promise<void> => {
  const { catalog, disks } = ports;
  const task = await catalog.tasks.get(event.projectId, event.operationLogId);
  const isSwapped = isWritten && (await couldSwap(task, sessionId, ports));
  // The content is this attempt's own, whoever has the task now.
  if (!isSwapped) await giveBackTarget(task, sessionId, disks);
  const session = await closeSession(task.vaultId, sessionId, catalog.sessions);
  if (isTakenOver(task, event.attempt, session)) return;
  await endRestore(event, sessionId, isSwapped ? undefined : failure, ports);
};

/** A swap whose answer was lost is told from one that is refused by asking for it again. */
const couldSwap = async (
  { target }: OperationLog,
  attemptId: string,
  ports: DataPorts,
): Promise<boolean> => {
  if (target === undefined) return false;
  try {
    await swap(target.diskId, attemptId, ports);
    return true;
  } catch (error) {
    if (isError(error) && !isRetryable(error)) return false;
    throw error;
  }
};
