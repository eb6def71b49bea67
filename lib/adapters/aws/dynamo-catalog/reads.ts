import { HoldfastError } from '../../../errors.ts';
import type { Backup } from '../../../model/backup.ts';
import type { BackupId, DiskId, VaultId } from '../../../model/ids.ts';
import type { Binding } from '../../../model/vault.ts';
import type { CatalogTable } from './catalog-table.ts';
import {
  backupCodec,
  backupPointerCodec,
  bindingCodec,
  diskPointerCodec,
  epochCodec,
} from './codecs.ts';
import { type ItemKey, keys } from './keys.ts';

/** A backup by its id alone. */
export const readBackup = async (table: CatalogTable, id: BackupId): Promise<Backup | null> => {
  const key = await findBackup(table, id);
  return key === null ? null : table.get(backupCodec, key);
};

/** Where a backup's item is. The pointer is written with it and never changes. */
export const findBackup = async (table: CatalogTable, id: BackupId): Promise<ItemKey | null> => {
  const pointer = await table.get(backupPointerCodec, keys.backupPointer(id));
  return pointer === null ? null : keys.backup(pointer.vaultId, pointer.createdAtMs, id);
};

/** A disk's binding, in whatever vault. */
export const readBinding = async (table: CatalogTable, diskId: DiskId): Promise<Binding | null> => {
  const pointer = await table.get(diskPointerCodec, keys.diskPointer(diskId));
  return pointer === null ? null : table.get(bindingCodec, keys.binding(pointer.vaultId, diskId));
};

/** The vault's epoch; `BackupService.6105` when there never was such a vault. */
export const readEpoch = async (table: CatalogTable, vaultId: VaultId): Promise<number> => {
  const item = await table.get(epochCodec, keys.epoch(vaultId));
  if (item === null) throw new HoldfastError('BackupService.6105', { id: vaultId });
  return item.epoch;
};
