import { isError, isRetryable } from '../errors.ts';
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
