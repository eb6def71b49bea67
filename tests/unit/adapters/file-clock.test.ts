import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { fileClock, moveClock } from '../../../lib/adapters/local/file-clock.ts';

const DAY_MS = 86_400_000;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-clock-'));
  path = join(folder, 'clock');
});
afterEach(() => rm(folder, { recursive: true }));

/** The clock is this far ahead of the machine's, which runs on while both are asked. */
const expectAheadMs = (ms: number): void => {
  const beforeMs = Date.now();
  const nowMs = fileClock(path).nowMs();
  expect(nowMs).toBeGreaterThanOrEqual(beforeMs + ms);
  expect(nowMs).toBeLessThanOrEqual(Date.now() + ms);
};

it('is the machine’s clock until it is moved', () => {
  expectAheadMs(0);
});

it('moves for all who have it, by the sum of all moves', async () => {
  const clock = fileClock(path);
  const beforeMs = clock.nowMs();
  await moveClock(path, DAY_MS);
  await moveClock(path, 3000);
  expect(clock.nowMs() - beforeMs).toBeGreaterThanOrEqual(DAY_MS + 3000);
  expectAheadMs(DAY_MS + 3000);
});

it('runs on', async () => {
  const clock = fileClock(path);
  const beforeMs = clock.nowMs();
  await clock.sleep(20);
  expect(clock.nowMs() - beforeMs).toBeGreaterThanOrEqual(15);
});

it('does not guess what a broken file says', async () => {
  await writeFile(path, 'tomorrow');
  expect(() => fileClock(path).nowMs()).toThrow(
    expect.objectContaining({ code: 'config.invalid', message: expect.stringContaining(path) }),
  );
});
