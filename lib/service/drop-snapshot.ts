import { isError, isRetryable } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { SnapshotId, VaultId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { DataPorts } from './data-ports.ts';

/**
 * Deletes the snapshot of a backup that was not committed. The snapshot may exist although nobody
 * wrote down its id: the answer that named it was lost. Its token, the task's id, finds it.
 */
export const dropSnapshotOf = async (
  task: OperationLog,
  { catalog, disks }: Pick<DataPorts, 'catalog' | 'disks'>,
): Promise<void> => {
  // A task that never started never asked for a snapshot.
  if (task.startedAtMs === undefined) return;
  const backup = await catalog.backups.get(task.projectId, task.backupId);
  if (backup.manifest !== undefined) return;
  const snapshotId = backup.snapshotId ?? (await findSnapshot(task, disks));
  if (snapshotId !== null) await disks.deleteSnapshot(snapshotId);
};

/** `null` when the disk refuses a snapshot: then the token never made one. */
const findSnapshot = async (
  { id, disk }: OperationLog,
  disks: DataPorts['disks'],
): Promise<string | null> => {
  try {
    return (await disks.createSnapshot(disk.id, id)).id;
  } catch (error) {
    if (isError(error) && !isRetryable(error)) return null;
    throw error;
  }
};

/**
 * Deletes the snapshots of roots before the roots are removed (spec section 5.6): no later backup
 * does when the disk has left the vault, or all of its backups were deleted. A copy in the vault
 * that has the disk now keeps it, and goes by this rule itself. The root remembers: after a crash
 * it is done again. False during an outage: the root stays for the next cycle.
 */
export const snapshotsOfRoots = (
  leaving: readonly Pick<Backup, 'id'>[],
  { catalog, disks, probe }: Pick<DataPorts, 'catalog' | 'disks' | 'probe'>,
): ((root: Backup) => Promise<boolean>) => {
  const gone = new Set(leaving.map(({ id }) => id));
  const vaults = new Map<VaultId, Promise<Set<SnapshotId>>>();
  const read = async (vaultId: VaultId) => {
    const named = new Set<SnapshotId>();
    for await (const { id, snapshotId } of catalog.backups.roots(vaultId))
      if (snapshotId !== undefined && !gone.has(id)) named.add(snapshotId);
    return named;
  };
  const namedIn = (vaultId: VaultId) => {
    const named = vaults.get(vaultId) ?? read(vaultId);
    vaults.set(vaultId, named);
    return named;
  };
  return async ({ id, projectId, disk, snapshotId }) => {
    if (snapshotId === undefined) return true;
    const binding = await catalog.vaults.binding(projectId, disk.id);
    if (binding && (await namedIn(binding.vaultId)).has(snapshotId)) return true;
    try {
      await disks.deleteSnapshot(snapshotId);
      return true;
    } catch (error) {
      if (!isError(error)) throw error;
      probe.problem('snapshot.not-deleted', error, { backupId: id, snapshotId });
      return !isRetryable(error);
    }
  };
};
