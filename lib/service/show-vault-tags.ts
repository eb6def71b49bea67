import type { VaultId } from '../model/ids.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** The vault, of which the tags are shown; `BackupService.6105` when there is none such. */
export async function showVaultTags(
  { vaultId }: { vaultId: VaultId },
  caller: Caller,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Vault> {
  return catalog.vaults.get(caller.projectId, vaultId);
}
