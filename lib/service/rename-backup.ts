import type { Backup } from '../model/backup.ts';
import type { BackupId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { showBackup } from './show-backup.ts';

/** Gives a backup another name; without a name it stays as it is. */
export async function renameBackup(
  { backupId, name }: { backupId: BackupId; name?: string | undefined },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<Backup> {
  const backup = await showBackup({ backupId }, caller, ports);
  if (name === undefined) return backup;
  return ports.catalog.backups.rename(caller.projectId, backupId, name, ports.clock.nowMs());
}
