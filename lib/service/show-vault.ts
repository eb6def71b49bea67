import type { ResourceDetails, VaultDetails } from '../model/details.ts';
import type { VaultId } from '../model/ids.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** A vault with its usage and disks; `BackupService.6105` when the project has no such vault. */
export async function showVault(
  { vaultId }: { vaultId: VaultId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<VaultDetails> {
  return vaultDetails(await ports.catalog.vaults.get(caller.projectId, vaultId), ports);
}

/** What callers are shown of a vault. */
export async function vaultDetails(
  vault: Vault,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<VaultDetails> {
  const [usage, resources] = await Promise.all([
    ports.catalog.vaults.usage(vault.id),
    vaultResources(vault.id, ports),
  ]);
  return { vault, usage, resources };
}

/** The vault's disks, each with the number and the bytes of the backups that callers see. */
export async function vaultResources(
  vaultId: VaultId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<ResourceDetails[]> {
  const [bindings, counts] = await Promise.all([
    catalog.vaults.bindings(vaultId),
    catalog.vaults.backupCounts(vaultId),
  ]);
  const ofDisk = new Map(counts.map((count) => [count.diskId, count]));
  return bindings.map((binding) => {
    const { backupCount = 0, backupBytes = 0 } = ofDisk.get(binding.diskId) ?? {};
    return { binding, backupCount, backupBytes };
  });
}
