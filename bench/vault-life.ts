/** A vault's life: what dead space daily changes leave, and what freeing costs. */
import { type SpaceUsed, VaultModel } from './vault-model.ts';

const CHANGED_A_DAY = 0.03;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NONCURRENT_DAYS = [1, 2, 3, 7, 30];
const COMMON = { packSlots: 128, retentionDays: 30, windowDays: 7 };

type Below = (count: number) => number;

/** Which blocks change on a day. */
type Pick = (below: Below, diskBlocks: number) => number;
export const PATTERNS = {
  'anywhere, block by block': (below, diskBlocks) => below(diskBlocks),
  '80 % of the changes in 10 % of the disk': (below, diskBlocks) =>
    below(10) < 8 ? below(diskBlocks / 10) : below(diskBlocks),
  'anywhere, in runs of 64 blocks': (below, diskBlocks) => below(diskBlocks),
} satisfies Record<string, Pick>;
export type Pattern = keyof typeof PATTERNS;

const changes = (pattern: Pattern, diskBlocks: number, below: Below): Set<number> => {
  const changed = new Set<number>();
  const count = Math.round(diskBlocks * CHANGED_A_DAY);
  const run = pattern === 'anywhere, in runs of 64 blocks' ? 64 : 1;
  while (changed.size < count) {
    const from = PATTERNS[pattern](below, diskBlocks);
    for (let n = 0; n < run && changed.size < count; n++) changed.add((from + n) % diskBlocks);
  }
  return changed;
};

const numbers = (seed: number): Below => {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

const percent = (part: number): number => Math.round(part * 1000) / 10;
const mean = (values: number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** S3 forgets a noncurrent version at the midnight (UTC) after its days. */
const noncurrentSlots = ({ noncurrent }: VaultModel, days: number, atMs: number): number => {
  let sum = 0;
  for (const { slots, sinceMs } of noncurrent) {
    const untilMs = Math.ceil((sinceMs + days * DAY_MS) / DAY_MS) * DAY_MS;
    if (sinceMs <= atMs && atMs < untilMs) sum += slots;
  }
  return sum;
};

/**
 * A backup each day, kept for 30 days, and a collection every six hours; in per cent of the live
 * bytes, from the day on that the vault is full.
 */
export const liveThrough = (
  pattern: Pattern,
  shrinkBelow: number,
  { diskBlocks, days, warmUpDays }: { diskBlocks: number; days: number; warmUpDays: number },
) => {
  const vault = new VaultModel({ ...COMMON, shrinkBelow });
  const below = numbers(1);
  const seen: (SpaceUsed & { atMs: number })[] = [];
  let before = { ...vault.work };
  for (let day = 0; day < days; day++) {
    if (day === warmUpDays) before = { ...vault.work };
    const all = Array.from({ length: diskBlocks }, (_, number) => number);
    vault.backUp(
      day,
      day * DAY_MS + HOUR_MS,
      day === 0 ? all : changes(pattern, diskBlocks, below),
    );
    for (const hour of [2, 8, 14, 20]) {
      const atMs = day * DAY_MS + hour * HOUR_MS;
      vault.collect(atMs);
      if (day >= warmUpDays) seen.push({ ...vault.used(), atMs });
    }
  }
  const liveSlots = mean(seen.map(({ visible, hidden }) => visible + hidden));
  const shareOf = (part: (used: (typeof seen)[number]) => number) =>
    seen.map((used) => part(used) / (used.visible + used.hidden));
  const share = (from: number, to: number) =>
    percent((to - from) / (days - warmUpDays) / liveSlots);
  const outdated = NONCURRENT_DAYS.map((kept) => {
    const noncurrent = shareOf(({ atMs }) => noncurrentSlots(vault, kept, atMs));
    const dead = shareOf((used) => used.dead);
    const both = noncurrent.map((value, n) => value + dead[n]!);
    const [meanPercent, worstPercent] = [percent(mean(both)), percent(Math.max(...both))];
    return {
      noncurrentDays: kept,
      noncurrentPercent: percent(mean(noncurrent)),
      meanPercent,
      worstPercent,
    };
  });
  return {
    pattern,
    shrinkBelow,
    deadPercent: percent(mean(shareOf(({ dead }) => dead))),
    hiddenPercent: percent(mean(shareOf(({ hidden }) => hidden))),
    rewrittenPercentADay: share(before.rewrittenSlots, vault.work.rewrittenSlots),
    shrinksADay: Math.round((vault.work.shrunk - before.shrunk) / (days - warmUpDays)),
    deletesADay: Math.round((vault.work.deleted - before.deleted) / (days - warmUpDays)),
    outdated,
  };
};
