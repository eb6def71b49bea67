import { HoldfastError, isError } from '../errors.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { takeOffPolicies } from './dissociate-policy.ts';

/**
 * Deletes a vault that never had a backup; its disks are released. Deleted backups stay in S3
 * until they are collected, and so does their vault.
 */
export async function deleteVault(
  { vaultId }: { vaultId: VaultId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<void> {
  const { vaults } = ports.catalog;
  const vault = await vaults.get(caller.projectId, vaultId);
  if (vault.status !== 'available' && vault.status !== 'error') {
    throw new HoldfastError('BackupService.6111', { reason: `it is ${vault.status}` });
  }
  const bindings = await vaults.bindings(vaultId);
  const busy = bindings.find((binding) => binding.protectingTaskId !== undefined);
  if (busy) {
    const reason = `disk ${busy.diskId} is being backed up into it`;
    throw new HoldfastError('BackupService.6111', { reason });
  }
  if (await hasBackups(caller.projectId, vaultId, ports)) {
    const feature = 'Deleting a vault that has backups, or deleted ones not yet collected,';
    throw new HoldfastError('Holdfast.NotImplemented', { feature });
  }
  try {
    for (const { diskId } of bindings) await vaults.unbind(caller.projectId, diskId);
    await vaults.delete(caller.projectId, vaultId);
    await takeOffPolicies(caller.projectId, vaultId, ports);
  } catch (error) {
    if (!isError(error, 'catalog.conflict')) throw error;
    const reason = 'a backup or a resource was added to it meanwhile';
    throw new HoldfastError('BackupService.6111', { reason }, { cause: error });
  }
}

async function hasBackups(
  projectId: ProjectId,
  vaultId: VaultId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<boolean> {
  for await (const _root of catalog.backups.roots(vaultId)) return true;
  for await (const backup of catalog.backups.list(projectId)) {
    if (backup.vaultId === vaultId && backup.status !== 'deleted') return true;
  }
  return false;
}
