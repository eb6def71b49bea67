import type { Manifest } from '../format/manifest.ts';
import type { SegmentEntry } from '../format/segment.ts';
import { BLOCK_BYTES, type BlockRange, SEGMENT_BLOCKS } from '../model/block.ts';
import { toRuns } from './block-ranges.ts';
import type { ParentMap } from './parent-map.ts';
import type { SourceBlocks } from './plan-segment.ts';
import { readSegment } from './read-manifest.ts';
import { type PackReading, readPackBlocks } from './read-packs.ts';

/** Maps that are kept: lanes work on neighbouring segments. A map is about 100 KB. */
const SEGMENTS_MAX = 4;

/**
 * A backup, read as if it were a snapshot of its disk: what `storeBlocks` takes when a backup moves
 * to another vault. Changed is what differs by hash from `parent`, the copy's parent in the other
 * vault, so that what was moved before is neither read nor stored again. Each block is verified.
 */
export const backupBlocks = (
  manifest: Manifest,
  parent: ParentMap | null,
  reading: PackReading,
): SourceBlocks => {
  const segments = new Map<number, Promise<SegmentEntry[]>>();
  const segment = (number: number): Promise<SegmentEntry[]> => {
    const entries = segments.get(number) ?? readSegment(manifest, number, reading);
    segments.set(number, entries);
    for (const oldest of segments.keys()) {
      if (segments.size <= SEGMENTS_MAX) break;
      segments.delete(oldest);
    }
    return entries;
  };
  const entriesOf = async ({ from, to }: BlockRange): Promise<[number, SegmentEntry][]> => {
    const found: [number, SegmentEntry][] = [];
    for (let number = from; number < to; number++) {
      const entries = await segment(Math.floor(number / SEGMENT_BLOCKS));
      found.push([number, entries[number % SEGMENT_BLOCKS] ?? null]);
    }
    return found;
  };

  return {
    async allocatedBlocks(_, range) {
      const entries = await entriesOf(range);
      return toRuns(entries.flatMap(([number, entry]) => (entry === null ? [] : number)));
    },

    async changedBlocks(_, __, range) {
      if (parent === null) return null;
      const changed: number[] = [];
      for (const [number, entry] of await entriesOf(range)) {
        const known = await parent.segment(Math.floor(number / SEGMENT_BLOCKS));
        const other = known?.entries[number % SEGMENT_BLOCKS] ?? null;
        if (!isSame(entry, other)) changed.push(number);
      }
      return toRuns(changed);
    },

    async readBlocks(_, range) {
      const bytes = new Uint8Array((range.to - range.from) * BLOCK_BYTES);
      for (const [packId, slots] of byPack(await entriesOf(range))) {
        const wanted = new Map([...slots].map(([slot, { blockId }]) => [slot, blockId]));
        for await (const opened of readPackBlocks(packId, wanted, reading)) {
          for (const [n, slot] of opened.slots.entries()) {
            const block = opened.blocks.subarray(n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES);
            for (const number of slots.get(slot)?.numbers ?? [])
              bytes.set(block, (number - range.from) * BLOCK_BYTES);
          }
        }
      }
      return bytes;
    },
  };
};

const isSame = (a: SegmentEntry, b: SegmentEntry): boolean =>
  a === null || b === null ? a === b : Buffer.compare(a.blockId, b.blockId) === 0;

type Slots = Map<number, { blockId: Uint8Array; numbers: number[] }>;

const byPack = (entries: [number, SegmentEntry][]): Map<string, Slots> => {
  const packs = new Map<string, Slots>();
  for (const [number, entry] of entries) {
    if (entry === null) continue;
    const { packId, slot, blockId } = entry;
    const slots: Slots = packs.get(packId) ?? new Map();
    packs.set(packId, slots);
    const known = slots.get(slot);
    if (known === undefined) slots.set(slot, { blockId, numbers: [number] });
    else known.numbers.push(number);
  }
  return packs;
};
