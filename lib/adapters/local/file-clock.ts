import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';

/**
 * The machine's clock, ahead of it (or behind) by the milliseconds that a file holds: so that days
 * pass at once in every process that reads the file, and none passes in the middle of anything that
 * a person does not choose. Without a file it is the machine's. It runs and sleeps as that does.
 */
export const fileClock = (path: string): Clock => ({
  nowMs: () => Date.now() + aheadMs(path),
  sleep: (ms) => sleep(ms),
});

/** Moves the clock of a file on by some milliseconds, for all who read it, now and later. */
export const moveClock = async (path: string, byMs: number): Promise<void> => {
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, `${aheadMs(path) + byMs}\n`);
  await rename(temporary, path);
};

/** Read for every question: a few microseconds, and nobody has to be told that it moved. */
const aheadMs = (path: string): number => {
  const text = read(path);
  const ms = Number(text);
  if (Number.isSafeInteger(ms)) return ms;
  const reason = `${path} holds ${JSON.stringify(text)}, not a number of milliseconds`;
  throw new HoldfastError('config.invalid', { name: 'HOLDFAST_CLOCK', reason });
};

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '0';
    throw error;
  }
};
