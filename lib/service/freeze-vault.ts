import { HoldfastError } from '../errors.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import { mayBecome } from '../model/state-table.ts';
import { VAULT_TRANSITIONS, type Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { changeVault } from './change-vault.ts';

/**
 * Freezes a vault, or ends that (spec section 3.4): its data is kept, also from its retention
 * rules, and operations on it are refused. For its operator alone: no request does it. Jobs that
 * are under way complete. `BackupService.6112` when its status forbids it.
 */
export const freezeVault = (
  { projectId, vaultId, frozen }: { projectId: ProjectId; vaultId: VaultId; frozen: boolean },
  ports: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<Vault> => {
  const status = frozen ? 'frozen' : 'available';
  const change = async (vault: Vault): Promise<Vault | null> => {
    if (vault.status === status) return null;
    const isFromFreezing = frozen || vault.status === 'frozen';
    if (!isFromFreezing || !mayBecome(VAULT_TRANSITIONS, vault.status, status))
      throw new HoldfastError('BackupService.6112', { id: vaultId, status: vault.status });
    return { ...vault, status, updatedAtMs: ports.clock.nowMs() };
  };
  return changeVault(projectId, vaultId, change, ports);
};
