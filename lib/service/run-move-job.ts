import { HoldfastError, isError } from '../errors.ts';
import { type Failure, STATUSES_WHILE } from '../model/backup.ts';
import { segmentCount } from '../model/block.ts';
import type { BackupId, VaultId } from '../model/ids.ts';
import { hasEnded } from '../model/operation-log.ts';
import { beginMove } from './begin-move.ts';
import { commitBackup } from './commit-backup.ts';
import type { DataPorts } from './data-ports.ts';
import { endWell } from './end-job.ts';
import { findBackup } from './find-backup.ts';
import type { JobContext, JobEvent } from './job-context.ts';
import { closeSession, isTakenOver, sessionIdOf } from './job-session.ts';
import { hideSource } from './move-source.ts';
import { openReading } from './open-reading.ts';
import { openWriteSession } from './open-write-session.ts';
import { startJob } from './start-job.ts';
import { workRanges } from './work-ranges.ts';

/**
 * Moves one backup to another vault, then goes on with the next of its disk: nothing names another
 * vault's packs, so it is copied under a session of the destination, committed there, and only then
 * hidden in the vault it leaves. A READ session there keeps what is read. A crash of any part is
 * resumed; at no moment is there no backup, and in the end there is one.
 */
export const runMoveJob = async (event: JobEvent, context: JobContext, ports: DataPorts) => {
  const { projectId, operationLogId, attempt } = event;
  const sessionId = sessionIdOf(operationLogId, attempt);
  const work = { kind: 'move', worker: 'copy-blocks', event } as const;
  if (event.slice) {
    const { from, to, ...slice } = event.slice;
    const request = { projectId, operationLogId, ...slice };
    return workRanges({ ...work, request, from, to }, context, ports.settings);
  }
  const end = await endWell(
    context,
    async () => {
      const begun = await context.step('begin', () => begin(event, sessionId, ports));
      if (begun === null) return;
      const { vaultId, backupId, sizeBytes } = begun;
      if (sizeBytes !== null) {
        const request = { projectId, operationLogId, vaultId, backupId, sessionId };
        await context.step('open-session', () => openWriteSession(request, ports));
        const to = segmentCount(sizeBytes);
        await workRanges({ ...work, request, from: 0, to }, context, ports.settings);
        await context.step('commit', () => commitBackup(request, ports));
      }
      await context.waitUntil('hide-source', () => endSource(event, ports));
      await context.step('end', () => endMoved(event, sessionId, ports));
    },
    (failure) => undoMove(event, sessionId, failure, ports),
  );
  if (end.ended !== 'superseded') await goOn(event, context, ports);
  return end;
};

interface Begun {
  vaultId: string;
  backupId: string;
  /** `null`: it was copied by an attempt before this one. */
  sizeBytes: number | null;
}

/** Opens the source's READ session and marks task and copy as running; `null`: nothing to do. */
const begin = async (
  { projectId, operationLogId, attempt }: JobEvent,
  sessionId: string,
  ports: DataPorts,
): Promise<Begun | null> => {
  const { catalog, clock } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  if (isTakenOver(task, attempt, null)) return null;
  const { backupId, vaultId } = task;
  const copy = await catalog.backups.get(projectId, backupId);
  if (copy.manifest !== undefined) return { vaultId, backupId, sizeBytes: null };
  if (copy.movedFrom === undefined)
    throw new HoldfastError('bug', { reason: `backup ${backupId} is not a copy` });
  if (task.cancelRequested) throw new HoldfastError('Holdfast.Cancelled', {});
  const { backup, manifest } = await openReading({ ...task, ...copy.movedFrom }, sessionId, ports);
  // What was deleted since does not come back in another vault.
  if (backup.root === 'HIDDEN') throw new HoldfastError('BackupService.6200', { id: backup.id });
  const { snapshotId, disk } = manifest;
  const atMs = clock.nowMs();
  // Change tracking goes on from the snapshot that the source is of.
  await catalog.backups.setStatus(projectId, backupId, 'protecting', { atMs, snapshotId });
  await catalog.tasks.start(projectId, operationLogId, { atMs, totalBytes: disk.sizeBytes });
  return { vaultId, backupId, sizeBytes: disk.sizeBytes };
};

/** Asked again and again while the source is being restored; the task shows that it is alive. */
const endSource = async (
  { projectId, operationLogId }: JobEvent,
  ports: DataPorts,
): Promise<boolean> => {
  const { catalog, clock } = ports;
  const { backupId } = await catalog.tasks.get(projectId, operationLogId);
  const progress = { from: 0, doneBytes: 0, atMs: clock.nowMs() };
  await catalog.tasks.progress(projectId, operationLogId, progress);
  return hideSource(await catalog.backups.get(projectId, backupId), ports);
};

const endMoved = async (
  { projectId, operationLogId }: JobEvent,
  sessionId: string,
  { catalog, clock }: DataPorts,
): Promise<void> => {
  const { backupId } = await catalog.tasks.get(projectId, operationLogId);
  const { movedFrom, stats } = await catalog.backups.get(projectId, backupId);
  if (movedFrom) await closeSession(movedFrom.vaultId, sessionId, catalog.sessions);
  const outcome = { ...stats, sourceBackupId: movedFrom?.backupId ?? '' };
  const end = { status: 'success', atMs: clock.nowMs(), outcome } as const;
  await catalog.tasks.end(projectId, operationLogId, end);
};

/** A copy that failed is not shown: its source is where it was. */
const undoMove = async (
  { projectId, operationLogId, attempt }: JobEvent,
  sessionId: string,
  failure: Failure,
  ports: DataPorts,
): Promise<void> => {
  const { catalog, clock } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  const { vaultId, backupId } = task;
  const from = (await findBackup(task, ports))?.movedFrom;
  if (from) await closeSession(from.vaultId, sessionId, catalog.sessions);
  const session = await closeSession(vaultId, sessionId, catalog.sessions);
  if (isTakenOver(task, attempt, session)) return;
  const atMs = clock.nowMs();
  if ((await findBackup(task, ports)) !== null) {
    const change = { atMs, failure, from: STATUSES_WHILE.made };
    const copy = await catalog.backups.setStatus(projectId, backupId, 'error', change);
    // It was committed: the watchdog starts the job again, to hide the source.
    if (copy.manifest !== undefined) return;
    if (copy.root === 'NONE') await catalog.backups.hide(projectId, backupId, atMs);
  }
  await catalog.tasks.end(projectId, operationLogId, { status: 'failed', atMs, failure });
};

/**
 * Begins the next one, as soon as no backup of the disk runs. What keeps it from that is reported:
 * the request may be made again, and goes on with what is left.
 */
const goOn = async (event: JobEvent, context: JobContext, ports: DataPorts): Promise<void> => {
  try {
    await context.waitUntil('next', () => beginNext(event, ports));
  } catch (error) {
    if (!isError(error)) throw error;
    ports.probe.problem('move.not-continued', error, { task: event.operationLogId });
  }
};

const beginNext = async (
  { projectId, operationLogId }: JobEvent,
  ports: DataPorts,
): Promise<boolean> => {
  const task = await ports.catalog.tasks.get(projectId, operationLogId);
  const { backupId, vaultId: to, requestId, disk } = task;
  const { movedFrom, manifest } = await ports.catalog.backups.get(projectId, backupId);
  // What has not ended is another attempt's.
  if (movedFrom === undefined || !hasEnded(task.status)) return true;
  // It failed, and would again: another request tries it. One that was deleted keeps no other.
  if (manifest === undefined && (await isThere(movedFrom.vaultId, movedFrom.backupId, ports)))
    return true;
  const move = { projectId, diskId: disk.id, from: movedFrom.vaultId, to, requestId };
  try {
    const next = await beginMove(move, ports);
    if (next) await startJob('move', next, ports);
    return true;
  } catch (error) {
    if (!isError(error, 'BackupService.6125')) throw error;
    return false;
  }
};

const isThere = async (
  vaultId: VaultId,
  backupId: BackupId,
  { catalog }: DataPorts,
): Promise<boolean> => {
  for await (const { id } of catalog.backups.ofVault(vaultId)) if (id === backupId) return true;
  return false;
};
