/** The HTTP face of the engine, through the real SDK client. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DurableExecutionHandler, withDurableExecution } from '@aws/durable-execution-sdk-js';
import {
  CallbackTimeoutException,
  CheckpointDurableExecutionCommand,
  DurableExecutionAlreadyStartedException,
  type Event,
  GetDurableExecutionCommand,
  GetDurableExecutionHistoryCommand,
  InvalidParameterValueException,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  ListDurableExecutionsByFunctionCommand,
  ResourceNotFoundException,
  SendDurableExecutionCallbackFailureCommand,
  SendDurableExecutionCallbackHeartbeatCommand,
  SendDurableExecutionCallbackSuccessCommand,
  StopDurableExecutionCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DurableEngine } from '../../local/durable-engine/engine.ts';
import { httpFunctionHost } from '../../local/durable-engine/function-host.ts';
import { type ApiServer, listen } from '../../local/durable-engine/http-server.ts';
import { durableFunction, plainFunction } from './fixtures/durable/engine-harness.ts';
import { serveFunctions } from './fixtures/durable/http-host.ts';

let folder: string;
let functions: Server;
let api: ApiServer;
let engine: DurableEngine;
let lambda: LambdaClient;
let host: ReturnType<typeof httpFunctionHost>;
const warnings: string[] = [];
const events: unknown[] = [];
const callbacks = new Map<string, PromiseWithResolvers<string>>();

const job: DurableExecutionHandler<{ units: number }, object> = async ({ units }, ctx) => {
  let count = 0;
  for (let unit = 0; unit < units; unit++)
    count += await ctx.step(`unit-${unit}`, async () => 'x'.repeat(20).length / 20);
  const worker = await ctx.invoke('worker', 'worker', { units });
  await ctx.wait('pause', { seconds: 1 });
  return { count, worker };
};

const approval: DurableExecutionHandler<{ key: string }, object> = async ({ key }, ctx) => ({
  answer: await ctx.waitForCallback('approve', async (id) => callbackOf(key).resolve(id), {
    timeout: { minutes: 1 },
    heartbeatTimeout: { seconds: 30 },
  }),
});

const callbackOf = (key: string): PromiseWithResolvers<string> => {
  const known = callbacks.get(key) ?? Promise.withResolvers<string>();
  callbacks.set(key, known);
  return known;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'durable-http-'));
  api = await listen(0, (text) => warnings.push(text));
  const endpoint = `http://127.0.0.1:${api.port}`;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  lambda = new LambdaClient({ endpoint, region: 'us-east-1', credentials });
  const served = await serveFunctions({
    job: withDurableExecution(job, { client: lambda }),
    approval: withDurableExecution(approval, { client: lambda }),
    worker: async (event: object) => {
      events.push(event);
      return { seen: event };
    },
    failing: async () => {
      events.push('failing');
      throw new TypeError('no');
    },
  });
  functions = served.server;
  host = httpFunctionHost('127.0.0.1', served.port);
  engine = await DurableEngine.open({
    folder,
    functions: [
      durableFunction('job'),
      durableFunction('approval', {
        durable: { executionTimeoutSeconds: 600, retentionDays: 1 },
      }),
      plainFunction('worker'),
      plainFunction('failing', { retriesMax: 0 }),
    ],
    host,
    newId: randomUUID,
    warn: (text) => warnings.push(text),
    pages: { firstItemsMax: 50, pageBytesMax: 10_000 },
  });
});

afterAll(async () => {
  lambda.destroy();
  await engine.close();
  await api.close();
  host.close();
  functions.closeAllConnections();
  functions.close();
  await rm(folder, { recursive: true });
});

const invoke = (FunctionName: string, payload: unknown, more: Partial<InvokeCommandInput> = {}) =>
  lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(payload), ...more }));
const textOf = (payload: Uint8Array | undefined): unknown =>
  JSON.parse(Buffer.from(payload ?? []).toString() || 'null');
const startJob = async (name: string, units = 3): Promise<string> => {
  const more = { InvocationType: 'Event', DurableExecutionName: name, Qualifier: 'live' } as const;
  const { DurableExecutionArn } = await invoke('job', { units }, more);
  return DurableExecutionArn ?? '';
};

describe('before the engine is there', () => {
  it('is not ready', async () => {
    const health = await fetch(`http://127.0.0.1:${api.port}/healthz`);
    expect([health.status, await health.json()]).toEqual([503, { status: 'starting' }]);
    const list = `http://127.0.0.1:${api.port}/2025-12-01/functions/job/durable-executions`;
    expect((await fetch(list)).status).toBe(503);
    await engine.resume();
    api.serve(engine);
    expect((await fetch(`http://127.0.0.1:${api.port}/healthz`)).status).toBe(200);
  });

  it('a taken port is named', async () => {
    await expect(listen(api.port, () => undefined)).rejects.toThrow(`port ${api.port} is in use`);
  });
});

describe('Invoke', () => {
  it('runs a plain function', async () => {
    const answer = await invoke('worker', { a: 1 });
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(answer.FunctionError).toBeUndefined();
    expect(textOf(answer.Payload)).toEqual({ seen: { a: 1 } });
  });

  it('passes an error of a plain function on', async () => {
    const answer = await invoke('failing', {});
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(textOf(answer.Payload)).toEqual({ errorType: 'TypeError', errorMessage: 'no' });
  });

  it('answers an Event at once and survives its failure', async () => {
    const answer = await invoke('failing', {}, { InvocationType: 'Event' });
    expect(answer.StatusCode).toBe(202);
    await until(() => warnings.some((text) => text.includes('dropped after 1 attempts')));
  });

  it('refuses what Lambda refuses', async () => {
    await expect(invoke('nobody', {})).rejects.toThrow(ResourceNotFoundException);
    await expect(invoke('job', {})).rejects.toThrow('unqualified ARN');
    await expect(invoke('job', {}, { Qualifier: 'live' })).rejects.toThrow('15 minutes');
    await expect(
      invoke('worker', { x: 'x'.repeat(1_100_000) }, { InvocationType: 'Event' }),
    ).rejects.toMatchObject({ name: 'RequestTooLargeException' });
    const more = { InvocationType: 'Event', Qualifier: 'live' } as const;
    await expect(invoke('job', {}, { ...more, DurableExecutionName: 'a b' })).rejects.toThrow(
      InvalidParameterValueException,
    );
  });

  it('waits for a durable function that is short enough', async () => {
    const key = randomUUID();
    const answering = invoke('approval', { key }, { Qualifier: 'live' });
    const CallbackId = await callbackOf(key).promise;
    await lambda.send(new SendDurableExecutionCallbackHeartbeatCommand({ CallbackId }));
    const Result = Buffer.from('"yes"');
    await lambda.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result }));
    const answer = await answering;
    expect(answer.DurableExecutionArn).toContain(':function:approval:$LATEST/durable-execution/');
    expect(textOf(answer.Payload)).toEqual({ answer: '"yes"' });
    await expect(
      lambda.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result })),
    ).rejects.toThrow(CallbackTimeoutException);
  });

  it('tells how a durable function failed', async () => {
    const key = randomUUID();
    const answering = invoke('approval', { key }, { Qualifier: 'live' });
    const CallbackId = await callbackOf(key).promise;
    const Error = { ErrorType: 'Refused', ErrorMessage: 'not today' };
    await lambda.send(new SendDurableExecutionCallbackFailureCommand({ CallbackId, Error }));
    const answer = await answering;
    expect(answer.FunctionError).toBe('Unhandled');
    expect(textOf(answer.Payload)).toMatchObject({ errorMessage: 'not today' });
  });
});

describe('durable executions', () => {
  it('run to their end, with more operations than a page holds', async () => {
    const arn = await startJob('paged', 200);
    await engine.wait(arn);
    const execution = await lambda.send(
      new GetDurableExecutionCommand({ DurableExecutionArn: arn }),
    );
    expect(execution).toMatchObject({
      DurableExecutionArn: arn,
      DurableExecutionName: 'paged',
      FunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:job:$LATEST',
      Status: 'SUCCEEDED',
      InputPayload: '{"units":200}',
      StartTimestamp: expect.any(Date),
      EndTimestamp: expect.any(Date),
    });
    expect(JSON.parse(execution.Result ?? '')).toEqual({
      count: 200,
      worker: { seen: { units: 200 } },
    });
  });

  it('start once per name', async () => {
    const arn = await startJob('once');
    expect(await startJob('once')).toBe(arn);
    await expect(startJob('once', 4)).rejects.toThrow(DurableExecutionAlreadyStartedException);
    await engine.wait(arn);
    expect(await startJob('once')).toBe(arn);
    await expect(startJob('once', 4)).rejects.toThrow(DurableExecutionAlreadyStartedException);
  });

  it('are listed by name, status and time, in pages', async () => {
    await engine.wait(await startJob('listed'));
    const list = (more: object) =>
      lambda.send(new ListDurableExecutionsByFunctionCommand({ FunctionName: 'job', ...more }));
    const named = await list({ DurableExecutionName: 'listed', Statuses: ['SUCCEEDED'] });
    expect(named.DurableExecutions).toEqual([
      expect.objectContaining({ DurableExecutionName: 'listed', Status: 'SUCCEEDED' }),
    ]);
    expect((await list({ Statuses: ['STOPPED', 'FAILED'] })).DurableExecutions).toEqual([]);
    expect((await list({ StartedAfter: new Date(Date.now() + 60_000) })).DurableExecutions).toEqual(
      [],
    );
    const first = await list({ MaxItems: 2 });
    const rest = await list({ Marker: first.NextMarker });
    const all = await list({ ReverseOrder: true });
    const names = [...(first.DurableExecutions ?? []), ...(rest.DurableExecutions ?? [])];
    expect(first.DurableExecutions).toHaveLength(2);
    expect(names.toReversed()).toEqual(all.DurableExecutions);
  });

  it('are stopped', async () => {
    const key = randomUUID();
    const more = { InvocationType: 'Event', Qualifier: 'live' } as const;
    const { DurableExecutionArn } = await invoke('approval', { key }, more);
    const CallbackId = await callbackOf(key).promise;
    const Error = { ErrorType: 'Operator', ErrorMessage: 'enough' };
    const stop = new StopDurableExecutionCommand({ DurableExecutionArn, Error });
    const { StopTimestamp } = await lambda.send(stop);
    expect(await lambda.send(stop)).toMatchObject({ StopTimestamp });
    const execution = await lambda.send(new GetDurableExecutionCommand({ DurableExecutionArn }));
    expect(execution).toMatchObject({ Status: 'STOPPED', Error, EndTimestamp: StopTimestamp });
    await expect(
      lambda.send(new SendDurableExecutionCallbackHeartbeatCommand({ CallbackId })),
    ).rejects.toThrow(CallbackTimeoutException);
  });

  it('show their history while they run and afterwards', async () => {
    const arn = await startJob('history', 1);
    await until(async () =>
      (await historyOf(arn)).some(({ EventType }) => EventType === 'WaitStarted'),
    );
    const running = await historyOf(arn);
    await engine.wait(arn);
    const events = await historyOf(arn);
    expect(events.slice(0, running.length)).toEqual(running);
    const types = events.map(({ EventType }) => EventType);
    expect(types.filter((type) => type !== 'InvocationCompleted')).toEqual([
      'ExecutionStarted',
      'StepStarted',
      'StepSucceeded',
      'ChainedInvokeStarted',
      'ChainedInvokeSucceeded',
      'WaitStarted',
      'WaitSucceeded',
      'ExecutionSucceeded',
    ]);
    expect(events.map(({ EventId }) => EventId)).toEqual(events.map((_, index) => index + 1));
    expect(events[0]?.ExecutionStartedDetails?.Input?.Payload).toBe('{"units":1}');
    const bare = await historyOf(arn, { IncludeExecutionData: false, ReverseOrder: true });
    expect(bare.at(-1)?.ExecutionStartedDetails).toEqual({ ExecutionTimeout: 86_400, Input: {} });
  });

  it('refuse checkpoints of others', async () => {
    const arn = await startJob('fenced');
    const checkpoint = (DurableExecutionArn: string, Updates: never[] = []) =>
      lambda.send(
        new CheckpointDurableExecutionCommand({
          DurableExecutionArn,
          CheckpointToken: 'x',
          Updates,
        }),
      );
    await expect(checkpoint(arn)).rejects.toThrow(/^Invalid Checkpoint Token/);
    await engine.wait(arn);
    await expect(checkpoint(arn)).rejects.toThrow(/^Invalid Checkpoint Token/);
    await expect(checkpoint(`${arn}x`)).rejects.toThrow(ResourceNotFoundException);
    const broken = [{ Id: 'a', Type: 'STEP', Action: 'JUMP' }] as never[];
    await expect(checkpoint(arn, broken)).rejects.toThrow('Updates.0.Action');
  });
});

async function historyOf(DurableExecutionArn: string, more: object = {}) {
  const events = [];
  for (let Marker: string | undefined = ''; Marker !== undefined; ) {
    const page: { Events?: object[] | undefined; NextMarker?: string | undefined } =
      await lambda.send(
        new GetDurableExecutionHistoryCommand({
          DurableExecutionArn,
          MaxItems: 5,
          ...more,
          ...(Marker && { Marker }),
        }),
      );
    events.push(...(page.Events ?? []));
    Marker = page.NextMarker;
  }
  return events as Event[];
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const endsAtMs = Date.now() + 20_000; !(await condition()); ) {
    if (Date.now() > endsAtMs) throw new Error('it did not happen within 20 seconds');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
