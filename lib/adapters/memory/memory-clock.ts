import type { Clock } from '../../ports/clock.ts';

export interface MemoryClock extends Clock {
  advance(ms: number): void;
}

/** A clock that stands still until it is told otherwise; to sleep is to advance it. */
export const memoryClock = (startMs = Date.UTC(2026, 0, 1)): MemoryClock => {
  let nowMs = startMs;
  const advance = (ms: number): void => {
    nowMs += ms;
  };
  return { nowMs: () => nowMs, advance, sleep: async (ms) => advance(ms) };
};
