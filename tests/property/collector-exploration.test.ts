import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { ActorName } from '../support/collector-actors.ts';
import { DROPPED } from '../support/dropped-rules.ts';
import { exploreInterleavings } from '../support/explore-interleavings.ts';

const CHOSEN = process.env['HOLDFAST_INTERLEAVINGS'];
const RUNS = Number(CHOSEN ?? 50);
const PREEMPTIONS = 2;
/** Enough for one preemption of each of three. */
const DROPPED_RUNS = 150;
const RESULTS = new URL('../results/', import.meta.url);

/** Who meets whom; each is a world of its own. */
const CASTS: ActorName[][] = [
  ['user', 'GC1', 'A'],
  ['user', 'GC1', 'reader'],
  ['user', 'GC1', 'GC2'],
  ['A', 'B', 'GC1'],
  ['A', 'watchdog', 'user', 'GC1'],
];

/**
 * Rules of which exploring finds an order that loses data when they are dropped, and with whom.
 * The others take more preemptions or actors than it affords: collector-rules has scripts for all.
 */
const FOUND: [rule: string, cast: ActorName[]][] = [
  ['R3: reusing a pack raises its lastRef', ['user', 'GC1', 'A']],
  ['R3: a pack is pinned by a conditional write', ['user', 'GC1', 'A']],
  ['R3: a pack that shrinks is not reused', ['user', 'GC1', 'A']],
  ['R3: a slot is reused only while it is present', ['user', 'GC1', 'A']],
  ['R7: OPEN sessions count in m0', ['user', 'GC1', 'A']],
  ['R7: a deleted backup is marked', ['user', 'GC1', 'A']],
  ['R13: a reader has a session', ['user', 'GC1', 'reader']],
];

const results: Record<string, object> = {};

describe('orders of the calls of', () => {
  afterAll(async () => {
    if (CHOSEN === undefined) return;
    await mkdir(RESULTS, { recursive: true });
    const text = JSON.stringify({ preemptions: PREEMPTIONS, runsMax: RUNS, results }, null, 1);
    await writeFile(new URL('interleavings.json', RESULTS), `${text}\n`);
  });

  it.each(CASTS.map((cast) => [cast.join(', '), cast] as const))(
    '%s lose nothing',
    async (name, cast) => {
      const options = { preemptions: PREEMPTIONS, runsMax: RUNS };
      const { loss, ...counts } = await exploreInterleavings(cast, options);
      results[name] = counts;
      process.stderr.write(`${name}: ${JSON.stringify(counts)}\n`);
      expect(loss).toBeNull();
      expect(counts.runs).toBeGreaterThan(5);
    },
    3_600_000,
  );
});

describe('a dropped rule is found', () => {
  it.each(FOUND)(
    '%s',
    async (name, cast) => {
      const { drop } = DROPPED[name]!;
      const { loss, runs } = await exploreInterleavings(cast, {
        preemptions: 1,
        runsMax: DROPPED_RUNS,
        drop,
      });
      process.stderr.write(`${name}: ${loss?.reason} ${runs} ${JSON.stringify(loss?.choices)}\n`);
      expect(loss).not.toBeNull();
    },
    3_600_000,
  );
});
