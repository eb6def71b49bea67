import { vaultKeys } from '../engine/vault-keys.ts';
import { writeCommitMarker, writeManifest } from '../engine/write-manifest.ts';
import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import { segmentCount } from '../model/block.ts';
import {
  addStats,
  type FinishedRange,
  NO_STATS,
  type SegmentReference,
  type Session,
} from '../model/session.ts';
import type { DataPorts } from './data-ports.ts';
import { readSource } from './read-source.ts';

interface CommitRequest {
  projectId: string;
  operationLogId: string;
  vaultId: string;
  backupId: string;
  sessionId: string;
}

/**
 * Writes the manifest from what the workers recorded, and commits (rule R5). All of it may be
 * repeated: the manifest's bytes are the same, the transaction recognises itself.
 */
export const commitBackup = async (request: CommitRequest, ports: DataPorts): Promise<void> => {
  const { operationLogId, ...commit } = request;
  const { projectId, vaultId, backupId, sessionId } = commit;
  const { catalog, clock } = ports;
  const backup = await catalog.backups.get(projectId, backupId);
  const session = await catalog.sessions.get(vaultId, sessionId);
  const { snapshotId, manifest: known } = backup;
  // A run of this before has committed: what its manifest was made of may have gone since.
  if (session.state === 'COMMITTED' && known?.sessionId === sessionId)
    return putMarker(commit, backup, known.sha256, ports);
  if (snapshotId === undefined)
    throw new HoldfastError('bug', { reason: `backup ${backupId} has no snapshot` });
  const sizeBytes = await sizeOf(backup, snapshotId, ports);
  const ranges = await catalog.sessions.ranges(vaultId, sessionId);
  const segments = joinRanges(ranges, segmentCount(sizeBytes));
  const stats = ranges.reduce((sum, range) => addStats(sum, range.stats), NO_STATS);
  if (session.state === 'OPEN') await refuseNewDamage(session, ports);

  const parent =
    session.parentBackupId === undefined
      ? null
      : await catalog.backups.get(projectId, session.parentBackupId);
  const { keyId } = await catalog.vaults.get(projectId, vaultId);
  const vaultKey = await vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys }).get(
    keyId,
  );
  // The task's copy of the name: the backup may be renamed between two runs of this step.
  const { backupName: name } = await catalog.tasks.get(projectId, operationLogId);
  const manifest = {
    ...commit,
    checkpointId: backup.checkpointId,
    name,
    createdAtMs: backup.createdAtMs,
    disk: { id: backup.disk.id, name: backup.disk.name, sizeBytes },
    snapshotId,
    parent: parent?.manifest ? { backupId: parent.id, sessionId: parent.manifest.sessionId } : null,
    consistency: 'crash_consistent' as const,
    stats,
    keyId,
    segments,
  };
  const manifestSha256 = await writeManifest(manifest, vaultKey, ports.objects);
  await catalog.sessions.commit({ ...commit, manifestSha256, stats, atMs: clock.nowMs() });
  await putMarker(commit, backup, manifestSha256, ports);
};

const putMarker = async (
  commit: Omit<CommitRequest, 'operationLogId'>,
  { id: backupId, createdAtMs: committedAtMs }: Backup,
  manifestSha256: string,
  { objects }: DataPorts,
): Promise<void> => {
  await writeCommitMarker(commit, { backupId, manifestSha256, committedAtMs }, objects);
};

/** A backup has its snapshot's size, a copy that of its source. */
const sizeOf = async (backup: Backup, snapshotId: string, ports: DataPorts): Promise<number> => {
  if (backup.movedFrom === undefined)
    return (await ports.disks.describeSnapshot(snapshotId)).sizeBytes;
  return (await readSource(backup, ports)).manifest.disk.sizeBytes;
};

/** The ranges must follow one another and cover the disk: a hole would restore as zeros. */
const joinRanges = (ranges: FinishedRange[], count: number): SegmentReference[] => {
  const segments: SegmentReference[] = [];
  for (const range of ranges) {
    const fits = range.from === segments.length && range.segments.length === range.to - range.from;
    if (!fits)
      throw new HoldfastError('bug', {
        reason: `range ${range.from} does not follow segment ${segments.length}`,
      });
    for (const segment of range.segments) segments.push(segment);
  }
  if (segments.length !== count) {
    throw new HoldfastError('bug', {
      reason: `${segments.length} of ${count} segments are recorded`,
    });
  }
  return segments;
};

/**
 * A pack that was QUARANTINED while the backup ran may stand in its map. The session does not know
 * it as damaged, so it ends here, and a new one starts with what is known now (rule R4).
 */
const refuseNewDamage = async (session: Session, { catalog }: DataPorts): Promise<void> => {
  const known = new Set(session.quarantined);
  const found = (await catalog.packs.quarantined(session.vaultId)).filter((id) => !known.has(id));
  const [packId] = found;
  if (packId !== undefined) {
    throw new HoldfastError('pack.damaged', {
      packId,
      reason: 'it was found damaged while this backup ran; start it again',
    });
  }
};
