import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../../lib/errors.ts';
import { durableFunction } from '../../../lib/runtime/durable-function.ts';
import { workerFunction } from '../../../lib/runtime/worker-function.ts';
import type { DataPorts } from '../../../lib/service/data-ports.ts';
import type { JobContext } from '../../../lib/service/job-context.ts';
import { memoryWorld } from '../../support/memory-world.ts';

const NAMES = { worker: (name: string) => name, job: (kind: string) => kind };
const EVENT = { projectId: 'p', operationLogId: 'task', attempt: 0 };
const REQUEST = { ...EVENT, vaultId: 'v', backupId: 'b', sessionId: 's', from: 0, to: 1 };

beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: true }));
afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

const ports = memoryWorld() as unknown as DataPorts;
const outage = () => new HoldfastError('store.unavailable', { operation: 'put', key: 'k' });
const refusal = () => new HoldfastError('pack.damaged', { packId: 'pack-1', reason: 'torn' });

/** Runs an orchestration in the official runner; answers its result, or the error it saw. */
const run = async (
  orchestrate: (context: JobContext) => Promise<unknown>,
  work: () => Promise<unknown> = async () => ({ next: null }),
): Promise<unknown> => {
  const watched = async (_: unknown, context: JobContext) => {
    try {
      return { result: await orchestrate(context) };
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      return { code: error.code, details: error.details };
    }
  };
  const handlerFunction = durableFunction(watched, () => ({ ports, names: NAMES }));
  const runner = new LocalDurableTestRunner({ handlerFunction });
  const worker = workerFunction(work, () => ({ ports }));
  runner.registerFunction('copy-blocks', (event: unknown) =>
    worker(event, { getRemainingTimeInMillis: () => 1000 }),
  );
  return (await runner.run({ payload: EVENT })).getResult();
};

/** Fails the first calls, then answers. */
const flaky = (failures: (() => Error)[], answer: unknown = 'done') => {
  let calls = 0;
  const call = async () => {
    const failure = failures[calls++];
    if (failure) throw failure();
    return answer;
  };
  return { call, calls: () => calls };
};

describe('a step', () => {
  it('is retried after an outage, and after what nobody foresaw', async () => {
    const { call, calls } = flaky([outage, () => new TypeError('?'), outage]);
    expect(await run((context) => context.step('s', call))).toEqual({ result: 'done' });
    expect(calls()).toBe(4);
  });

  it('is not retried after a refusal, which keeps its code and details', async () => {
    const { call, calls } = flaky([refusal]);
    expect(await run((context) => context.step('s', call))).toEqual({
      code: 'pack.damaged',
      details: { packId: 'pack-1', reason: 'torn' },
    });
    expect(calls()).toBe(1);
  });

  it('gives up an outage that does not end, by its own name', async () => {
    const { call, calls } = flaky(Array.from({ length: 20 }, () => outage));
    expect(await run((context) => context.step('s', call))).toMatchObject({
      code: 'store.unavailable',
    });
    expect(calls()).toBe(6);
  });

  it('of an error of somebody else says which step failed', async () => {
    const { call } = flaky(Array.from({ length: 20 }, () => () => new TypeError('no such thing')));
    expect(await run((context) => context.step('s', call))).toMatchObject({
      code: 'job.step-failed',
      details: { step: 's', reason: expect.stringContaining('no such thing') },
    });
  });
});

describe('a wait', () => {
  it('asks until the answer is yes; an outage is no answer', async () => {
    const answers = [false, outage(), false, true];
    const check = async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? true;
    };
    expect(await run((context) => context.waitUntil('w', check))).toEqual({});
    expect(answers).toEqual([]);
  });

  it('ends at a refusal', async () => {
    const { call } = flaky([() => new HoldfastError('BackupService.7202', { id: 'snap' })]);
    const check = async () => (await call()) === 'done';
    expect(await run((context) => context.waitUntil('w', check))).toEqual({
      code: 'BackupService.7202',
      details: { id: 'snap' },
    });
  });
});

describe('a worker', () => {
  it('is called again after an outage', async () => {
    const { call, calls } = flaky([outage], { next: 7 });
    const answer = await run((context) => context.work('w', 'copy-blocks', REQUEST), call);
    expect(answer).toEqual({ result: { next: 7 } });
    expect(calls()).toBe(2);
  });

  it('is not called again after a refusal, which keeps its code through a map', async () => {
    const { call, calls } = flaky([refusal]);
    const answer = await run(
      (context) => context.map('m', [1], 1, (_, inner) => inner.work('w', 'copy-blocks', REQUEST)),
      call,
    );
    expect(answer).toEqual({
      code: 'pack.damaged',
      details: { packId: 'pack-1', reason: 'torn' },
    });
    expect(calls()).toBe(1);
  });
});

it('maps in order, at most so many at a time, and ends at the first failure', async () => {
  const each = (n: number, context: JobContext) => context.step('double', async () => 2 * n);
  expect(await run((context) => context.map('m', [1, 2, 3], 2, each))).toEqual({
    result: [2, 4, 6],
  });
  let begun = 0;
  const failing = (n: number, context: JobContext) =>
    context.step('fail', async () => {
      begun++;
      if (n === 1) throw refusal();
      return n;
    });
  const items = Array.from({ length: 20 }, (_, n) => n + 1);
  expect(await run((context) => context.map('m', items, 1, failing))).toMatchObject({
    code: 'pack.damaged',
  });
  expect(begun).toBe(1);
});
