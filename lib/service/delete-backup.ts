import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { BackupId } from '../model/ids.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';
import { hideBackup } from './hide-backup.ts';
import { showBackup } from './show-backup.ts';

/**
 * Deletes a backup for a caller. Safe while a next backup of the disk runs: that one inherits
 * nothing from a backup it has not pinned.
 */
export async function deleteBackup(
  { backupId }: { backupId: BackupId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'ids' | 'probe'>,
): Promise<void> {
  const backup = await showBackup({ backupId }, caller, ports);
  const vault = await ports.catalog.vaults.get(caller.projectId, backup.vaultId);
  checkVaultStatus(vault, 'deleteBackup');
  checkDeletable(backup, vault);
  await hideBackup(backup, vault, caller.requestId, ports);
}

function checkDeletable({ id, status, autoTrigger }: Backup, vault: Vault): void {
  if (status === 'waiting_restore' || status === 'restoring') {
    throw new HoldfastError('BackupService.6216', { id });
  }
  if (status !== 'available' && status !== 'error') {
    throw new HoldfastError('BackupService.6201', { id, status });
  }
  if (vault.locked && autoTrigger) throw new HoldfastError('BackupService.6220', { id });
}
