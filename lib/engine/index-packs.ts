import { deriveIndexKey, indexName } from '../format/keys.ts';
import type { VaultAddress } from '../format/object-keys.ts';
import type { BlockLocation } from '../model/block.ts';
import type { PackId } from '../model/ids.ts';
import type { BlockIndex } from '../ports/block-index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readPackTable } from './read-pack-table.ts';
import { runLanes } from './run-lanes.ts';
import type { VaultKeys } from './vault-keys.ts';

/** Packs at once: a table is read and at most 256 entries are written. */
const LANES = 8;

/**
 * Puts the blocks of packs into the index, from the packs' own tables: an entry costs less than
 * storing its block again does in a month. The packs must be SEALED (rule R2). One that cannot be
 * read is left out: the index is a hint.
 *
 * @param indexKeyId the vault's first key
 */
export const indexPacks = async (
  packIds: PackId[],
  { index, indexKeyId, ...vault }: Indexing,
): Promise<void> => {
  const indexKey = deriveIndexKey(await vault.vaultKeys.get(indexKeyId));
  await runLanes(packIds.values(), LANES, async (packId) => {
    const table = await readPackTable(packId, vault);
    if ('damage' in table) return;
    const entries = new Map<string, BlockLocation>();
    for (const [slot, blockId] of table.blocks)
      entries.set(indexName(indexKey, blockId), { packId, slot });
    await index.put(vault.vaultId, entries);
  });
};

interface Indexing extends VaultAddress {
  objects: ObjectStore;
  vaultKeys: VaultKeys;
  index: BlockIndex;
  indexKeyId: string;
}
