import type { Backup } from '../../../model/backup.ts';
import type { Write } from './expression.ts';
import { keys } from './keys.ts';

/**
 * Counts a backup that becomes VISIBLE (1) or is no longer (-1), in the transaction that makes it
 * so: lists of vaults show these counts and read no backups.
 */
export const countBackup = (
  { vaultId, disk }: Pick<Backup, 'vaultId' | 'disk'>,
  by: 1 | -1,
  storedBytes: number,
): Write => ({
  update: keys.backupCount(vaultId, disk.id),
  change: {
    set: { vaultId, diskId: disk.id },
    count: { backupCount: by, backupBytes: by * storedBytes },
  },
  when: {},
});
