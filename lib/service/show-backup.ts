import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { BackupId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** A backup that callers see; `BackupService.6200` when there is none such or it is deleted. */
export async function showBackup(
  { backupId: id }: { backupId: BackupId },
  { projectId }: Pick<Caller, 'projectId'>,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Backup> {
  const backup = await catalog.backups.get(projectId, id);
  if (backup.status === 'deleted') throw new HoldfastError('BackupService.6200', { id });
  return backup;
}
