/**
 * Dead space of a vault: a disk of which 3 % change each day, a backup a day that is kept for 30
 * days, a collection every six hours, for 240 days. The first 90 days fill the vault and do not
 * count.
 *
 *     node bench/dead-space.ts
 *
 * prints one line of JSON: for each pattern of changes, threshold and number of days that S3 keeps
 * noncurrent versions, the mean and the worst moment, in per cent of the live bytes.
 */
import { liveThrough, PATTERNS, type Pattern } from './vault-life.ts';

const LIFE = { diskBlocks: 16_384, days: 240, warmUpDays: 90 };
/** 0: a pack goes when all of it is dead, and never shrinks. */
const THRESHOLDS = [0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9];

const patterns = Object.keys(PATTERNS) as Pattern[];
const rows = patterns.flatMap((pattern) =>
  THRESHOLDS.map((shrinkBelow) => liveThrough(pattern, shrinkBelow, LIFE)),
);
process.stdout.write(`${JSON.stringify({ ...LIFE, rows })}\n`);
