import { HoldfastError, isError } from '../errors.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';

/** Others that may change the vault meanwhile, before the caller is told to look again. */
const ATTEMPTS_MAX = 5;

/**
 * Reads a vault, lets `change` make the new one (or throw), and stores it; again from the start
 * when somebody else changed it in between. `change` returns null to leave it as it is.
 */
export async function changeVault(
  projectId: ProjectId,
  vaultId: VaultId,
  change: (vault: Vault) => Promise<Vault | null>,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Vault> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const vault = await catalog.vaults.get(projectId, vaultId);
    const changed = await change(vault);
    if (!changed) return vault;
    try {
      return await catalog.vaults.update(changed);
    } catch (error) {
      if (!isError(error, 'catalog.conflict')) throw error;
    }
  }
  const reason = 'others are changing it at the same time; look at it and try again';
  throw new HoldfastError('BackupService.6110', { reason });
}
