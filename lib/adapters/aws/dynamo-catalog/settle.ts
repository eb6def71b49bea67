import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError, isError } from '../../../errors.ts';

/** How long a change is tried; limits are arguments, so that a test crosses them quickly. */
export interface SettleLimits {
  attemptsMax: number;
  /** No attempt begins later: with its requests' time-outs, an API caller waits under 29 s. */
  totalMsMax: number;
  /** The first wait; each following one is up to twice as long, up to `waitMsMax`. */
  waitMs: number;
  waitMsMax: number;
  /**
   * How long after one item of a transaction was seen as it became, all of them are: DynamoDB gives
   * a Query no more than `read committed`. Absent where a transaction is one moment.
   */
  spreadMs?: number;
}

export const SETTLE_LIMITS: SettleLimits = {
  attemptsMax: 16,
  totalMsMax: 15_000,
  waitMs: 20,
  waitMsMax: 1000,
};

/** For DynamoDB itself: its transactions take milliseconds from the first item to the last. */
export const AWS_LIMITS: SettleLimits = { ...SETTLE_LIMITS, spreadMs: 1000 };

/** Waits until every transaction that was seen in part can be seen whole. */
export const untilWhole = async ({ spreadMs = 0 }: SettleLimits): Promise<void> => {
  if (spreadMs > 0) await sleep(spreadMs);
};

/** What an attempt found: the change is `done`, with its answer, or is to be written. */
export type Plan<T> = { done: T } | { write: () => Promise<T> };

/**
 * Makes a change once, whatever becomes of the answers. `plan` reads what is stored and decides:
 * it is refused (throws), `done`, or to be written under the condition that what was read still
 * holds. After a write that failed, for whatever reason, it may have landed all the same (a failed
 * condition may be our own first success, repeated by the SDK). So everything is read again and
 * `plan` decides again: what this change makes counts as done.
 *
 * A `plan` that expects to win may offer its write on attempt 1 without reading.
 *
 * Fails with the refusals of `plan`, or `catalog.unavailable` when it stays unclear.
 */
export const settle = async <T>(
  operation: string,
  limits: SettleLimits,
  plan: (attempt: number) => Promise<Plan<T>>,
): Promise<T> => {
  const startedMs = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await plan(attempt);
      return 'done' in found ? found.done : await found.write();
    } catch (cause) {
      if (isError(cause) && cause.code !== 'catalog.unavailable') throw cause;
      const isLate = performance.now() - startedMs > limits.totalMsMax;
      if (attempt >= limits.attemptsMax || isLate || isHopeless(cause))
        throw unavailable(operation, cause);
    }
    await sleep(Math.random() * Math.min(limits.waitMsMax, limits.waitMs * 2 ** attempt));
  }
};

/** Runs a read; every failure of it is `catalog.unavailable`, and absence is never one. */
export const reading = async <T>(operation: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (cause) {
    throw unavailable(operation, cause);
  }
};

/** True when a write failed because its condition does not hold (or no longer holds). */
export const isConditionFailed = (error: unknown): boolean =>
  error instanceof Error && error.name === 'ConditionalCheckFailedException';

const unavailable = (operation: string, cause: unknown): HoldfastError =>
  isError(cause, 'catalog.unavailable')
    ? cause
    : new HoldfastError('catalog.unavailable', { operation }, { cause });

/** Failures that no repetition cures: a request that is wrong, not allowed, or names no table. */
const isHopeless = (cause: unknown): boolean => {
  const error = isError(cause) ? cause.cause : cause;
  if (!(error instanceof Error)) return false;
  return HOPELESS.has(error.name) || reasonsOf(error).includes('ValidationError');
};

const HOPELESS = new Set([
  'AccessDeniedException',
  'ItemCollectionSizeLimitExceededException',
  'ResourceNotFoundException',
  'UnrecognizedClientException',
  'ValidationException',
]);

/** Why a transaction was cancelled, one code per item. */
const reasonsOf = (error: Error): (string | undefined)[] => {
  const reasons = (error as { CancellationReasons?: { Code?: string }[] }).CancellationReasons;
  return reasons?.map((reason) => reason.Code) ?? [];
};
