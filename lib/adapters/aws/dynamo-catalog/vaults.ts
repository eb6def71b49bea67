import { HoldfastError } from '../../../errors.ts';
import {
  type BackupCount,
  type Binding,
  VAULT_LIMITS,
  type Vault,
  type WrappedKey,
} from '../../../model/vault.ts';
import type { VaultCatalog } from '../../../ports/catalog.ts';
import { changeBetween, firstChange, lastChange } from '../../catalog-rules/ledger-rules.ts';
import {
  isSameBinding,
  isToBind,
  isToRebind,
  isToSuspend,
  isToUnbind,
  isVaultToCreate,
  isVaultToDelete,
  isVaultToUpdate,
  ownVault,
} from '../../catalog-rules/vault-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import {
  backupCountCodec,
  bindingCodec,
  diskPointerCodec,
  keyCodec,
  usageCodec,
  vaultCodec,
} from './codecs.ts';
import type { Write } from './expression.ts';
import { keys, listed, prefixes } from './keys.ts';
import { readBinding, readUsage } from './reads.ts';
import { type EpochItem, epochCodec, vaultMarkCodec } from './run-codecs.ts';
import { settle } from './settle.ts';
import { putChange } from './usage-ledger.ts';

export const dynamoVaults = (table: CatalogTable): VaultCatalog => {
  const readVault = (id: string) => table.get(vaultCodec, keys.vault(id));

  return {
    async create(vault, key) {
      const vaultId = vault.id;
      await settle('vaults.create', table.limits, async () => {
        const [stored, epoch] = await table.snapshot(
          [vaultCodec, keys.vault(vaultId)],
          [epochCodec, keys.epoch(vaultId)],
        );
        if (!isVaultToCreate(stored, epoch !== null, vault)) return { done: undefined };
        return { write: () => table.transact(createVaultWrites(vault, [key], {})) };
      });
    },

    async get(projectId, vaultId) {
      return ownVault(await readVault(vaultId), projectId, vaultId);
    },

    list: (projectId) => table.list(vaultCodec, projectId, 'VAULT'),

    async update(vault) {
      const { id, projectId, revision } = vault;
      const next = { ...vault, revision: revision + 1 };
      return settle('vaults.update', table.limits, async () => {
        const stored = ownVault(await readVault(id), projectId, id);
        if (!isVaultToUpdate(stored, vault)) return { done: stored };
        const when = { equal: { revision, projectId } };
        const change = changeBetween(stored, next);
        const write = { put: vaultCodec.encode(next), when };
        if (change === null) return { write: () => table.put(write.put, when).then(() => next) };
        return { write: () => table.transact([write, putChange(change)]).then(() => next) };
      });
    },

    async delete(projectId, vaultId) {
      await settle('vaults.delete', table.limits, async () => {
        const [vault, usage] = await table.snapshot(
          [vaultCodec, keys.vault(vaultId)],
          [usageCodec, keys.usage(vaultId)],
        );
        if (vault === null || !isVaultToDelete(vault, projectId, vaultId, usage))
          return { done: undefined };
        const { revision } = vault;
        return {
          write: () =>
            table.transact([
              { remove: keys.vault(vaultId), when: { equal: { projectId, revision } } },
              { remove: keys.vaultMark(vaultId) },
              { remove: keys.usage(vaultId), when: { equal: { bindingCount: 0, heldCount: 0 } } },
              putChange(lastChange(vault, vault.updatedAtMs)),
            ]),
        };
      });
    },

    usage: (vaultId) => readUsage(table, vaultId),

    async key(vaultId, keyId) {
      const key = await table.get(keyCodec, keys.vaultKey(vaultId, keyId));
      if (key === null)
        throw new HoldfastError('key.missing', { what: `key ${keyId} of vault ${vaultId}` });
      return key;
    },

    async bind(binding) {
      const { vaultId, diskId, projectId, createdAtMs } = binding;
      await settle('vaults.bind', table.limits, async () => {
        const [stored, vault, usage] = await table.snapshot(
          [diskPointerCodec, keys.diskPointer(diskId)],
          [vaultCodec, keys.vault(vaultId)],
          [usageCodec, keys.usage(vaultId)],
        );
        if (!isToBind(stored, vault, binding, usage)) return { done: undefined };
        return {
          write: () =>
            table.transact([
              {
                put: diskPointerCodec.encode({ diskId, vaultId, projectId, createdAtMs }),
                when: { exists: false },
              },
              { put: bindingCodec.encode(binding), when: { exists: false } },
              countBinding(vaultId),
            ]),
        };
      });
    },

    async unbind(disk) {
      const { vaultId, diskId } = disk;
      let first: Binding | undefined;
      await settle('vaults.unbind', table.limits, async () => {
        const stored = await table.get(bindingCodec, keys.binding(vaultId, diskId));
        if (stored === null || !isToUnbind(stored, disk)) return { done: undefined };
        first ??= stored;
        // Bound anew: an earlier attempt has removed the binding that this call is about.
        if (!isSameBinding(first, stored)) return { done: undefined };
        const { createdAtMs } = stored;
        return {
          write: () =>
            table.transact([
              { remove: keys.diskPointer(diskId), when: { equal: { vaultId, createdAtMs } } },
              {
                remove: keys.binding(vaultId, diskId),
                when: { equal: { createdAtMs }, absent: ['protectingTaskId'] },
              },
              {
                update: keys.usage(vaultId),
                change: { add: { bindingCount: -1 } },
                when: { exists: true },
              },
            ]),
        };
      });
    },

    async rebind(disk, move) {
      const { projectId, diskId } = disk;
      const { fromVaultId, toVaultId: vaultId, atMs: createdAtMs } = move;
      await settle('vaults.rebind', table.limits, async () => {
        const stored = await readBinding(table, diskId);
        const [vault, usage] = await table.snapshot(
          [vaultCodec, keys.vault(vaultId)],
          [usageCodec, keys.usage(vaultId)],
        );
        if (!isToRebind(stored, disk, move, vault, usage)) return { done: undefined };
        const was = { createdAtMs: stored.createdAtMs };
        const isSuspended = stored.suspended === true;
        const leaves: Write = {
          remove: keys.binding(fromVaultId, diskId),
          when: {
            equal: { ...was, ...(isSuspended && { suspended: true }) },
            absent: ['protectingTaskId', ...(isSuspended ? [] : ['suspended'])],
          },
        };
        return {
          write: () =>
            table.transact([
              {
                put: diskPointerCodec.encode({ diskId, vaultId, projectId, createdAtMs }),
                when: { equal: { ...was, vaultId: fromVaultId } },
              },
              leaves,
              {
                put: bindingCodec.encode({ ...stored, vaultId, createdAtMs }),
                when: { exists: false },
              },
              {
                update: keys.usage(fromVaultId),
                change: { add: { bindingCount: -1 } },
                when: { exists: true },
              },
              countBinding(vaultId),
            ]),
        };
      });
    },

    async bindings(vaultId) {
      const bindings: Binding[] = [];
      for await (const items of table.pages(prefixes.bindings(vaultId)))
        bindings.push(...items.map((item) => bindingCodec.decode(item)));
      return bindings;
    },

    async setSuspended(disk, suspended) {
      const key = keys.binding(disk.vaultId, disk.diskId);
      await settle('vaults.setSuspended', table.limits, async () => {
        const stored = await table.get(bindingCodec, key);
        if (!isToSuspend(stored, disk, suspended)) return { done: undefined };
        const change = suspended ? { set: { suspended } } : { remove: ['suspended'] };
        const when = { equal: { projectId: disk.projectId, createdAtMs: stored?.createdAtMs } };
        return { write: () => table.update(key, change, when).then(() => undefined) };
      });
    },

    async backupCounts(vaultId) {
      const counts: BackupCount[] = [];
      for await (const items of table.pages(prefixes.backupCounts(vaultId)))
        for (const item of items) {
          const { diskId, backupCount, backupBytes } = backupCountCodec.decode(item);
          if (backupCount > 0) counts.push({ diskId, backupCount, backupBytes });
        }
      return counts;
    },

    async binding(projectId, diskId) {
      const stored = await readBinding(table, diskId);
      return stored?.projectId === projectId ? stored : null;
    },

    async isOthers(projectId, diskId) {
      const stored = await readBinding(table, diskId);
      return stored !== null && stored.projectId !== projectId;
    },
  };
};

/** One disk more, unless the vault is full or is being deleted. */
const countBinding = (vaultId: string): Write => ({
  update: keys.usage(vaultId),
  change: { add: { bindingCount: 1 } },
  when: {
    exists: true,
    absent: ['isDeleting'],
    below: { bindingCount: VAULT_LIMITS.resourcesMax },
  },
});

/** All items of a new vault. */
export const createVaultWrites = (
  vault: Vault,
  wrapped: WrappedKey[],
  epoch: Partial<EpochItem>,
): Write[] => {
  const { id: vaultId, projectId } = vault;
  const none = { usedBytes: 0, backupCount: 0, bindingCount: 0, heldCount: 0 };
  const items = [
    vaultCodec.encode(vault),
    ...wrapped.map((key) => keyCodec.encode(key)),
    epochCodec.encode({ vaultId, epoch: 1, ...epoch }),
    vaultMarkCodec.encode({ projectId, vaultId }),
    { ...usageCodec.encode({ vaultId, ...none }), ...listed('USAGE', vault) },
  ];
  const when = { exists: false };
  return [...items.map((put) => ({ put, when })), putChange(firstChange(vault))];
};
