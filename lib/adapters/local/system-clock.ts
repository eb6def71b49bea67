import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.ts';

/** The machine's clock. */
export const systemClock = (): Clock => ({ nowMs: () => Date.now(), sleep: (ms) => sleep(ms) });
