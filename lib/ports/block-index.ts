import type { BlockLocation } from '../model/block.ts';
import type { VaultId } from '../model/ids.ts';

/**
 * A block's name in the index: HMAC-SHA256 of its id under the vault's index key, lower-case hex.
 */
export type IndexedBlock = string;

/**
 * The dedup index of a vault: a hint. An entry may be missing or stale at any time; nobody trusts
 * it without pinning the pack (rule R3). Writes of the same block: the last one wins.
 * Failures are `catalog.unavailable`.
 */
export interface BlockIndex {
  /** The known ones among `blocks` (any number; the adapter pages). */
  find(vaultId: VaultId, blocks: IndexedBlock[]): Promise<Map<IndexedBlock, BlockLocation>>;
  /** Any number of entries. Only for packs that are SEALED (rule R2). */
  put(vaultId: VaultId, entries: Map<IndexedBlock, BlockLocation>): Promise<void>;
  /**
   * Removes the entries that still name exactly the given locations; others stay. Any number; for
   * slots that are dropped (rules R9, R10).
   */
  remove(vaultId: VaultId, entries: Map<IndexedBlock, BlockLocation>): Promise<void>;
}
