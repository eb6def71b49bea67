/**
 * Where functions run. Locally that is serverless-offline, behind the `Invoke` of Lambda's own API;
 * it is called through `node:http`, since `fetch` gives up on an answer that takes over 300
 * seconds.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import type { ErrorObject } from './protocol.ts';

/** The answer of one invocation, as `Invoke` gives it. */
export interface FunctionAnswer {
  /** JSON text; empty when the function returned nothing. */
  payload: string;
  /** Set when the function failed: `payload` then holds its error. */
  functionError?: string;
}

/** The function did not answer in its time; it may still run. */
export class FunctionTimedOut extends Error {
  override readonly name = 'Sandbox.Timedout';

  constructor(timeoutSeconds: number) {
    super(`Task timed out after ${timeoutSeconds} seconds`);
  }
}

export interface FunctionHost {
  /**
   * Runs a function once. Rejects only when it is not known whether or how the function ran: no
   * connection, a broken one, or no answer within `timeoutSeconds` and a margin
   * (`FunctionTimedOut`).
   */
  invoke(functionName: string, payload: string, timeoutSeconds: number): Promise<FunctionAnswer>;
}

/** A function of the service, as the engine knows it. */
export interface LocalFunction {
  name: string;
  timeoutSeconds: number;
  /** How many invocations run at a time; others wait. Unlimited when absent. */
  concurrency?: number;
  /** Retries of a failed `Event` invocation of a plain function. */
  retriesMax: number;
  /** Set for durable functions. */
  durable?: { executionTimeoutSeconds: number; retentionDays: number };
}

/** The host ends an overdue function itself; this much later the engine stops waiting for it. */
const MARGIN_SECONDS = 5;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** Calls functions at `http://<host>:<port>`; `close` drops the idle connections. */
export function httpFunctionHost(
  host: string,
  port: number,
  marginSeconds = MARGIN_SECONDS,
): FunctionHost & { close: () => void } {
  const agent = new Agent({ keepAlive: true });
  return {
    invoke: async (functionName, payload, timeoutSeconds) => {
      const signal = AbortSignal.timeout((timeoutSeconds + marginSeconds) * 1000);
      const path = `/2015-03-31/functions/${encodeURIComponent(functionName)}/invocations`;
      const headers = {
        'content-length': Buffer.byteLength(payload),
        'x-amz-invocation-type': 'RequestResponse',
      };
      const options = { host, port, path, method: 'POST', headers, agent, signal };
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      request(options, resolve).on('error', reject).end(payload);
      try {
        return await toAnswer(await promise);
      } catch (error) {
        throw signal.aborted ? new FunctionTimedOut(timeoutSeconds) : error;
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * Holds back invocations of functions that have a limit, in the order of their arrival. The time in
 * the queue does not count against the function's own timeout.
 */
export function limitConcurrency(
  host: FunctionHost,
  functions: ReadonlyMap<string, LocalFunction>,
): FunctionHost {
  const running = new Map<string, number>();
  const queues = new Map<string, (() => void)[]>();

  const enter = async (name: string, limit: number): Promise<void> => {
    const count = running.get(name) ?? 0;
    if (count < limit) {
      running.set(name, count + 1);
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    queues.set(name, [...(queues.get(name) ?? []), resolve]);
    await promise; // the one who leaves hands its place over
  };
  const leave = (name: string): void => {
    const next = queues.get(name)?.shift();
    if (next) next();
    else running.set(name, (running.get(name) ?? 1) - 1);
  };

  return {
    invoke: async (name, payload, timeoutSeconds) => {
      const limit = functions.get(name)?.concurrency;
      if (limit === undefined) return host.invoke(name, payload, timeoutSeconds);
      await enter(name, limit);
      try {
        return await host.invoke(name, payload, timeoutSeconds);
      } finally {
        leave(name);
      }
    },
  };
}

/** The error in the answer of a failed function, as the protocol's error object. */
export function functionErrorOf(answer: FunctionAnswer): ErrorObject {
  try {
    const { errorType, errorMessage } = JSON.parse(answer.payload) as Record<string, unknown>;
    if (typeof errorMessage === 'string')
      return {
        ErrorType: typeof errorType === 'string' ? errorType : 'Error',
        ErrorMessage: errorMessage,
      };
  } catch {
    // not JSON: the text itself says what happened
  }
  return { ErrorType: answer.functionError ?? 'Error', ErrorMessage: answer.payload };
}

async function toAnswer(response: IncomingMessage): Promise<FunctionAnswer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > ANSWER_BYTES_MAX)
      throw new Error(`the answer exceeds ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const payload = Buffer.concat(chunks).toString();
  const header = response.headers['x-amz-function-error'];
  if (typeof header === 'string') return { payload, functionError: header };
  if (response.statusCode !== 200)
    throw new Error(`the function host answered ${response.statusCode}: ${payload.slice(0, 500)}`);
  return { payload };
}
