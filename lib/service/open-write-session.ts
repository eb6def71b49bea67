import type { Backup } from '../model/backup.ts';
import type { DataPorts } from './data-ports.ts';

interface Writing {
  operationLogId: string;
  projectId: string;
  vaultId: string;
  backupId: string;
  sessionId: string;
}

/**
 * R1, then R4: opens the session of a backup, and pins the newest parent. To be called after what
 * it reads is complete. Answers which snapshots its commit makes useless: only the newest backup's
 * is kept (spec section 5.6), because change tracking starts from it. A few older ones are named
 * too: an earlier job may have failed to drop one, or its backup was deleted.
 */
export const openWriteSession = async (
  { projectId, operationLogId, vaultId, backupId, sessionId }: Writing,
  { catalog, clock, settings }: DataPorts,
): Promise<{ snapshotIds: string[] }> => {
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
  const backup = await catalog.backups.get(projectId, backupId);
  const { parents, snapshotIds } = await earlierOf(backup, catalog.backups);
  if (session.parentBackupId !== undefined) return { snapshotIds };
  for (const parentId of parents) {
    if (await catalog.sessions.pinParent(vaultId, sessionId, parentId)) break;
  }
  return { snapshotIds };
};

/** The disk's newest backups in the vault that can be a parent, and its newest snapshots. */
const earlierOf = async (
  { vaultId, disk }: Backup,
  backups: DataPorts['catalog']['backups'],
): Promise<{ parents: string[]; snapshotIds: string[] }> => {
  const parents: string[] = [];
  const snapshotIds: string[] = [];
  const keep = (newest: string[], id: string) => {
    newest.unshift(id);
    newest.splice(EARLIER_MAX);
  };
  for await (const root of backups.roots(vaultId)) {
    if (root.manifest === undefined || root.disk.id !== disk.id) continue;
    if (root.root === 'VISIBLE') keep(parents, root.id);
    if (root.snapshotId !== undefined) keep(snapshotIds, root.snapshotId);
  }
  return { parents, snapshotIds };
};

/** A parent that was just deleted is passed over; more than a few in a row means something else. */
const EARLIER_MAX = 5;
