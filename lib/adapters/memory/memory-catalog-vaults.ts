import { HoldfastError } from '../../errors.ts';
import type { VaultChange } from '../../model/usage-ledger.ts';
import type { Vault, WrappedKey } from '../../model/vault.ts';
import type { VaultCatalog } from '../../ports/catalog.ts';
import { changeBetween, firstChange, lastChange } from '../catalog-rules/ledger-rules.ts';
import {
  isToBind,
  isToRebind,
  isToSuspend,
  isToUnbind,
  isVaultToCreate,
  isVaultToDelete,
  isVaultToUpdate,
  ownVault,
} from '../catalog-rules/vault-rules.ts';
import {
  copyOf,
  inVault,
  type MemoryCatalogState,
  newestFirst,
  usageOf,
} from './memory-catalog-state.ts';

export const memoryVaults = (state: MemoryCatalogState): VaultCatalog => {
  const { vaults, keys, epochs, usage, bindings, backups } = state;
  const bindingsOf = (vaultId: string) =>
    [...bindings.values()].filter((binding) => binding.vaultId === vaultId);
  const heldCount = (vaultId: string) =>
    [...backups.values()].filter((b) => b.vaultId === vaultId && b.status !== 'deleted').length;

  const note = (change: VaultChange | null) => {
    if (change !== null) state.vaultChanges.push(copyOf(change));
  };

  return {
    async create(vault, key) {
      if (!isVaultToCreate(vaults.get(vault.id) ?? null, epochs.has(vault.id), vault)) return;
      putVault(state, vault, [key]);
    },

    async get(projectId, vaultId) {
      return copyOf(ownVault(vaults.get(vaultId) ?? null, projectId, vaultId));
    },

    async *list(projectId) {
      const own = [...vaults.values()].filter((vault) => vault.projectId === projectId);
      yield* copyOf(own).toSorted(newestFirst);
    },

    async update(vault) {
      const stored = ownVault(vaults.get(vault.id) ?? null, vault.projectId, vault.id);
      if (isVaultToUpdate(stored, vault)) {
        const next = { ...vault, revision: vault.revision + 1 };
        vaults.set(vault.id, copyOf(next));
        note(changeBetween(stored, next));
      }
      return copyOf(vaults.get(vault.id)!);
    },

    async delete(projectId, vaultId) {
      const stored = vaults.get(vaultId) ?? null;
      const contents = {
        bindingCount: bindingsOf(vaultId).length,
        heldCount: heldCount(vaultId),
      };
      if (stored === null || !isVaultToDelete(stored, projectId, vaultId, contents)) return;
      note(lastChange(stored, stored.updatedAtMs));
      vaults.delete(vaultId);
      usage.delete(vaultId);
    },

    async usage(vaultId) {
      return copyOf(usageOf(state, vaultId));
    },

    async key(vaultId, keyId) {
      const key = keys.get(inVault(vaultId, keyId));
      if (key === undefined)
        throw new HoldfastError('key.missing', { what: `key ${keyId} of vault ${vaultId}` });
      return copyOf(key);
    },

    async bind(binding) {
      const { vaultId, diskId } = binding;
      const stored = bindings.get(diskId) ?? null;
      const vault = vaults.get(vaultId) ?? null;
      const contents = { bindingCount: bindingsOf(vaultId).length };
      if (isToBind(stored, vault, binding, contents)) bindings.set(diskId, copyOf(binding));
    },

    async unbind(disk) {
      if (isToUnbind(bindings.get(disk.diskId) ?? null, disk)) bindings.delete(disk.diskId);
    },

    async rebind(disk, move) {
      const { toVaultId: vaultId, atMs: createdAtMs } = move;
      const stored = bindings.get(disk.diskId) ?? null;
      const contents = { bindingCount: bindingsOf(vaultId).length };
      if (isToRebind(stored, disk, move, vaults.get(vaultId) ?? null, contents))
        bindings.set(disk.diskId, { ...stored, vaultId, createdAtMs });
    },

    async bindings(vaultId) {
      return copyOf(bindingsOf(vaultId)).toSorted((a, b) => (a.diskId < b.diskId ? -1 : 1));
    },

    async setSuspended(disk, suspended) {
      const stored = bindings.get(disk.diskId) ?? null;
      if (!isToSuspend(stored, disk, suspended)) return;
      const { suspended: _, ...rest } = stored!;
      bindings.set(disk.diskId, suspended ? { ...rest, suspended } : rest);
    },

    async backupCounts(vaultId) {
      const visible = [...backups.values()].filter(
        (backup) => backup.vaultId === vaultId && backup.root === 'VISIBLE',
      );
      return [...Map.groupBy(visible, ({ disk }) => disk.id)].map(([diskId, ofDisk]) => ({
        diskId,
        backupCount: ofDisk.length,
        backupBytes: ofDisk.reduce((sum, { stats }) => sum + (stats?.storedBytes ?? 0), 0),
      }));
    },

    async binding(projectId, diskId) {
      const stored = bindings.get(diskId);
      return stored?.projectId === projectId ? copyOf(stored) : null;
    },

    async isOthers(projectId, diskId) {
      const stored = bindings.get(diskId);
      return stored !== undefined && stored.projectId !== projectId;
    },
  };
};

/** All that is kept of a new vault. */
export const putVault = (state: MemoryCatalogState, vault: Vault, wrapped: WrappedKey[]): void => {
  state.vaults.set(vault.id, copyOf(vault));
  for (const key of wrapped) state.keys.set(inVault(vault.id, key.keyId), copyOf(key));
  state.epochs.set(vault.id, 1);
  state.usage.set(vault.id, { usedBytes: 0, backupCount: 0 });
  state.vaultChanges.push(copyOf(firstChange(vault)));
};
