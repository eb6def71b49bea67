import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { settle } from './manual-clock.ts';
import {
  DONE,
  functionsFor,
  invokeOf,
  PENDING,
  ScriptedEngine,
  statusesOf,
  update,
  wait,
} from './scripted-engine.ts';

let scripted: ScriptedEngine;
beforeEach(async () => {
  scripted = await ScriptedEngine.open();
});
afterEach(() => scripted.dispose());

const DAY_MS = 86_400_000;

describe('time', () => {
  it('a wait of 300 days ends on time, also with a restart in between', async () => {
    scripted.scripts['job'] = scripted.suspendOn(wait('w', 300 * 86_400));
    await scripted.restart({ functions: functionsFor(31_622_400) });
    const arn = await scripted.run();
    await settle();
    await scripted.clock.advance(200 * DAY_MS);
    expect(await scripted.restart()).toBe(1);
    await settle();
    scripted.calls = [];
    await scripted.clock.advance(100 * DAY_MS - 1);
    expect([scripted.callsOf('job'), scripted.engine.get(arn).status]).toEqual([0, 'RUNNING']);
    await scripted.clock.advance(1);
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('a wait that ended while the engine was off ends at the start', async () => {
    scripted.scripts['job'] = async (input) => {
      if (statusesOf(input).includes('w SUCCEEDED')) return DONE;
      if (statusesOf(input).length === 0) await scripted.checkpoint(input, wait('w', 60));
      return PENDING;
    };
    const arn = await scripted.run();
    await settle();
    await scripted.engine.close();
    await scripted.clock.advance(61_000);
    await scripted.start();
    expect(await scripted.engine.wait(arn)).toMatchObject({
      status: 'SUCCEEDED',
      Result: '"done"',
    });
  });

  it('a step is ready after its pause, once per attempt', async () => {
    const states: string[][] = [];
    scripted.scripts['job'] = async (input, call) => {
      states.push(statusesOf(input));
      if (call > 2) return DONE;
      const StepOptions = { NextAttemptDelaySeconds: 10 };
      await scripted.checkpoint(input, update('s', 'STEP', 'RETRY', { StepOptions, Error: {} }));
      return PENDING;
    };
    const arn = await scripted.run();
    await settle();
    await scripted.clock.advance(9999);
    expect(states).toEqual([[]]);
    await scripted.clock.advance(1);
    await scripted.clock.advance(10_000);
    expect(states).toEqual([[], ['s READY'], ['s READY']]);
    await scripted.engine.wait(arn);
    const history = await scripted.engine.history(arn);
    expect(history.map(({ EventType }) => EventType)).toEqual([
      'ExecutionStarted',
      'StepFailed',
      'InvocationCompleted',
      'StepFailed',
      'InvocationCompleted',
      'InvocationCompleted',
      'ExecutionSucceeded',
    ]);
    const attempts = history.map((event) => event['StepFailedDetails']);
    expect(attempts.filter(Boolean)).toMatchObject([
      { RetryDetails: { CurrentAttempt: 1, NextAttemptDelaySeconds: 10 } },
      { RetryDetails: { CurrentAttempt: 2 } },
    ]);
  });

  it('an execution times out by its start, not by the start of the engine', async () => {
    scripted.scripts['job'] = scripted.suspendOn(wait('w', 7200));
    const arn = await scripted.run();
    await settle();
    await scripted.clock.advance(3_000_000);
    await scripted.restart();
    await scripted.clock.advance(599_999);
    expect(scripted.engine.get(arn).status).toBe('RUNNING');
    await scripted.clock.advance(1);
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'TIMED_OUT' });
  });

  it('a callback times out, and a heartbeat puts that off, also over a restart', async () => {
    let callbackId = '';
    scripted.scripts['job'] = async (input, call) => {
      const CallbackOptions = { TimeoutSeconds: 100, HeartbeatTimeoutSeconds: 10 };
      if (call > 1) return { Status: 'SUCCEEDED', Result: statusesOf(input).join() };
      const answer = await scripted.checkpoint(
        input,
        update('c', 'CALLBACK', 'START', { CallbackOptions }),
      );
      callbackId = answer.NewExecutionState.Operations[0]?.CallbackDetails?.CallbackId ?? '';
      return PENDING;
    };
    const arn = await scripted.run();
    await settle();
    await scripted.clock.advance(9000);
    await scripted.engine.heartbeatCallback(callbackId);
    await scripted.clock.advance(9000);
    expect(scripted.engine.get(arn).status).toBe('RUNNING');
    scripted.calls = [];
    scripted.scripts['job'] = async (input) =>
      statusesOf(input).join() === 'c TIMED_OUT' ? DONE : PENDING;
    await scripted.restart();
    await settle();
    expect(scripted.engine.get(arn).status).toBe('RUNNING');
    await scripted.clock.advance(1000);
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'SUCCEEDED' });
    await expect(scripted.engine.succeedCallback(callbackId)).rejects.toThrow('closed');
    await expect(scripted.engine.succeedCallback('nonsense')).rejects.toThrow('no such callback');
  });
});

describe('retention', () => {
  it('forgets finished executions after their time, each hour and at the start', async () => {
    scripted.scripts['job'] = async () => DONE;
    const arn = await scripted.run();
    await scripted.engine.wait(arn);
    await settle();
    await scripted.clock.advance(DAY_MS);
    expect(scripted.engine.get(arn).status).toBe('SUCCEEDED');
    await scripted.clock.advance(3_600_000);
    expect(() => scripted.engine.get(arn)).toThrow('Execution not found');
    expect(await readdir(scripted.folder)).toEqual([]);

    const next = await scripted.run();
    expect(next).not.toBe(arn);
    await scripted.engine.wait(next);
    await scripted.engine.close();
    await scripted.clock.advance(DAY_MS + 1);
    await scripted.start();
    expect(await readdir(scripted.folder)).toEqual([]);
  });

  it('keeps a child as long as its parent runs', async () => {
    scripted.scripts['child'] = async () => DONE;
    scripted.scripts['job'] = async (input, call) => {
      if (call === 1)
        await scripted.checkpoint(input, invokeOf('i', 'child:live'), wait('w', 7 * 86_400));
      return PENDING;
    };
    await scripted.restart({ functions: functionsFor(8_640_000) });
    const arn = await scripted.run();
    await settle();
    await scripted.clock.advance(3 * DAY_MS);
    expect(scripted.engine.list('child')).toHaveLength(1);
    await scripted.engine.stop(arn);
    await settle();
    await scripted.clock.advance(3_600_000);
    expect(scripted.engine.list('child')).toEqual([]);
  });
});
