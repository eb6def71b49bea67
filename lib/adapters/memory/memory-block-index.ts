import type { BlockLocation } from '../../model/block.ts';
import type { VaultId } from '../../model/ids.ts';
import type { BlockIndex, IndexedBlock } from '../../ports/block-index.ts';

/** A block index in the memory of one process. */
export const memoryBlockIndex = (): BlockIndex => {
  const locations = new Map<string, BlockLocation>();
  const key = (vaultId: VaultId, block: IndexedBlock) => `${vaultId}#${block}`;

  return {
    async find(vaultId, blocks) {
      const found = new Map<IndexedBlock, BlockLocation>();
      for (const block of blocks) {
        const location = locations.get(key(vaultId, block));
        if (location !== undefined) found.set(block, { ...location });
      }
      return found;
    },

    async put(vaultId, entries) {
      for (const [block, { packId, slot }] of entries)
        locations.set(key(vaultId, block), { packId, slot });
    },

    async remove(vaultId, entries) {
      for (const [block, { packId, slot }] of entries) {
        const stored = locations.get(key(vaultId, block));
        if (stored?.packId === packId && stored.slot === slot)
          locations.delete(key(vaultId, block));
      }
    },
  };
};
