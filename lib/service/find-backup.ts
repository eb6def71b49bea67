import { isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { DataPorts } from './data-ports.ts';

/** The backup of a task; `null` when it was made, deleted and collected meanwhile. */
export const findBackup = async (
  { projectId, backupId }: Pick<OperationLog, 'projectId' | 'backupId'>,
  { catalog }: Pick<DataPorts, 'catalog'>,
): Promise<Backup | null> => {
  try {
    return await catalog.backups.get(projectId, backupId);
  } catch (error) {
    if (!isError(error, 'BackupService.6200')) throw error;
    return null;
  }
};
