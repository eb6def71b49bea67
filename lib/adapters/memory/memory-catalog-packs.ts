import { allSlots } from '../../model/pack.ts';
import type { PackCatalog } from '../../ports/catalog.ts';
import {
  isDamaged,
  isPackToOpen,
  isToQuarantine,
  isToRelease,
  isToSeal,
  pinning,
} from '../catalog-rules/pack-rules.ts';
import { copyOf, inVault, type MemoryCatalogState } from './memory-catalog-state.ts';

export const memoryPacks = ({ packs, sessions }: MemoryCatalogState): PackCatalog => {
  const stored = (vaultId: string, id: string) => packs.get(inVault(vaultId, id)) ?? null;

  return {
    async open(pack) {
      const { vaultId, id, keyId, sessionId } = pack;
      const session = sessions.get(inVault(vaultId, sessionId)) ?? null;
      if (!isPackToOpen(stored(vaultId, id), pack, session)) return;
      packs.set(inVault(vaultId, id), {
        vaultId,
        id,
        keyId,
        sessionId,
        state: 'OPEN',
        slotCount: 0,
        present: new Uint8Array(),
        lastRefEpoch: 0,
        storedBytes: 0,
      });
    },

    async seal(vaultId, id, sealed) {
      const pack = stored(vaultId, id);
      if (!isToSeal(pack, id, sealed)) return;
      packs.set(inVault(vaultId, id), {
        ...pack!,
        state: 'SEALED',
        slotCount: sealed.slotCount,
        present: allSlots(sealed.slotCount),
        storedBytes: sealed.storedBytes,
        lastRefEpoch: sealed.startEpoch,
      });
    },

    async pin(vaultId, id, startEpoch) {
      const pack = stored(vaultId, id);
      if (pinning(pack, startEpoch) === 'miss') return null;
      pack!.state = 'SEALED';
      delete pack!.condemnedEpoch;
      pack!.lastRefEpoch = Math.max(pack!.lastRefEpoch, startEpoch);
      return copyOf(pack);
    },

    async get(vaultId, id) {
      return copyOf(stored(vaultId, id));
    },

    async quarantine(vaultId, id, reason) {
      const pack = stored(vaultId, id);
      if (!isToQuarantine(pack, id)) return;
      const { condemnedEpoch: _, ...rest } = pack!;
      packs.set(inVault(vaultId, id), { ...rest, state: 'QUARANTINED', reason });
    },

    async release(vaultId, id) {
      const pack = stored(vaultId, id);
      if (!isToRelease(pack, id)) return;
      const { reason: _, ...rest } = pack!;
      packs.set(inVault(vaultId, id), { ...rest, state: 'SEALED' });
    },

    async quarantined(vaultId) {
      return [...packs.values()]
        .filter((pack) => pack.vaultId === vaultId && isDamaged(pack))
        .map((pack) => pack.id)
        .toSorted();
    },
  };
};
