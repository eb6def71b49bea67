import { describe, expect, it } from '@jest/globals';
import { planSegment, type SegmentSource } from '../../../lib/engine/plan-segment.ts';
import type { SegmentEntry } from '../../../lib/format/segment.ts';
import {
  BLOCK_BYTES,
  type BlockRange,
  blockCount,
  SEGMENT_BYTES,
} from '../../../lib/model/block.ts';
import type { Disks } from '../../../lib/ports/disks.ts';
import { SOME, someBytes } from '../../support/some-stored.ts';

const [OLD, NEW] = ['snapshot-1', 'snapshot-2'];

/** The parent's entries of a disk of `sizeBytes`, all of one pack but for `other`. */
const entriesOf = (sizeBytes: number, other: number[] = []): SegmentEntry[] =>
  Array.from({ length: blockCount(sizeBytes) }, (_, slot) => ({
    packId: other.includes(slot) ? SOME.otherPackId : SOME.packId,
    slot,
    blockId: someBytes(`block ${slot}`, 32),
  }));

/** Disks whose change tracking knows of content alone, and that hold data everywhere. */
const disksWith = (changed: BlockRange[] | null, asked: unknown[] = []) =>
  ({
    allocatedBlocks: async (_, range) => [range],
    changedBlocks: async (...args) => {
      asked.push(args);
      return changed;
    },
  }) as Pick<Disks, 'allocatedBlocks' | 'changedBlocks'> as Disks;

const source = (
  parentBytes: number,
  sizeBytes: number,
  change: Partial<SegmentSource> = {},
  entries = entriesOf(parentBytes),
): SegmentSource => ({
  snapshotId: NEW,
  sizeBytes,
  parent: {
    snapshotId: OLD,
    sizeBytes: parentBytes,
    blocks: blockCount(parentBytes),
    segment: async () => ({ entries, reference: null }),
  },
  trackChanges: true,
  quarantined: new Set(),
  ...change,
});

const BLOCKS_8 = 8 * BLOCK_BYTES;

describe('the plan of a segment', () => {
  it('reads what changed since the snapshot of the parent, and inherits the rest', async () => {
    const asked: unknown[] = [];
    const entries = entriesOf(BLOCKS_8);
    const plan = await planSegment(
      0,
      source(BLOCKS_8, BLOCKS_8, {}, entries),
      disksWith([{ from: 2, to: 4 }], asked),
    );
    expect(asked).toEqual([[OLD, NEW, { from: 0, to: 8 }]]);
    expect(plan.read).toEqual([{ from: 2, to: 4 }]);
    expect(plan.entries).toEqual(entries.map((entry, n) => (n === 2 || n === 3 ? null : entry)));
  });

  it('reads what the parent has in a damaged pack', async () => {
    const quarantined = new Set([SOME.otherPackId]);
    const entries = entriesOf(BLOCKS_8, [1, 6]);
    const from = source(BLOCKS_8, BLOCKS_8, { quarantined }, entries);
    const plan = await planSegment(0, from, disksWith([]));
    expect(plan.read).toEqual([
      { from: 1, to: 2 },
      { from: 6, to: 7 },
    ]);
    expect([plan.entries[1], plan.entries[6]]).toEqual([null, null]);
  });

  it.each([
    ['grew within its last block', BLOCKS_8 - 700, BLOCKS_8 - 3, [[7, 8]]],
    ['grew from an odd tail', BLOCKS_8 - 700, BLOCKS_8 + BLOCK_BYTES, [[7, 9]]],
    ['grew from whole blocks', BLOCKS_8, BLOCKS_8 + 5, [[7, 9]]],
    ['shrank to an odd tail', BLOCKS_8, BLOCKS_8 - BLOCK_BYTES - 5, [[6, 7]]],
    ['kept its size', BLOCKS_8 - 700, BLOCKS_8 - 700, []],
  ] as const)(
    'reads the tails of a disk that %s, whatever tracking says',
    async (_, was, is, runs) => {
      const plan = await planSegment(0, source(was, is), disksWith([]));
      expect(plan.read).toEqual(runs.map(([from, to]) => ({ from, to })));
    },
  );

  it('reads the tail of the parent in the segment where it is', async () => {
    const [was, is] = [SEGMENT_BYTES, SEGMENT_BYTES + BLOCKS_8];
    const plan = await planSegment(0, source(was, is), disksWith([]));
    expect(plan.read).toEqual([{ from: 2047, to: 2048 }]);
  });

  it.each<[string, BlockRange[] | null, Partial<SegmentSource>]>([
    ['is not to be trusted', [], { trackChanges: false }],
    ['knows nothing', null, {}],
    ['has no parent', [], { parent: null }],
  ])('reads everything when change tracking %s', async (_, changed, change) => {
    const plan = await planSegment(0, source(BLOCKS_8, BLOCKS_8, change), disksWith(changed));
    expect(plan.read).toEqual([{ from: 0, to: 8 }]);
    expect(plan.entries).toEqual(Array.from({ length: 8 }, () => null));
  });
});
