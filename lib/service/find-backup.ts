import type { Backup } from '../model/backup.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { DataPorts } from './data-ports.ts';
import { orNull } from './or-null.ts';

/** The backup of a task; `null` when it was made, deleted and collected meanwhile. */
export const findBackup = (
  { projectId, backupId }: Pick<OperationLog, 'projectId' | 'backupId'>,
  { catalog }: Pick<DataPorts, 'catalog'>,
): Promise<Backup | null> => orNull(catalog.backups.get(projectId, backupId), 'BackupService.6200');
