import { HoldfastError } from '../errors.ts';
import type { DiskId, VaultId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import { refuseDuplicates } from './bind-disks.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';

/**
 * Suspends the protection of disks: backups leave them out until it is resumed. All of them must be
 * in the vault (`BackupService.6135`), else nothing is changed. Returns their ids.
 */
export async function setResources(
  { vaultId, diskIds, suspended }: { vaultId: VaultId; diskIds: DiskId[]; suspended: boolean },
  { projectId }: Caller,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<DiskId[]> {
  checkVaultStatus(await catalog.vaults.get(projectId, vaultId), 'suspend');
  refuseDuplicates(diskIds);
  const bound = new Set((await catalog.vaults.bindings(vaultId)).map(({ diskId }) => diskId));
  const missing = diskIds.find((id) => !bound.has(id));
  if (missing !== undefined) {
    throw new HoldfastError('BackupService.6135', { id: missing, vaultId });
  }
  for (const diskId of diskIds) {
    await catalog.vaults.setSuspended({ projectId, vaultId, diskId }, suspended);
  }
  return diskIds;
}
