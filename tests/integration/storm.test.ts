import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AcceleratedMode } from '../support/accelerated-mode.ts';
import { Storm } from '../support/storm.ts';

/** `npm run test:long` has ten minutes, and its result is kept. */
const CHOSEN = process.env['HOLDFAST_STORM_SECONDS'];
const SECONDS = Number(CHOSEN ?? 20);
const TEST_MS = SECONDS * 1000 + 300_000;
const RESULTS = new URL('../results/', import.meta.url);

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z', {
    // Five seconds: some deletions are taken back, the others collected.
    HOLDFAST_UNDELETE_DAYS: '0.00006',
    HOLDFAST_DATA_WORKERS: '4',
  });
}, TEST_MS);
afterAll(() => world.dispose());

it(
  'two collectors and eight backups at once: every backup verifies and comes back byte for byte',
  async () => {
    const result = await new Storm(world, SECONDS).run();
    process.stderr.write(`${JSON.stringify(result)}\n`);
    if (CHOSEN !== undefined) {
      await mkdir(RESULTS, { recursive: true });
      await writeFile(new URL('storm.json', RESULTS), `${JSON.stringify(result, null, 1)}\n`);
    }
    expect(result.restored).toBe(result.verified);
    // It was a storm: things were deleted and collected while others were made.
    for (const name of ['backups', 'deleted', 'collections', 'freedBytes', 'verified'] as const)
      expect([name, result[name] > 0]).toEqual([name, true]);
  },
  TEST_MS,
);
