import { HoldfastError } from '../../../errors.ts';
import type { Backup } from '../../../model/backup.ts';
import type { BackupId, DiskId, VaultId } from '../../../model/ids.ts';
import type { Binding, VaultUsage } from '../../../model/vault.ts';
import type { CatalogTable } from './catalog-table.ts';
import {
  backupCodec,
  backupPointerCodec,
  bindingCodec,
  diskPointerCodec,
  usageCodec,
} from './codecs.ts';
import { type ItemKey, keys } from './keys.ts';
import { type EpochItem, epochCodec } from './run-codecs.ts';

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

/**
 * A disk's binding, in whatever vault. Between the two reads the disk may move: it is nowhere only
 * if its pointer says afterwards what it said before.
 */
export const readBinding = async (table: CatalogTable, diskId: DiskId): Promise<Binding | null> => {
  const readPointer = () => table.get(diskPointerCodec, keys.diskPointer(diskId));
  let pointer = await readPointer();
  for (let moves = 0; pointer !== null && moves < MOVES_MAX; moves++) {
    const binding = await table.get(bindingCodec, keys.binding(pointer.vaultId, diskId));
    if (binding !== null) return binding;
    const now = await readPointer();
    if (now?.vaultId === pointer.vaultId && now.createdAtMs === pointer.createdAtMs) return null;
    pointer = now;
  }
  if (pointer === null) return null;
  throw new HoldfastError('catalog.unavailable', { operation: 'get' });
};

/** More moves of a disk during one read of it than anybody makes. */
const MOVES_MAX = 5;

/** The vault's epoch and run; `BackupService.6105` when there is no such vault. */
export const readEpoch = async (table: CatalogTable, vaultId: VaultId): Promise<EpochItem> => {
  const item = await table.get(epochCodec, keys.epoch(vaultId));
  return item ?? missingVault(vaultId);
};

/** The vault's counters; `BackupService.6105` when there is no such vault. */
export const readUsage = async (table: CatalogTable, vaultId: VaultId): Promise<VaultUsage> => {
  const item = await table.get(usageCodec, keys.usage(vaultId));
  if (item === null) return missingVault(vaultId);
  return { usedBytes: item.usedBytes, backupCount: item.backupCount };
};

const missingVault = (id: VaultId): never => {
  throw new HoldfastError('BackupService.6105', { id });
};
