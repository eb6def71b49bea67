import { HoldfastError } from '../../../errors.ts';
import type { VaultId } from '../../../model/ids.ts';
import type { GarbageCatalog } from '../../../ports/garbage-catalog.ts';
import { countedBy } from '../../catalog-rules/garbage-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import { sessionCodec } from './codecs.ts';
import { readRun } from './garbage-runs.ts';
import { keys, prefixes } from './keys.ts';
import { readEpoch, readUsage } from './reads.ts';
import { runningEpoch } from './run-codecs.ts';
import { settle, untilWhole } from './settle.ts';

/** How the used bytes of a vault become exact. */
export const garbageCounting = (
  table: CatalogTable,
): Pick<GarbageCatalog, 'observeUsage' | 'countedUsage' | 'setUsed'> => ({
  async observeUsage(vaultId) {
    for (let attempt = 1; attempt <= table.limits.attemptsMax; attempt++) {
      const { usedBytes } = await readUsage(table, vaultId);
      const endedSessions = await endedSessionIds(table, vaultId);
      // A commit ends a session and makes the vault's bytes more, both at once: the same number on
      // either side of the list is no commit between. A session that ended otherwise adds nothing.
      const after = await readUsage(table, vaultId);
      if (after.usedBytes !== usedBytes) continue;
      // Roots that are read after this are those of all sessions that are known to have ended.
      await untilWhole(table.limits);
      return { usedBytes, endedSessions };
    }
    throw new HoldfastError('catalog.unavailable', { operation: 'garbage.observeUsage' });
  },

  countedUsage: async (vaultId) => countedBy(runningEpoch(await readEpoch(table, vaultId))),

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

/** Ascending, as their keys are. */
const endedSessionIds = async (table: CatalogTable, vaultId: VaultId): Promise<string[]> => {
  const ids: string[] = [];
  for await (const items of table.pages(prefixes.sessions(vaultId), { not: { state: 'OPEN' } }))
    ids.push(...items.map((item) => sessionCodec.decode(item).id));
  return ids;
};
