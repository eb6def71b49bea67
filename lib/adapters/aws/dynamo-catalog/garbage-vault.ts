import { POLICY_TYPES } from '../../../model/policy.ts';
import type { Cycle } from '../../../ports/garbage-catalog.ts';
import { ownRun } from '../../catalog-rules/garbage-rules.ts';
import { refuse } from '../../catalog-rules/refusal.ts';
import { checkVaultIsEmpty, isDeletingVault } from '../../catalog-rules/vault-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import { vaultCodec } from './codecs.ts';
import { type ItemKey, keys, prefixes } from './keys.ts';
import { epochCodec, runningEpoch } from './run-codecs.ts';
import { settle } from './settle.ts';

/**
 * Removes every item of a vault that is being deleted. Nobody adds one to it any more, so the
 * batches need no condition; the transaction at the end has the run's.
 */
export const removeVaultItems = async (table: CatalogTable, cycle: Cycle): Promise<void> => {
  const { vaultId, runId, epoch } = cycle;
  const kept = [keys.vault(vaultId), keys.epoch(vaultId), keys.usage(vaultId)];
  await settle('garbage.removeVaultItems', table.limits, async () => {
    const item = await table.get(epochCodec, keys.epoch(vaultId));
    if (item === null) return { done: undefined };
    ownRun(runningEpoch(item), cycle);
    const vault = await table.get(vaultCodec, keys.vault(vaultId));
    if (vault === null || !isDeletingVault(vault))
      return refuse(`vault ${vaultId}`, 'it is not being deleted');
    checkVaultIsEmpty(vaultId, {
      hasPacks: await hasItems(table, prefixes.packs(vaultId)),
      hasBackups: await hasItems(table, prefixes.backups(vaultId)),
      hasOpenSessions: await hasItems(table, prefixes.openSessions(vaultId)),
    });
    return {
      write: async () => {
        await table.removeAll(prefixes.vault(vaultId), kept);
        await table.transact([
          { remove: keys.epoch(vaultId), when: { equal: { runId, epoch } } },
          { remove: keys.usage(vaultId) },
          { remove: keys.vaultMark(vaultId) },
          ...POLICY_TYPES.map((type) => ({
            remove: keys.appliedPolicy(vault.projectId, vaultId, type),
          })),
          { remove: keys.vault(vaultId), when: { equal: { status: 'deleting' } } },
        ]);
      },
    };
  });
};

const hasItems = async (table: CatalogTable, prefix: ItemKey): Promise<boolean> => {
  for await (const items of table.pages(prefix)) if (items.length > 0) return true;
  return false;
};
