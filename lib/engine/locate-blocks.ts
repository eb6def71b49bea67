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
      else if (choose(from + at, entry.blockId)) add(located.packs, entry, from + at);
    }
  }
  return located;
};

const add = (
  packs: Located['packs'],
  entry: { packId: string; slot: number; blockId: Uint8Array },
  number: number,
): void => {
  const pack = packs.get(entry.packId) ?? { wanted: new Map(), numbers: new Map() };
  packs.set(entry.packId, pack);
  pack.wanted.set(entry.slot, entry.blockId);
  pack.numbers.set(entry.slot, [...(pack.numbers.get(entry.slot) ?? []), number]);
};
