import type { Backup, BackupEntry } from '../../model/backup.ts';
import type { OperationLog, TaskEntry } from '../../model/operation-log.ts';
import type { EntriesOf } from '../../ports/catalog.ts';

/** What entries of backups and of tasks have both. */
interface Entry<S extends string> {
  vaultId: string;
  disk: { id: string };
  status: S;
  createdAtMs: number;
}

/** Whether a list is of it. */
export const isEntryOf = <S extends string>(entry: Entry<S>, which: EntriesOf<S>): boolean =>
  (which.vaultId ?? entry.vaultId) === entry.vaultId &&
  (which.diskId ?? entry.disk.id) === entry.disk.id &&
  (which.statuses?.includes(entry.status) ?? true) &&
  entry.createdAtMs >= (which.createdFromMs ?? entry.createdAtMs) &&
  entry.createdAtMs <= (which.createdToMs ?? entry.createdAtMs);

export const backupEntryOf = (backup: Backup): BackupEntry => {
  const { completedAtMs, parentBackupId } = backup;
  return {
    id: backup.id,
    projectId: backup.projectId,
    vaultId: backup.vaultId,
    checkpointId: backup.checkpointId,
    name: backup.name,
    disk: backup.disk,
    status: backup.status,
    incremental: backup.incremental,
    ...(parentBackupId !== undefined && { parentBackupId }),
    ...(completedAtMs !== undefined && { completedAtMs }),
    createdAtMs: backup.createdAtMs,
    updatedAtMs: backup.updatedAtMs,
  };
};

export const taskEntryOf = (task: OperationLog): TaskEntry => ({
  id: task.id,
  projectId: task.projectId,
  type: task.type,
  status: task.status,
  vaultId: task.vaultId,
  vaultName: task.vaultName,
  disk: task.disk,
  createdAtMs: task.createdAtMs,
  ...(task.endedAtMs !== undefined && { endedAtMs: task.endedAtMs }),
});

/** Those of `found` that the entries name, in their order. */
export const inOrderOf = <T extends { id: string }>(
  entries: readonly { id: string }[],
  found: readonly T[],
): T[] => {
  const byId = new Map(found.map((one) => [one.id, one]));
  return entries.flatMap(({ id }) => byId.get(id) ?? []);
};
