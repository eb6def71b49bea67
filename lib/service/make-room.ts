import { HoldfastError } from '../errors.ts';
import { GIBIBYTE, isFull, VAULT_LIMITS, type Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { changeVault } from './change-vault.ts';

/** Spec section 3.2, auto_expand: the size becomes 1.25 times as large. */
const EXPANSION = 1.25;

/**
 * Sees to it that a vault can take a backup: one that is full is expanded if it may be (spec
 * section 3.2, `auto_expand`), else refused with `BackupService.6114`. Asked at the start of a
 * task; one that runs may use more than there is (spec FO5).
 */
export async function makeRoom(
  vault: Vault,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'probe'>,
): Promise<void> {
  const { usedBytes } = await ports.catalog.vaults.usage(vault.id);
  const isWrong = (current: Vault): boolean =>
    isFull(current, usedBytes) || current.expandsNot === true;
  if (!isWrong(vault)) return;

  const mend = async (current: Vault): Promise<Vault | null> => {
    if (!isWrong(current)) return null;
    const { expandsNot, ...rest } = current;
    const updatedAtMs = ports.clock.nowMs();
    // It has room again: from now on it expands.
    if (!isFull(current, usedBytes)) return { ...rest, updatedAtMs };
    const sizeGib = expandedGib(current.sizeGib, usedBytes);
    if (!current.autoExpand || expandsNot || isFull({ sizeGib }, usedBytes)) {
      const sizeBytes = current.sizeGib * GIBIBYTE;
      throw new HoldfastError('BackupService.6114', { usedBytes, sizeBytes });
    }
    return { ...rest, sizeGib, updatedAtMs };
  };
  const { sizeGib } = await changeVault(vault.projectId, vault.id, mend, ports);
  if (sizeGib > vault.sizeGib) ports.probe.note('vault.expanded', { vaultId: vault.id, sizeGib });
}

/** Expanded until it is not full any more, or as large as a vault may be. */
function expandedGib(sizeGib: number, usedBytes: number): number {
  let expanded = sizeGib;
  while (isFull({ sizeGib: expanded }, usedBytes) && expanded < VAULT_LIMITS.sizeGibMax) {
    expanded = Math.min(VAULT_LIMITS.sizeGibMax, Math.ceil(expanded * EXPANSION));
  }
  return expanded;
}
