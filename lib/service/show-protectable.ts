import { HoldfastError } from '../errors.ts';
import type { ProtectableDetails } from '../model/details.ts';
import type { Disk } from '../model/disk.ts';
import type { DiskId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** A disk and whether it can be bound to a vault; `disk.missing` when there is none such. */
export async function showProtectable(
  { diskId }: { diskId: DiskId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'disks'>,
): Promise<ProtectableDetails> {
  return protectableDetails(await ports.disks.describe(diskId), caller, ports);
}

/** What callers are shown of a disk that could be protected. */
export async function protectableDetails(
  disk: Disk,
  caller: Caller,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<ProtectableDetails> {
  const { id, status } = disk;
  const binding = await catalog.vaults.binding(caller.projectId, id);
  if (binding) {
    const { code, message } = new HoldfastError('BackupService.7006', { id });
    return { disk, refusal: { code, reason: message }, vaultId: binding.vaultId };
  }
  if (status === 'available' || status === 'in-use') return { disk };
  const { code, message } = new HoldfastError('BackupService.7003', { id, status });
  return { disk, refusal: { code, reason: message } };
}
