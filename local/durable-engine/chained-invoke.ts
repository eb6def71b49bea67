/**
 * `context.invoke` of a durable function: runs another function on behalf of an execution.
 *
 * A durable child gets a name derived from the parent and the operation, so a parent that is
 * resumed finds the child it had started. A plain function is called again then: at least once. A
 * parent that is stopped or times out does not stop its children; Lambda documents no cascade
 * either.
 */
import { createHash } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { ExecutionSummary, StoredOperation } from './execution-state.ts';
import {
  type FunctionHost,
  FunctionTimedOut,
  functionErrorOf,
  type LocalFunction,
} from './function-host.ts';
import { parseFunctionName } from './function-name.ts';
import { toErrorObject } from './lambda-error.ts';
import type { OperationStatus, Outcome } from './protocol.ts';

export interface ChainedInvokeWorld {
  clock: Clock;
  host: FunctionHost;
  functions: ReadonlyMap<string, LocalFunction>;
  /** Starts a durable function, or finds the execution of that name, and waits for its end. */
  runChild: (
    functionName: string,
    input: string,
    name: string,
    parentArn: string,
  ) => Promise<ExecutionSummary>;
}

/** Attempts to reach the function host, with pauses of 0.2, 0.4, ... seconds in between. */
const ATTEMPTS_MAX = 6;
const FIRST_PAUSE_MS = 200;

/** Runs the target to its end. Never rejects: a failure is an outcome of the operation. */
export async function runChainedInvoke(
  world: ChainedInvokeWorld,
  parentArn: string,
  { origin }: StoredOperation,
): Promise<Outcome & { status: OperationStatus }> {
  const target = origin.ChainedInvokeOptions?.FunctionName ?? '';
  const payload = origin.Payload ?? '{}';
  try {
    const { name, qualifier } = parseFunctionName(target);
    const local = world.functions.get(name);
    if (!local) return failed('ResourceNotFoundException', `Function not found: ${target}`);
    if (!local.durable) return await callPlain(world, local, payload);
    if (!qualifier)
      return failed(
        'InvalidParameterValueException',
        `${target} is durable: a qualifier is needed`,
      );
    const child = await world.runChild(name, payload, childName(parentArn, origin.Id), parentArn);
    const { status, Result, Error: error } = child;
    if (status === 'SUCCEEDED') return { status, Result };
    const { name: executionName, arn } = child;
    return {
      status: status === 'RUNNING' ? 'FAILED' : status,
      Error: error ?? { ErrorType: status, ErrorMessage: `${executionName} is ${status}: ${arn}` },
    };
  } catch (error) {
    return { status: 'FAILED', Error: toErrorObject(error) };
  }
}

const failed = (
  ErrorType: string,
  ErrorMessage: string,
): Outcome & { status: OperationStatus } => ({
  status: 'FAILED',
  Error: { ErrorType, ErrorMessage },
});

/** 40 hexadecimal digits: within the 64 characters that a name may have. */
const childName = (parentArn: string, operationId: string): string =>
  createHash('sha256').update(`${parentArn}\n${operationId}`).digest('hex').slice(0, 40);

async function callPlain(
  world: ChainedInvokeWorld,
  local: LocalFunction,
  payload: string,
): Promise<Outcome & { status: OperationStatus }> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await world.host.invoke(local.name, payload, local.timeoutSeconds);
      return answer.functionError
        ? { status: 'FAILED', Error: functionErrorOf(answer) }
        : { status: 'SUCCEEDED', Result: answer.payload || 'null' };
    } catch (error) {
      if (error instanceof FunctionTimedOut || attempt === ATTEMPTS_MAX) throw error;
      await pause(world.clock, FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.schedule(clock.now() + delayMs, resolve);
  return promise;
}
