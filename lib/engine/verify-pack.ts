import { isError } from '../errors.ts';
import { packKey } from '../format/object-keys.ts';
import { decodePack, readPackKeyId } from '../format/pack.ts';
import { PACK_DAMAGE, type PackReading, readPackBlocks } from './read-packs.ts';

/** Reads a whole pack and opens every block of it; false when anything of it is damaged. */
export const isPackWhole = async (packId: string, reading: PackReading): Promise<boolean> => {
  try {
    const { bytes } = await reading.objects.get(packKey(reading, packId));
    const vaultKey = await reading.vaultKeys.get(readPackKeyId(bytes));
    const { slots } = decodePack(bytes, vaultKey, { packId });
    const wanted = new Map(
      slots.flatMap((entry, slot) => (entry === null ? [] : [[slot, entry.blockId] as const])),
    );
    for await (const _ of readPackBlocks(packId, wanted, reading, false));
    return true;
  } catch (error) {
    if (isError(error, ...PACK_DAMAGE)) return false;
    throw error;
  }
};
