import type { Backup } from '../model/backup.ts';
import type { OperationLogId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';

interface NewTask extends Pick<OperationLog, 'type' | 'status' | 'requestId'> {
  id: OperationLogId;
  vaultName: string;
  atMs: number;
}

/** A new task that is about a backup, whatever it does with it. */
export const taskOfBackup = (
  backup: Backup,
  { id, type, status, requestId, vaultName, atMs }: NewTask,
): OperationLog => ({
  id,
  projectId: backup.projectId,
  type,
  status,
  vaultId: backup.vaultId,
  vaultName,
  checkpointId: backup.checkpointId,
  backupId: backup.id,
  backupName: backup.name,
  disk: { id: backup.disk.id, name: backup.disk.name },
  totalBytes: 0,
  cancelRequested: false,
  restarts: 0,
  requestId,
  createdAtMs: atMs,
  updatedAtMs: atMs,
});
