import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { BackupId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { showBackup } from './show-backup.ts';

/** A backup that is whole; `BackupService.6206` while, or because, it is not. */
export async function showMetadata(
  { backupId }: { backupId: BackupId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Backup> {
  const backup = await showBackup({ backupId }, caller, ports);
  const { id, status, root } = backup;
  if (root !== 'VISIBLE') throw new HoldfastError('BackupService.6206', { id, status });
  return backup;
}
