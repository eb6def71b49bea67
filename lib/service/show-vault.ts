import type { ResourceDetails, VaultDetails } from '../model/details.ts';
import type { VaultId } from '../model/ids.ts';
import type { Binding, Vault } from '../model/vault.ts';
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
  const bindings = await catalog.vaults.bindings(vaultId);
  const ofDisk = new Map(
    bindings.map((binding: Binding) => [
      binding.diskId,
      { binding, backupCount: 0, backupBytes: 0 },
    ]),
  );
  if (ofDisk.size === 0) return [];
  for await (const backup of catalog.backups.roots(vaultId)) {
    const resource = ofDisk.get(backup.disk.id);
    if (!resource || backup.root !== 'VISIBLE') continue;
    resource.backupCount += 1;
    resource.backupBytes += backup.stats?.storedBytes ?? 0;
  }
  return [...ofDisk.values()];
}
