import {
  ChildContextError,
  createRetryStrategy,
  type DurableContext,
  DurableOperationError,
  JitterStrategy,
  withRetry,
} from '@aws/durable-execution-sdk-js';
import {
  type ErrorCode,
  type ErrorDetails,
  HoldfastError,
  isError,
  isRetryable,
} from '../errors.ts';
import type { JobContext } from '../service/job-context.ts';

/** What a worker answers: its result, or a refusal that no retry would change. */
export type WorkerAnswer = { result: unknown } | { refused: CodedError };

export interface CodedError {
  code: ErrorCode;
  details: ErrorDetails<ErrorCode>;
}

/** Names of the functions, as Lambda's Invoke takes them. */
export interface FunctionNames {
  worker(name: string): string;
  job(kind: string): string;
}

const ATTEMPTS_MAX = 6;

const backOff = createRetryStrategy({
  maxAttempts: ATTEMPTS_MAX,
  initialDelay: { seconds: 1 },
  maxDelay: { minutes: 2 },
  backoffRate: 2,
  jitter: JitterStrategy.FULL,
});

/** Our own refusals are final; outages and whatever we did not foresee are tried again. */
const retryStrategy = (error: Error, attempts: number) => {
  const known = decodeError(error);
  return known !== null && !isRetryable(known) ? { shouldRetry: false } : backOff(error, attempts);
};

/** `JobContext` on Lambda durable functions. Errors keep their code across every checkpoint. */
export const jobContext = (durable: DurableContext, names: FunctionNames): JobContext => ({
  step: (name, run) =>
    restoringErrors(name, () => durable.step(name, () => encodingErrors(run), { retryStrategy })),

  waitUntil: (name, check) =>
    restoringErrors(name, async () => {
      await durable.waitForCondition(name, () => encodingErrors(() => unlessOut(check)), {
        initialState: false,
        waitStrategy: (done, attempt) =>
          done
            ? { shouldContinue: false }
            : { shouldContinue: true, delay: { seconds: Math.min(60, 2 * attempt) } },
      });
    }),

  work: (name, worker, request) =>
    restoringErrors(name, async () => {
      const answer = await withRetry(
        durable,
        name,
        (context) => context.invoke<object, WorkerAnswer>(name, names.worker(worker), request),
        { retryStrategy, wrapWithRunInChildContext: false },
      );
      if ('refused' in answer) throw fromCoded(answer.refused);
      return answer.result as never;
    }),

  slice: (name, kind, event) =>
    restoringErrors(name, async () => durable.invoke(name, names.job(kind), event)),

  map: (name, items, concurrency, each) =>
    restoringErrors(name, async () => {
      const batch = await durable.map(
        name,
        items,
        (context, item) => encodingErrors(() => each(item, jobContext(context, names))),
        { maxConcurrency: concurrency, completionConfig: { toleratedFailureCount: 0 } },
      );
      batch.throwIfError();
      return batch.getResults();
    }),
});

/** The engine does not repeat a check that fails: an outage counts as "not yet". */
const unlessOut = async (check: () => Promise<boolean>): Promise<boolean> => {
  try {
    return await check();
  } catch (error) {
    if (isRetryable(error)) return false;
    throw error;
  }
};

/** Runs `run`; our error leaves it in the one shape that a checkpoint carries on. */
export const encodingErrors = async <T>(run: () => Promise<T>): Promise<T> => {
  try {
    return await run();
  } catch (error) {
    if (!isError(error)) throw error;
    throw new ChildContextError(error.message, error, JSON.stringify(toCoded(error)));
  }
};

/** Runs `run`; an error that carries one of ours, however deep, becomes ours again. */
const restoringErrors = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
  try {
    return await run();
  } catch (error) {
    if (isError(error)) throw error;
    const known = decodeError(error);
    if (known !== null) throw known;
    if (!(error instanceof DurableOperationError)) throw error;
    throw new HoldfastError(
      'job.step-failed',
      { step: name, reason: error.message },
      { cause: error },
    );
  }
};

export const toCoded = ({ code, details }: HoldfastError): CodedError => ({ code, details });

const fromCoded = ({ code, details }: CodedError): HoldfastError =>
  new HoldfastError(code, details);

/** Causes deeper than this are not ours. */
const CAUSES_MAX = 10;

const decodeError = (error: unknown): HoldfastError | null => {
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < CAUSES_MAX; depth++, at = at.cause) {
    if (isError(at)) return at;
    const data = (at as { errorData?: unknown }).errorData;
    const coded = typeof data === 'string' ? parseCoded(data) : null;
    if (coded !== null) return fromCoded(coded);
  }
  return null;
};

const parseCoded = (data: string): CodedError | null => {
  try {
    const value = JSON.parse(data) as Partial<CodedError> | null;
    return typeof value?.code === 'string' ? (value as CodedError) : null;
  } catch {
    return null;
  }
};
