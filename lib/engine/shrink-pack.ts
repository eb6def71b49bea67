import { HoldfastError } from '../errors.ts';
import { packKey } from '../format/object-keys.ts';
import { decodePack, encodePack, readPackKeyId } from '../format/pack.ts';
import { isSlotSet, setSlot } from '../model/pack.ts';
import type { Ids } from '../ports/ids.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { VaultKeys } from './vault-keys.ts';

export interface PackRewriting {
  projectId: string;
  vaultId: string;
  objects: ObjectStore;
  vaultKeys: VaultKeys;
  ids: Ids;
}

/** A pack with fewer slots, not stored yet. */
export interface ShrunkPack {
  bytes: Uint8Array;
  /** The version it was made of, and may replace. */
  etag: string;
  freedBytes: number;
  /** Which slots it has, `slotCount` bits. */
  present: Uint8Array;
  /** Ids of the blocks that it no longer has, by slot. */
  dropped: Map<number, Uint8Array>;
}

/**
 * Reads a pack and makes it anew with the slots of `live` alone; slots keep their numbers. Every
 * seal of it is opened. Memory: twice the pack.
 *
 * @throws pack.damaged when a live slot is not in it or a block of it does not open;
 *   store.object-missing, format.malformed
 */
export const shrinkPack = async (
  packId: string,
  live: Uint8Array,
  { objects, vaultKeys, ids, ...vault }: PackRewriting,
): Promise<ShrunkPack> => {
  const { bytes, etag } = await objects.get(packKey(vault, packId));
  const vaultKey = await vaultKeys.get(readPackKeyId(bytes));
  const { keyId, slots: stored } = decodePack(bytes, vaultKey, { packId });
  const slots = stored.map((entry, slot) => (isSlotSet(live, slot) ? entry : null));
  const kept = slots.filter((entry) => entry !== null);
  const missing = stored.findIndex((entry, slot) => entry === null && isSlotSet(live, slot));
  if (missing >= 0) {
    throw new HoldfastError('pack.damaged', {
      packId,
      reason: `live slot ${missing} is not in it`,
    });
  }
  const present = new Uint8Array(Math.ceil(stored.length / 8));
  const dropped = new Map<number, Uint8Array>();
  for (const [slot, entry] of stored.entries()) {
    if (slots[slot]) setSlot(present, slot);
    else if (entry) dropped.set(slot, entry.blockId);
  }
  const shrunk = encodePack({
    packId,
    keyId,
    vaultKey,
    tableSalt: ids.bytes(16),
    slots,
    blocks: kept.map(({ offset, storedBytes }) => bytes.subarray(offset, offset + storedBytes)),
  });
  return { bytes: shrunk, etag, freedBytes: bytes.length - shrunk.length, present, dropped };
};
