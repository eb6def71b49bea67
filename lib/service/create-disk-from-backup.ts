import { HoldfastError } from '../errors.ts';
import type { BackupId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import { GIBIBYTE } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { beginRestore, checkRestorable } from './begin-restore.ts';
import type { Caller } from './caller.ts';
import { showBackup } from './show-backup.ts';

export interface CreateDiskCommand {
  backupId: BackupId;
  name?: string | undefined;
  /** Absent: exactly the bytes of the disk that was backed up. */
  sizeGib?: number | undefined;
  availabilityZone?: string | undefined;
}

/**
 * Starts the restore of a backup to a new disk, which the job creates. Returns the task, whose
 * target is the new disk.
 */
export async function createDiskFromBackup(
  command: CreateDiskCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'jobs' | 'clock' | 'ids' | 'probe' | 'settings'>,
): Promise<OperationLog> {
  const backup = await showBackup(command, caller, ports);
  const vault = await checkRestorable(backup, ports);
  const backupBytes = backup.disk.sizeBytes;
  const sizeBytes = command.sizeGib === undefined ? backupBytes : command.sizeGib * GIBIBYTE;
  if (sizeBytes < backupBytes) {
    throw new HoldfastError('BackupService.2001', { targetBytes: sizeBytes, backupBytes });
  }
  const target = {
    diskId: ports.ids.uuid(),
    name: command.name ?? backup.disk.name,
    isNew: true,
    sizeBytes,
    availabilityZone: command.availabilityZone ?? ports.settings.availabilityZone,
  };
  return beginRestore({ backup, vault, target }, caller, ports);
}
