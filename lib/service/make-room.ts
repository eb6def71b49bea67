import { HoldfastError } from '../errors.ts';
import { GIBIBYTE, VAULT_LIMITS, type Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { changeVault } from './change-vault.ts';

/** Spec section 3.2, auto_expand: the size becomes 1.25 times as large. */
const EXPANSION = 1.25;

/**
 * Sees to it that a vault can take a backup: one that is full is expanded if it may be (spec
 * section 3.2, `auto_expand`), else refused with `BackupService.6114`.
 */
export async function makeRoom(
  vault: Vault,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'probe'>,
): Promise<void> {
  const { usedBytes } = await ports.catalog.vaults.usage(vault.id);
  const isFull = (sizeGib: number): boolean => usedBytes >= sizeGib * GIBIBYTE;
  if (!isFull(vault.sizeGib)) return;

  const expand = async (current: Vault): Promise<Vault | null> => {
    if (!isFull(current.sizeGib)) return null;
    const sizeGib = expandedGib(current.sizeGib, isFull);
    if (!current.autoExpand || isFull(sizeGib)) {
      const sizeBytes = current.sizeGib * GIBIBYTE;
      throw new HoldfastError('BackupService.6114', { usedBytes, sizeBytes });
    }
    return { ...current, sizeGib, updatedAtMs: ports.clock.nowMs() };
  };
  const { sizeGib } = await changeVault(vault.projectId, vault.id, expand, ports);
  ports.probe.note('vault.expanded', { vaultId: vault.id, sizeGib });
}

/** Expanded until it is not full any more, or as large as a vault may be. */
function expandedGib(sizeGib: number, isFull: (sizeGib: number) => boolean): number {
  let expanded = sizeGib;
  while (isFull(expanded) && expanded < VAULT_LIMITS.sizeGibMax) {
    expanded = Math.min(VAULT_LIMITS.sizeGibMax, Math.ceil(expanded * EXPANSION));
  }
  return expanded;
}
