import { HoldfastError } from '../errors.ts';
import type { VaultDetails } from '../model/details.ts';
import type { VaultId } from '../model/ids.ts';
import { GIBIBYTE, isFull, type Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { changeVault } from './change-vault.ts';
import { checkVaultStatus } from './check-vault-status.ts';
import { checkSize } from './create-vault.ts';
import { vaultDetails } from './show-vault.ts';

/** What is absent stays as it is. */
export interface UpdateVaultCommand {
  vaultId: VaultId;
  name?: string | undefined;
  sizeGib?: number | undefined;
  consistentLevel?: string | undefined;
  threshold?: number | undefined;
  smnNotify?: boolean | undefined;
  autoExpand?: boolean | undefined;
  autoBind?: boolean | undefined;
  bindRules?: Vault['bindRules'] | undefined;
  locked?: boolean | undefined;
}

/** A capacity may shrink down to what is used, at least this much. */
const SIZE_GIB_MIN = 1;

/** Changes a vault's settings; `locked` goes from false to true only. */
export async function updateVault(
  command: UpdateVaultCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<VaultDetails> {
  const change = async (vault: Vault): Promise<Vault> => {
    const { usedBytes } = await ports.catalog.vaults.usage(vault.id);
    checkUpdate(vault, command, usedBytes);
    const changed = { ...applied(vault, command), updatedAtMs: ports.clock.nowMs() };
    return withExpansion(vault, changed, usedBytes);
  };
  const vault = await changeVault(caller.projectId, command.vaultId, change, ports);
  return vaultDetails(vault, ports);
}

function checkUpdate(vault: Vault, command: UpdateVaultCommand, usedBytes: number): void {
  checkVaultStatus(vault, 'change');
  if ((command.consistentLevel ?? vault.consistentLevel) !== vault.consistentLevel) {
    const reason = 'its disks are backed up crash consistently; this release knows no other way';
    throw new HoldfastError('BackupService.6110', { reason });
  }
  if (vault.locked && command.locked === false) {
    const reason = 'vault not support to modify locked attribute from true to false.';
    throw new HoldfastError('BackupService.6110', { reason });
  }
  if (command.sizeGib === undefined) return;
  checkSize(command.sizeGib, SIZE_GIB_MIN);
  if (command.sizeGib * GIBIBYTE < usedBytes) {
    const reason = `${command.sizeGib} GB is less than the ${usedBytes} bytes that are used`;
    throw new HoldfastError('BackupService.6101', { reason });
  }
}

const applied = (vault: Vault, command: UpdateVaultCommand): Vault => ({
  ...vault,
  name: command.name ?? vault.name,
  sizeGib: command.sizeGib ?? vault.sizeGib,
  threshold: command.threshold ?? vault.threshold,
  smnNotify: command.smnNotify ?? vault.smnNotify,
  autoExpand: command.autoExpand ?? vault.autoExpand,
  autoBind: command.autoBind ?? vault.autoBind,
  bindRules: command.bindRules ?? vault.bindRules,
  locked: command.locked ?? vault.locked,
});

/** `autoExpand` that comes when the vault is full already has no effect (spec FO5). */
function withExpansion(before: Vault, changed: Vault, usedBytes: number): Vault {
  const { expandsNot: _, ...vault } = changed;
  const isLate = !before.autoExpand || before.expandsNot === true;
  return vault.autoExpand && isLate && isFull(vault, usedBytes)
    ? { ...vault, expandsNot: true }
    : vault;
}
