import { openParent } from '../engine/parent-map.ts';
import { backupBlocks } from '../engine/read-backup-blocks.ts';
import { storeBlocks } from '../engine/store-blocks.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { HoldfastError, isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { Session } from '../model/session.ts';
import type { DataPorts, RangeAnswer, RangeRequest } from './data-ports.ts';
import { readSource } from './read-source.ts';
import { ProgressReport } from './report-progress.ts';

/**
 * Makes a range of a disk durable under a session and records it. A range that is recorded already
 * is not copied again. Stops before `deadlineMs` and says where to go on.
 */
export const copyDiskRange = async (
  request: RangeRequest,
  deadlineMs: number,
  ports: DataPorts,
): Promise<RangeAnswer> => {
  const { projectId, vaultId, sessionId, from } = request;
  const { catalog, clock, settings } = ports;
  const session = await openSession(request, ports);
  const recorded = () => catalog.sessions.range(vaultId, sessionId, from);
  const known = await recorded();
  if (known !== null) return answer(known.to, request);
  const backup = await catalog.backups.get(projectId, request.backupId);
  const progress = new ProgressReport(request, ports);
  try {
    const { disks, ...source } = await sourceOf(backup, session, ports);
    const range = await storeBlocks(
      request,
      source,
      await targetOf(backup, session, ports),
      { ...ports, disks, packs: catalog.packs },
      {
        mayContinue: () => clock.nowMs() < deadlineMs - settings.marginMs,
        onProgress: (bytes) => progress.add(bytes),
        ...(settings.store && { limits: settings.store }),
      },
    );
    await catalog.sessions.putRange(vaultId, sessionId, range);
    await progress.finish();
    // A worker that was given up as lost may have recorded the range before, and ended it
    // elsewhere.
    return answer((await recorded())?.to ?? range.to, request);
  } catch (error) {
    if (isError(error, 'Holdfast.Cancelled')) return { cancelled: true };
    throw error;
  }
};

const answer = (done: number, { to }: RangeRequest): RangeAnswer => ({
  next: done < to ? done : null,
});

const openSession = async (request: RangeRequest, { catalog }: DataPorts): Promise<Session> => {
  const session = await catalog.sessions.get(request.vaultId, request.sessionId);
  if (session.state !== 'OPEN') {
    throw new HoldfastError('session.not-open', { id: session.id, state: session.state });
  }
  return session;
};

const sourceOf = async (backup: Backup, session: Session, ports: DataPorts) => {
  if (backup.snapshotId === undefined) {
    throw new HoldfastError('bug', { reason: `backup ${backup.id} has no snapshot` });
  }
  const keys = vaultKeys(backup.vaultId, { vaults: ports.catalog.vaults, keys: ports.keys });
  const parent =
    session.parentBackupId === undefined
      ? null
      : await openParent(
          await ports.catalog.backups.get(backup.projectId, session.parentBackupId),
          { objects: ports.objects, vaultKeys: keys },
        );
  const source = {
    snapshotId: backup.snapshotId,
    parent,
    quarantined: new Set(session.quarantined),
  };
  if (backup.movedFrom === undefined) {
    const { sizeBytes } = await ports.disks.describeSnapshot(backup.snapshotId);
    return { ...source, disks: ports.disks, sizeBytes, trackChanges: backup.incremental };
  }
  const { manifest, reading } = await readSource(backup, ports);
  const disks = backupBlocks(manifest, parent, reading);
  return { ...source, disks, sizeBytes: manifest.disk.sizeBytes, trackChanges: true };
};

const targetOf = async (backup: Backup, session: Session, ports: DataPorts) => {
  const { keyId } = await ports.catalog.vaults.get(backup.projectId, backup.vaultId);
  const keys = vaultKeys(backup.vaultId, { vaults: ports.catalog.vaults, keys: ports.keys });
  return {
    projectId: backup.projectId,
    vaultId: backup.vaultId,
    sessionId: session.id,
    startEpoch: session.startEpoch,
    keyId,
    vaultKey: await keys.get(keyId),
  };
};
