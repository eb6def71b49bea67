import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../local/durable-engine/clock.ts';

/** Time that stands still until the test moves it. */
export class ManualClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1);
  #timers: { atMs: number; task: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  schedule(atMs: number, task: () => void): () => void {
    const timer = { atMs, task };
    this.#timers.push(timer);
    if (atMs <= this.#nowMs) setImmediate(() => this.#fire());
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves time forward and lets everything happen that is due, and what follows from it. */
  async advance(byMs: number): Promise<void> {
    this.#nowMs += byMs;
    this.#fire();
    await settle();
  }

  #fire(): void {
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { task } of due.toSorted((a, b) => a.atMs - b.atMs)) task();
  }
}

const ROUNDS = 12;

/**
 * Lets the engine do what it can without time passing. It takes as long as a few synced writes do,
 * so that a busy machine makes the test slower and not wrong.
 */
export async function settle(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'settle-'));
  const file = await open(join(folder, 'scratch'), 'w');
  for (let round = 0; round < ROUNDS; round++) {
    await file.appendFile('.');
    await file.datasync();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await file.close();
  await rm(folder, { recursive: true });
}
