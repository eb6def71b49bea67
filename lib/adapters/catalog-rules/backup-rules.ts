import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '../../errors.ts';
import {
  BACKUP_TRANSITIONS,
  type Backup,
  type BackupStatus,
  type Checkpoint,
} from '../../model/backup.ts';
import type { BackupId, CheckpointId, ProjectId } from '../../model/ids.ts';
import type { OperationLog } from '../../model/operation-log.ts';
import { mayBecome } from '../../model/state-table.ts';
import type { Binding } from '../../model/vault.ts';
import { refuse } from './refusal.ts';

export const isCheckpointToPut = (stored: Checkpoint | null, checkpoint: Checkpoint): boolean => {
  if (stored === null) return true;
  if (isDeepStrictEqual(stored, checkpoint)) return false;
  return refuse(`restore point ${checkpoint.id}`, 'the id is taken');
};

/** The restore point when it is the project's, else `BackupService.6217`. */
export const ownCheckpoint = (
  stored: Checkpoint | null,
  projectId: ProjectId,
  id: CheckpointId,
): Checkpoint => {
  if (stored?.projectId !== projectId) throw new HoldfastError('BackupService.6217', { id });
  return stored;
};

/** The backup when it is the project's, else `BackupService.6200`. */
export const ownBackup = (stored: Backup | null, projectId: ProjectId, id: BackupId): Backup => {
  if (stored?.projectId !== projectId) throw new HoldfastError('BackupService.6200', { id });
  return stored;
};

/** Which backup it is; none of this ever changes. */
export type BegunBackup = Pick<Backup, 'id' | 'projectId' | 'operationLogId'>;

/** What is stored under the ids of a backup that begins. */
interface FoundAtBegin {
  backup: BegunBackup | null;
  task: OperationLog | null;
  /** The binding of the backup's disk to the backup's vault. */
  binding: Binding | null;
}

export const isToBegin = (found: FoundAtBegin, backup: Backup, task: OperationLog): boolean => {
  const { vaultId, disk } = backup;
  const { backup: stored, binding } = found;
  if (stored?.projectId === backup.projectId && stored.operationLogId === task.id) return false;
  if (stored !== null) return refuse(`backup ${backup.id}`, 'the id is taken');
  if (found.task !== null) return refuse(`task ${task.id}`, 'the id is taken');
  if (binding?.projectId !== backup.projectId)
    throw new HoldfastError('BackupService.6135', { id: disk.id, vaultId });
  if (binding.protectingTaskId !== undefined)
    throw new HoldfastError('BackupService.6125', { id: vaultId });
  return true;
};

/**
 * Only a commit makes a backup VISIBLE, only `hide` deletes one and `undelete` brings it back: no
 * other path shows half a backup or drops a root.
 */
export const isStatusToSet = (
  backup: Backup,
  status: BackupStatus,
  from?: readonly BackupStatus[],
): boolean => {
  if (backup.status === status || from?.includes(backup.status) === false) return false;
  const item = `backup ${backup.id}`;
  if (status === 'deleted') return refuse(item, 'a backup is deleted by hiding it');
  if (backup.status === 'deleted' || !mayBecome(BACKUP_TRANSITIONS, backup.status, status))
    return refuse(item, `${backup.status} cannot become ${status}`);
  if (status === 'available' && backup.root !== 'VISIBLE')
    return refuse(item, 'it was not committed');
  return true;
};

export const isToHide = (backup: Backup): boolean => {
  const { id, status } = backup;
  if (status === 'deleted') return false;
  if (!mayBecome(BACKUP_TRANSITIONS, status, 'deleted'))
    throw new HoldfastError('BackupService.6201', { id, status });
  return true;
};
