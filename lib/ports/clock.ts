/**
 * The time, for liveness and for records; never for safety (ARCHITECTURE.md, "Sessions and roots").
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds. */
  sleep(ms: number): Promise<void>;
}
