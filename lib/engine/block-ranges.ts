import type { BlockRange } from '../model/block.ts';

/** Runs of consecutive numbers among ascending `numbers`. */
export const toRuns = (numbers: Iterable<number>): BlockRange[] => {
  const runs: BlockRange[] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last.to === number) last.to = number + 1;
    else runs.push({ from: number, to: number + 1 });
  }
  return runs;
};

/** Cuts runs so that each group has at most `blocksMax` blocks; order is kept. */
export const groupRuns = (runs: BlockRange[], blocksMax: number): BlockRange[][] => {
  const groups: BlockRange[][] = [];
  let group: BlockRange[] = [];
  let room = blocksMax;
  for (const run of runs) {
    for (let from = run.from; from < run.to; ) {
      const to = Math.min(run.to, from + room);
      group.push({ from, to });
      room -= to - from;
      from = to;
      if (room === 0) {
        groups.push(group);
        group = [];
        room = blocksMax;
      }
    }
  }
  if (group.length > 0) groups.push(group);
  return groups;
};

/** Marks the blocks of `runs` that lie within `range`: one byte a block, counted from its start. */
export const toMask = (runs: BlockRange[], range: BlockRange): Uint8Array => {
  const mask = new Uint8Array(range.to - range.from);
  for (const run of runs) {
    mask.fill(1, Math.max(run.from, range.from) - range.from, Math.max(0, run.to - range.from));
  }
  return mask;
};
