import { HoldfastError } from '../errors.ts';
import type { Manifest } from '../format/manifest.ts';
import { BLOCK_BYTES, segmentBlocks } from '../model/block.ts';
import { readSegment } from './read-manifest.ts';
import type { PackReading } from './read-packs.ts';
import { runLanes } from './run-lanes.ts';

/** Where the blocks of a range of segments are stored, by pack. */
export interface Located {
  packs: Map<string, PackBlocks>;
  /** Bytes of the range that are zeros. */
  zeroBytes: number;
}

export interface PackBlocks {
  /** Slot -> block id. */
  wanted: Map<number, Uint8Array>;
  /** Slot -> the disk's blocks that hold it, ascending. */
  numbers: Map<number, number[]>;
}

/**
 * Reads the maps of a range of segments and turns them round, so that each pack is fetched once,
 * however its blocks are spread over the disk. `choose` says which blocks count; all by default.
 */
export const locateBlocks = async (
  manifest: Manifest,
  range: { from: number; to: number },
  reading: PackReading,
  choose: (number: number, blockId: Uint8Array) => boolean = () => true,
): Promise<Located> => {
  const segments = Array.from({ length: range.to - range.from }, (_, n) => range.from + n);
  const entries = new Map<number, Awaited<ReturnType<typeof readSegment>>>();
  await runLanes(segments.values(), 4, async (number) => {
    entries.set(number, await readSegment(manifest, number, reading));
  });
  const located: Located = { packs: new Map(), zeroBytes: 0 };
  for (const segment of segments) {
    const { from } = segmentBlocks(segment, manifest.disk.sizeBytes);
    for (const [at, entry] of (entries.get(segment) ?? []).entries()) {
      if (entry === null) located.zeroBytes += BLOCK_BYTES;
      else if (choose(from + at, entry.blockId)) add(located.packs, entry, from + at, manifest);
    }
  }
  return located;
};

const add = (
  packs: Located['packs'],
  entry: { packId: string; slot: number; blockId: Uint8Array },
  number: number,
  { backupId }: Manifest,
): void => {
  const { packId, slot, blockId } = entry;
  const pack = packs.get(packId) ?? { wanted: new Map(), numbers: new Map() };
  packs.set(packId, pack);
  const numbers = pack.numbers.get(slot);
  if (numbers === undefined) {
    pack.wanted.set(slot, blockId);
    pack.numbers.set(slot, [number]);
    return;
  }
  // Only one of the two could be proven by its SHA-256; the other would be given the wrong bytes.
  if (Buffer.compare(pack.wanted.get(slot) ?? blockId, blockId) !== 0) {
    const reason = `block ${number} names slot ${slot} of pack ${packId} as another block`;
    throw new HoldfastError('backup.damaged', { backupId, reason });
  }
  numbers.push(number);
};
