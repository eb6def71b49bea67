import { fc, test } from '@fast-check/jest';
import { describe, expect, it } from '@jest/globals';
import { groupRuns, toMask, toRuns } from '../../../lib/engine/block-ranges.ts';
import type { BlockRange } from '../../../lib/model/block.ts';

const numbersOf = (runs: BlockRange[]): number[] =>
  runs.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, n) => from + n));

const someNumbers = fc
  .uniqueArray(fc.nat({ max: 60 }))
  .map((numbers) => numbers.toSorted((a, b) => a - b));

describe('runs of blocks', () => {
  test.prop([someNumbers])('hold every number once, and never touch', (numbers) => {
    const runs = toRuns(numbers);
    expect(numbersOf(runs)).toEqual(numbers);
    for (const [n, run] of runs.slice(1).entries()) expect(run.from).toBeGreaterThan(runs[n]!.to);
  });

  test.prop([someNumbers, fc.integer({ min: 1, max: 9 })])(
    'are cut into full groups, the last one excepted',
    (numbers, blocksMax) => {
      const groups = groupRuns(toRuns(numbers), blocksMax);
      expect(groups.flatMap(numbersOf)).toEqual(numbers);
      const sizes = groups.map((group) => numbersOf(group).length);
      expect(sizes.slice(0, -1).every((size) => size === blocksMax)).toBe(true);
      expect(sizes.at(-1) ?? 1).toBeGreaterThan(0);
      expect(sizes.at(-1) ?? 1).toBeLessThanOrEqual(blocksMax);
    },
  );

  test.prop([someNumbers, fc.nat({ max: 40 }), fc.nat({ max: 40 })])(
    'mark the blocks of a range, and no others',
    (numbers, from, count) => {
      const mask = toMask(toRuns(numbers), { from, to: from + count });
      expect(mask).toHaveLength(count);
      const marked = [...mask.keys()].filter((at) => mask[at] === 1).map((at) => from + at);
      expect(marked).toEqual(numbers.filter((n) => n >= from && n < from + count));
    },
  );

  it('of nothing are nothing', () => {
    expect(toRuns([])).toEqual([]);
    expect(groupRuns([], 4)).toEqual([]);
  });
});
