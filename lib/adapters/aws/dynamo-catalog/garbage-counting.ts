import { HoldfastError } from '../../../errors.ts';
import type { VaultId } from '../../../model/ids.ts';
import type { GarbageCatalog } from '../../../ports/garbage-catalog.ts';
import type { CatalogTable } from './catalog-table.ts';
import { openSessionCodec } from './codecs.ts';
import { readRun } from './garbage-runs.ts';
import { keys, prefixes } from './keys.ts';
import { readUsage } from './reads.ts';
import { settle } from './settle.ts';

/** How the used bytes of a vault become exact. */
export const garbageCounting = (
  table: CatalogTable,
): Pick<GarbageCatalog, 'observeUsage' | 'setUsed'> => ({
  async observeUsage(vaultId) {
    for (let attempt = 1; attempt <= table.limits.attemptsMax; attempt++) {
      const { usedBytes } = await readUsage(table, vaultId);
      const openSessions = await openSessionIds(table, vaultId);
      // Only a commit takes a session from the list and makes the vault's bytes more, both at once:
      // the same number on either side of the list is no commit between.
      const after = await readUsage(table, vaultId);
      if (after.usedBytes === usedBytes) return { usedBytes, openSessions };
    }
    throw new HoldfastError('catalog.unavailable', { operation: 'garbage.observeUsage' });
  },

  async setUsed(cycle, usedBytes, observed) {
    const { vaultId, runId, epoch } = cycle;
    await settle('garbage.setUsed', table.limits, async () => {
      const { hasCounted } = await readRun(table, cycle);
      if (hasCounted) return { done: undefined };
      return {
        write: () =>
          table.transact([
            {
              update: keys.epoch(vaultId),
              change: { set: { hasCounted: true } },
              when: { equal: { runId, epoch }, absent: ['hasCounted'] },
            },
            {
              update: keys.usage(vaultId),
              change: { add: { usedBytes: usedBytes - observed.usedBytes } },
              when: { exists: true },
            },
          ]),
      };
    });
  },
});

const openSessionIds = async (table: CatalogTable, vaultId: VaultId): Promise<string[]> => {
  const ids: string[] = [];
  for await (const items of table.pages(prefixes.openSessions(vaultId)))
    ids.push(...items.map((item) => openSessionCodec.decode(item).id));
  return ids.toSorted();
};
