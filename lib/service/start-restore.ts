import { HoldfastError } from '../errors.ts';
import type { BackupId, DiskId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import { beginRestore, checkRestorable } from './begin-restore.ts';
import type { Caller } from './caller.ts';
import { showBackup } from './show-backup.ts';

/**
 * Starts the restore of a backup to the disk it was made of (spec section 7.2): the disk must be
 * available, large enough, neither restored to nor backed up, and not another project's by now.
 */
export async function startRestore(
  { backupId, diskId }: { backupId: BackupId; diskId: DiskId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'disks' | 'jobs' | 'clock' | 'ids' | 'probe'>,
): Promise<OperationLog> {
  const backup = await showBackup({ backupId }, caller, ports);
  const vault = await checkRestorable(backup, ports);
  if (diskId !== backup.disk.id) {
    const reason = `it is of disk ${backup.disk.id}; for another disk, create one from the backup`;
    throw new HoldfastError('BackupService.2003', { reason });
  }
  const disk = await ports.disks.describe(diskId);
  const [targetBytes, backupBytes] = [disk.sizeBytes, backup.disk.sizeBytes];
  if (targetBytes < backupBytes) {
    throw new HoldfastError('BackupService.2001', { targetBytes, backupBytes });
  }
  const { id, status, name } = disk;
  if (status === 'restoring') throw new HoldfastError('BackupService.2010', { id });
  if (status !== 'available') throw new HoldfastError('BackupService.2011', { id, status });
  const binding = await ports.catalog.vaults.binding(caller.projectId, diskId);
  if (binding?.protectingTaskId) throw new HoldfastError('BackupService.2002', { id });
  if (await ports.catalog.vaults.isOthers(caller.projectId, diskId)) {
    throw new HoldfastError('BackupService.2003', { reason: 'another project protects the disk' });
  }
  const target = { diskId, name, isNew: false };
  return beginRestore({ backup, vault, target }, caller, ports);
}
