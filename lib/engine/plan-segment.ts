import type { SegmentEntry } from '../format/segment.ts';
import { type BlockRange, blockCount, segmentBlocks } from '../model/block.ts';
import type { Disks } from '../ports/disks.ts';
import { toMask, toRuns } from './block-ranges.ts';
import type { ParentMap, ParentSegment } from './parent-map.ts';
import { zeroEntries } from './read-manifest.ts';

/** What is known of a segment before any block is read. */
export interface SegmentPlan {
  number: number;
  blocks: BlockRange;
  /** One a block: the parent's entry, or zeros; those of `read` are decided when they are read. */
  entries: SegmentEntry[];
  parent: ParentSegment | null;
  /** Blocks to read, ascending. */
  read: BlockRange[];
}

/** Where the blocks of a disk come from: a snapshot, or a backup that is read like one. */
export type SourceBlocks = Pick<Disks, 'allocatedBlocks' | 'changedBlocks' | 'readBlocks'>;

export interface SegmentSource {
  snapshotId: string;
  sizeBytes: number;
  parent: ParentMap | null;
  /**
   * True when change tracking may be trusted: the parent's manifest records the very snapshot that
   * the difference is taken from (ARCHITECTURE.md, "Life of a block"), and nobody asked for a full
   * read.
   */
  trackChanges: boolean;
  /**
   * Packs whose entries count as changed, whatever change tracking says: that is how damage heals.
   */
  quarantined: ReadonlySet<string>;
}

/**
 * Decides which blocks of segment `number` are read. Without trusted change tracking: every block
 * that may hold data. With it: changed blocks, blocks in QUARANTINED packs, and after a change of
 * size both tails. What is neither allocated nor inherited is zeros.
 */
export const planSegment = async (
  number: number,
  source: SegmentSource,
  disks: SourceBlocks,
): Promise<SegmentPlan> => {
  const blocks = segmentBlocks(number, source.sizeBytes);
  const parent = (await source.parent?.segment(number)) ?? null;
  const runs = await disks.allocatedBlocks(source.snapshotId, blocks);
  // Most of a large disk: no data, and none to inherit.
  if (runs.length === 0 && (parent?.reference ?? null) === null)
    return { number, blocks, entries: zeroEntries(blocks.to - blocks.from), parent, read: [] };
  const allocated = toMask(runs, blocks);
  const suspect = await suspectBlocks(blocks, parent, source, disks);
  const entries: SegmentEntry[] = [];
  const read: number[] = [];
  for (let at = 0; at < allocated.length; at++) {
    const inherited = suspect[at] === 0;
    entries.push(inherited ? (parent?.entries[at] ?? null) : null);
    if (!inherited && allocated[at] === 1) read.push(blocks.from + at);
  }
  return { number, blocks, entries, parent, read: toRuns(read) };
};

/** One byte a block: 1 where the parent's entry cannot simply be taken over. */
const suspectBlocks = async (
  blocks: BlockRange,
  parent: ParentSegment | null,
  source: SegmentSource,
  disks: SourceBlocks,
): Promise<Uint8Array> => {
  const everything = () => new Uint8Array(blocks.to - blocks.from).fill(1);
  if (parent === null || source.parent === null || !source.trackChanges) return everything();
  const changed = await disks.changedBlocks(source.parent.snapshotId, source.snapshotId, blocks);
  if (changed === null) return everything();
  const suspect = toMask(changed, blocks);
  for (const [at, entry] of parent.entries.entries()) {
    if (entry !== null && source.quarantined.has(entry.packId)) suspect[at] = 1;
  }
  markTails(suspect, blocks, source.parent.sizeBytes, source.sizeBytes);
  return suspect;
};

/** On any change of size both tail blocks are read again, and all that the parent does not have. */
const markTails = (
  suspect: Uint8Array,
  blocks: BlockRange,
  parentBytes: number,
  sizeBytes: number,
): void => {
  if (parentBytes === sizeBytes) return;
  for (const tail of [blockCount(parentBytes) - 1, blockCount(sizeBytes) - 1]) {
    if (tail >= blocks.from && tail < blocks.to) suspect[tail - blocks.from] = 1;
  }
  const beyond = Math.max(blockCount(parentBytes), blocks.from);
  if (beyond < blocks.to) suspect.fill(1, beyond - blocks.from);
};
