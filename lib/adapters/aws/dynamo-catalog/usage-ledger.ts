import type { ProjectId } from '../../../model/ids.ts';
import { dayOf, type UsageSample, type VaultChange } from '../../../model/usage-ledger.ts';
import type { UsageLedger } from '../../../ports/usage-ledger.ts';
import { firstChange, isSampleToAdd } from '../../catalog-rules/ledger-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import type { Write } from './expression.ts';
import { keys, prefixes } from './keys.ts';
import { sampledDayCodec, vaultChangeCodec } from './ledger-codecs.ts';
import { settle } from './settle.ts';

/** Belongs into the transaction that changes the vault; its condition is the vault's. */
export const putChange = (change: VaultChange): Write => ({ put: vaultChangeCodec.encode(change) });

/** One item holds a vault's samples of a day: a report of a month reads 30 of them a vault. */
export const dynamoUsageLedger = (table: CatalogTable): UsageLedger => ({
  async *changes(projectId) {
    for await (const items of table.pages(prefixes.vaultChanges(projectId)))
      yield* items.map((item) => vaultChangeCodec.decode(item));
  },

  async begin(vault) {
    const key = keys.vaultChange(vault.projectId, vault.id, vault.revision);
    await settle('ledger.begin', table.limits, async () => {
      if ((await table.get(vaultChangeCodec, key)) !== null) return { done: undefined };
      const item = vaultChangeCodec.encode(firstChange(vault));
      return { write: () => table.put(item, { exists: false }) };
    });
  },

  async removeChange({ projectId, vaultId, revision }) {
    const key = keys.vaultChange(projectId, vaultId, revision);
    await settle('ledger.removeChange', table.limits, async () => ({
      write: () => table.remove(key),
    }));
  },

  async addSample(sample) {
    const { projectId, vaultId, atMs, ...held } = sample;
    const dayMs = dayOf(atMs);
    const key = keys.sampledDay(projectId, dayMs, vaultId);
    await settle('ledger.addSample', table.limits, async () => {
      const stored = await table.get(sampledDayCodec, key);
      const samples = stored?.samples ?? [];
      if (!isSampleToAdd(samples.map(asSampleOf(sample)), sample)) return { done: undefined };
      const day = { projectId, vaultId, dayMs, samples: [...samples, { atMs, ...held }] };
      const when = stored === null ? { exists: false } : { equal: { samples } };
      return { write: () => table.put(sampledDayCodec.encode(day), when) };
    });
  },

  async *samples(projectId, dayMs) {
    for await (const items of table.pages(prefixes.sampledDay(projectId, dayMs)))
      for (const item of items) {
        const { samples, ...day } = sampledDayCodec.decode(item);
        yield* samples.map(asSampleOf(day)).toSorted((a, b) => a.atMs - b.atMs);
      }
  },

  async removeSamples(projectId, dayMs) {
    await settle('ledger.removeSamples', table.limits, async () => {
      const old = await sampledDaysBefore(projectId, dayMs, table);
      if (old.size === 0) return { done: undefined };
      return {
        write: async () => {
          for (const day of old) await table.removeAll(prefixes.sampledDay(projectId, day));
        },
      };
    });
  },
});

const sampledDaysBefore = async (
  projectId: ProjectId,
  dayMs: number,
  table: CatalogTable,
): Promise<Set<number>> => {
  const days = new Set<number>();
  for await (const items of table.pages(prefixes.sampledDays(projectId)))
    for (const item of items) {
      const day = sampledDayCodec.decode(item);
      // They are ascending.
      if (day.dayMs >= dayMs) return days;
      days.add(day.dayMs);
    }
  return days;
};

const asSampleOf =
  ({ projectId, vaultId }: Pick<UsageSample, 'projectId' | 'vaultId'>) =>
  (held: Omit<UsageSample, 'projectId' | 'vaultId'>): UsageSample => ({
    projectId,
    vaultId,
    ...held,
  });
