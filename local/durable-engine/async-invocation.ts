/**
 * `Event` invocations of plain functions: answered at once, then run, and run again when they fail,
 * at most twice, after one and two minutes, as Lambda does. Nothing that a function throws gets out
 * of here. What waits is in memory only; an engine that ends drops it.
 */
import type { Clock } from './clock.ts';
import { type FunctionHost, functionErrorOf, type LocalFunction } from './function-host.ts';
import { toErrorObject } from './lambda-error.ts';
import type { ErrorObject } from './protocol.ts';

export interface AsyncInvocationWorld {
  clock: Clock;
  host: FunctionHost;
  warn: (text: string) => void;
  /** The pause before the first retry; the second is twice as long. */
  retryPauseMs?: number;
}

const RETRY_PAUSE_MS = 60_000;

/** Runs a function and its retries. Resolves when that is over; never rejects. */
export async function invokeAsync(
  world: AsyncInvocationWorld,
  { name, timeoutSeconds, retriesMax }: LocalFunction,
  payload: string,
): Promise<void> {
  for (let failures = 0; ; ) {
    const error = await runOnce(world.host, name, payload, timeoutSeconds);
    if (!error) return;
    failures += 1;
    const text = `${name}: ${error.ErrorType}: ${error.ErrorMessage}`;
    if (failures > retriesMax) {
      world.warn(`${text}; the event is dropped after ${failures} attempts`);
      return;
    }
    const pauseMs = (world.retryPauseMs ?? RETRY_PAUSE_MS) * failures;
    world.warn(`${text}; again in ${pauseMs} ms`);
    const { promise, resolve } = Promise.withResolvers<void>();
    world.clock.schedule(world.clock.now() + pauseMs, resolve);
    await promise;
  }
}

async function runOnce(
  host: FunctionHost,
  name: string,
  payload: string,
  timeoutSeconds: number,
): Promise<ErrorObject | undefined> {
  try {
    const answer = await host.invoke(name, payload, timeoutSeconds);
    return answer.functionError ? functionErrorOf(answer) : undefined;
  } catch (error) {
    return toErrorObject(error);
  }
}
