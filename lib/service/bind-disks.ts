import { HoldfastError, isError } from '../errors.ts';
import { DISK_TYPE, type Disk, mayBeProtected } from '../model/disk.ts';
import type { DiskId, ProjectId, VaultId } from '../model/ids.ts';
import { type Binding, GIBIBYTE, VAULT_LIMITS } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { mapLimited } from './map-limited.ts';

/** A resource as a request names it. */
export interface ResourceRequest {
  id: DiskId;
  type: string;
}

/**
 * The disks of a request, found fit to be bound to a vault of `sizeGib` that holds `bound` already.
 * Refused in this order: too many (6100), of another type (6102), named twice (6104), missing
 * (7000), in the wrong state (6108), in a vault already (7006), beyond the capacity (6108).
 */
export async function checkDisks(
  requests: readonly ResourceRequest[],
  vault: { sizeGib: number; bound: readonly Binding[] },
  projectId: ProjectId,
  ports: Pick<ApiPorts, 'catalog' | 'disks'>,
): Promise<Disk[]> {
  const max = VAULT_LIMITS.resourcesMax;
  if (vault.bound.length + requests.length > max) {
    throw new HoldfastError('BackupService.6100', { max });
  }
  refuseOtherTypes(requests);
  refuseDuplicates(requests.map((request) => request.id));
  const disks = await mapLimited(requests, ({ id }) => describeBindable(id, ports));
  await mapLimited(disks, async ({ id }) => {
    const binding = await ports.catalog.vaults.binding(projectId, id);
    if (binding) throw new HoldfastError('BackupService.7006', { id });
  });
  refuseBeyondCapacity(vault, disks);
  return disks;
}

/** `BackupService.6102` when a resource is anything but a disk. */
export function refuseOtherTypes(requests: readonly { type: string }[]): void {
  const other = requests.find((request) => request.type !== DISK_TYPE);
  if (other) {
    throw new HoldfastError('BackupService.6102', { type: other.type, accepted: DISK_TYPE });
  }
}

/** `BackupService.6104` when an id stands twice. */
export function refuseDuplicates(ids: readonly string[]): void {
  const twice = ids.find((id, at) => ids.indexOf(id) < at);
  if (twice !== undefined) throw new HoldfastError('BackupService.6104', { id: twice });
}

async function describeBindable(id: DiskId, { disks }: Pick<ApiPorts, 'disks'>): Promise<Disk> {
  const disk = await disks.describe(id);
  if (!mayBeProtected(disk.status)) {
    throw new HoldfastError('BackupService.6108', { reason: `disk ${id} is ${disk.status}` });
  }
  return disk;
}

function refuseBeyondCapacity(
  vault: { sizeGib: number; bound: readonly Binding[] },
  disks: readonly Disk[],
): void {
  const allocatedBytes = [...vault.bound, ...disks].reduce(
    (sum, { sizeBytes }) => sum + sizeBytes,
    0,
  );
  if (allocatedBytes > vault.sizeGib * GIBIBYTE) {
    throw new HoldfastError('BackupService.6108', {
      reason: `its disks have ${allocatedBytes} bytes, its capacity is ${vault.sizeGib} GB`,
    });
  }
}

/** Binds all of the disks, or none: what was bound is taken back when one of them is refused. */
export async function bindDisks(
  disks: readonly Disk[],
  vault: { projectId: ProjectId; id: VaultId },
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'probe'>,
): Promise<void> {
  const { vaults } = ports.catalog;
  const createdAtMs = ports.clock.nowMs();
  const bound: DiskId[] = [];
  try {
    for (const { id: diskId, name, sizeBytes } of disks) {
      const { projectId, id: vaultId } = vault;
      await vaults.bind({ projectId, vaultId, diskId, name, sizeBytes, createdAtMs });
      bound.push(diskId);
    }
  } catch (error) {
    for (const diskId of bound) {
      const { projectId, id: vaultId } = vault;
      await vaults.unbind({ projectId, vaultId, diskId }).catch((cause: unknown) => {
        // The disk stays bound: the caller sees it in the vault. A backup of it may have begun.
        if (!isError(cause)) throw cause;
        ports.probe.problem('vault.binding-stays', cause, { vaultId: vault.id, diskId });
      });
    }
    throw error;
  }
}
