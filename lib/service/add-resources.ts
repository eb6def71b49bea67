import type { DiskId, VaultId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import { bindDisks, checkDisks, type ResourceRequest } from './bind-disks.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';

/** Binds disks to a vault: all of them, or none. Returns their ids. */
export async function addResources(
  command: { vaultId: VaultId; resources: ResourceRequest[] },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'disks' | 'clock' | 'probe'>,
): Promise<DiskId[]> {
  const { projectId } = caller;
  const vault = await ports.catalog.vaults.get(projectId, command.vaultId);
  const { id, sizeGib } = vault;
  checkVaultStatus(vault, 'associate');
  const bound = await ports.catalog.vaults.bindings(id);
  const disks = await checkDisks(command.resources, { sizeGib, bound }, projectId, ports);
  await bindDisks(disks, vault, ports);
  return disks.map((disk) => disk.id);
}
