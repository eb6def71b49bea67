import { HoldfastError } from '../errors.ts';
import { allows, type Vault, type VaultOperation } from '../model/vault.ts';

/**
 * Refuses what the vault's status does not allow (spec section 3.3): a backup with
 * `BackupService.6113`, a restore with `6202`, the vault's deletion with `6111`, the rest with
 * `6112`.
 */
export function checkVaultStatus(
  { id, status }: Pick<Vault, 'id' | 'status'>,
  operation: VaultOperation,
): void {
  if (allows(status, operation)) return;
  switch (operation) {
    case 'backUp':
      throw new HoldfastError('BackupService.6113', { id, status });
    case 'restore':
      throw new HoldfastError('BackupService.6202', { id, status });
    case 'delete':
      throw new HoldfastError('BackupService.6111', { reason: `it is ${status}` });
    default:
      throw new HoldfastError('BackupService.6112', { id, status });
  }
}
