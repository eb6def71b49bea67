import type { Backup } from '../model/backup.ts';
import type { BackupId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/**
 * Takes the deletion of a backup back (rule R12), for as long as the collector has not removed it:
 * `BackupService.6200` afterwards. One that is not deleted stays as it is.
 */
export const undeleteBackup = (
  { backupId }: { backupId: BackupId },
  { projectId }: Caller,
  { catalog, clock }: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<Backup> => catalog.garbage.undelete(projectId, backupId, clock.nowMs());
