import { allSlots, type Pack } from '../../../model/pack.ts';
import type { PackCatalog } from '../../../ports/catalog.ts';
import {
  isPackToOpen,
  isToQuarantine,
  isToRelease,
  isToSeal,
  pinning,
  TO_QUARANTINE,
} from '../../catalog-rules/pack-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import { sessionCodec } from './codecs.ts';
import type { Write } from './expression.ts';
import { keys, prefixes } from './keys.ts';
import { packCodec, quarantinedPackCodec } from './pack-codecs.ts';
import { settle } from './settle.ts';

export const dynamoPacks = (table: CatalogTable): PackCatalog => {
  const read = (vaultId: string, id: string) => table.get(packCodec, keys.pack(vaultId, id));

  return {
    async open(pack) {
      const { vaultId, id, keyId, sessionId } = pack;
      const empty = { slotCount: 0, present: new Uint8Array(), lastRefEpoch: 0, storedBytes: 0 };
      const item = packCodec.encode({ vaultId, id, keyId, sessionId, state: 'OPEN', ...empty });
      const session = keys.session(vaultId, sessionId);
      const writes: Write[] = [
        { check: session, when: { equal: { state: 'OPEN' } } },
        { put: item, when: { exists: false } },
      ];
      const write = () => table.transact(writes);
      await settle('packs.open', table.limits, async (attempt) => {
        if (attempt === 1) return { write };
        const stored = await read(vaultId, id);
        const writer = stored === null ? await table.get(sessionCodec, session) : null;
        return isPackToOpen(stored, pack, writer) ? { write } : { done: undefined };
      });
    },

    async seal(vaultId, id, sealed) {
      const { slotCount, storedBytes, startEpoch } = sealed;
      const set = {
        state: 'SEALED',
        slotCount,
        storedBytes,
        present: allSlots(slotCount),
        lastRefEpoch: startEpoch,
      };
      const write = async () => {
        await table.update(keys.pack(vaultId, id), { set }, { equal: { state: 'OPEN' } });
      };
      await settle('packs.seal', table.limits, async (attempt) => {
        if (attempt === 1) return { write };
        return isToSeal(await read(vaultId, id), id, sealed) ? { write } : { done: undefined };
      });
    },

    async pin(vaultId, id, startEpoch) {
      return settle<Pack | null>('packs.pin', table.limits, async () => {
        const pack = await read(vaultId, id);
        const found = pinning(pack, startEpoch);
        if (pack === null || found === 'miss') return { done: null };
        if (found === 'pinned') return { done: pack };
        const { state, lastRefEpoch } = pack;
        const set = { state: 'SEALED', lastRefEpoch: Math.max(lastRefEpoch, startEpoch) };
        const when = { equal: { state, lastRefEpoch }, absent: ['reason'] };
        const change = { set, remove: ['condemnedEpoch'] };
        return {
          write: async () =>
            packCodec.decode(await table.update(keys.pack(vaultId, id), change, when)),
        };
      });
    },

    get: read,

    async quarantine(vaultId, id, reason) {
      await settle('packs.quarantine', table.limits, async () => {
        if (!isToQuarantine(await read(vaultId, id), id)) return { done: undefined };
        const writes: Write[] = [
          {
            update: keys.pack(vaultId, id),
            change: { set: { state: 'QUARANTINED', reason }, remove: ['condemnedEpoch'] },
            when: { oneOf: { state: TO_QUARANTINE } },
          },
          { put: quarantinedPackCodec.encode({ vaultId, id }) },
        ];
        return { write: () => table.transact(writes) };
      });
    },

    async release(vaultId, id) {
      await settle('packs.release', table.limits, async () => {
        if (!isToRelease(await read(vaultId, id), id)) return { done: undefined };
        const writes: Write[] = [
          {
            update: keys.pack(vaultId, id),
            change: { set: { state: 'SEALED' }, remove: ['reason'] },
            when: { equal: { state: 'QUARANTINED' } },
          },
          { remove: keys.quarantinedPack(vaultId, id) },
        ];
        return { write: () => table.transact(writes) };
      });
    },

    async quarantined(vaultId) {
      const ids: string[] = [];
      for await (const items of table.pages(prefixes.quarantinedPacks(vaultId)))
        ids.push(...items.map((item) => quarantinedPackCodec.decode(item).id));
      return ids.toSorted();
    },
  };
};
