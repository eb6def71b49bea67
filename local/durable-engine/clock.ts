/** The engine's only source of time, so that a test can hold it and move it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Runs `task` once, at `atMs` or as soon as possible when that has passed, never before the
   * current synchronous code has ended. The function returned cancels it.
   */
  schedule(atMs: number, task: () => void): () => void;
}

/** A longer timer makes Node fire at once, so long waits are cut into pieces. */
const TIMER_MAX_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(atMs, task) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = Math.max(0, atMs - Date.now());
      timer = setTimeout(leftMs > TIMER_MAX_MS ? arm : task, Math.min(leftMs, TIMER_MAX_MS));
    };
    arm();
    return () => clearTimeout(timer);
  },
};
