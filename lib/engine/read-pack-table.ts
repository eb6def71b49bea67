import { isError } from '../errors.ts';
import { packKey, type VaultAddress } from '../format/object-keys.ts';
import { decodePackTail, PACK_TAIL_BYTES_MAX, readPackKeyId } from '../format/pack.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { VaultKeys } from './vault-keys.ts';

/** What a pack's own table says. */
export interface StoredPack {
  keyId: string;
  /** Slots it was sealed with, those without a block too. */
  slotCount: number;
  /** Block ids by slot. */
  blocks: Map<number, Uint8Array>;
  /** Bytes of the object. */
  storedBytes: number;
}

/**
 * Reads a pack's table from the object's end. Answers why when it is not there or cannot be read;
 * an outage is thrown.
 */
export const readPackTable = async (
  packId: string,
  { objects, vaultKeys, ...vault }: VaultAddress & { objects: ObjectStore; vaultKeys: VaultKeys },
): Promise<StoredPack | { damage: string }> => {
  try {
    const tail = await objects.getTail(packKey(vault, packId), PACK_TAIL_BYTES_MAX);
    const vaultKey = await vaultKeys.get(readPackKeyId(tail.bytes));
    const { keyId, slots } = decodePackTail(tail.bytes, tail.sizeBytes, vaultKey, { packId });
    const blocks = new Map(slots.flatMap((entry, slot) => (entry ? [[slot, entry.blockId]] : [])));
    return { keyId, slotCount: slots.length, blocks, storedBytes: tail.sizeBytes };
  } catch (error) {
    if (!isError(error, ...DAMAGE)) throw error;
    return { damage: error.message };
  }
};

const DAMAGE = [
  'store.object-missing',
  'format.malformed',
  'format.unsupported',
  'key.missing',
] as const;
