import { HoldfastError, isError } from '../errors.ts';
import type { Disk } from '../model/disk.ts';
import type { DiskId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/**
 * A disk; one that a running restore is about to make is shown in status `creating`.
 * `BackupService.7000` when there is neither.
 */
export async function showDisk(
  { diskId: id }: { diskId: DiskId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'disks'>,
): Promise<Disk> {
  try {
    return await ports.disks.describe(id);
  } catch (error) {
    if (!isError(error, 'disk.missing')) throw error;
  }
  for await (const task of ports.catalog.tasks.unfinished()) {
    if (task.projectId !== caller.projectId) continue;
    if (task.target?.isNew && task.target.diskId === id) return plannedDisk(task, task.target);
  }
  throw new HoldfastError('BackupService.7000', { id });
}

/** The disk that a restore will make. */
const plannedDisk = (task: OperationLog, target: NonNullable<OperationLog['target']>): Disk => ({
  id: target.diskId,
  name: target.name,
  sizeBytes: target.sizeBytes ?? task.totalBytes,
  status: 'creating',
  availabilityZone: target.availabilityZone ?? '',
  bootable: false,
  encrypted: false,
  tags: [],
  createdAtMs: task.createdAtMs,
});
