import { describe, expect, it } from '@jest/globals';
import { invokeAsync } from '../../../local/durable-engine/async-invocation.ts';
import type { FunctionAnswer } from '../../../local/durable-engine/function-host.ts';
import { ManualClock, settle } from './manual-clock.ts';

const failed: FunctionAnswer = {
  payload: '{"errorType":"TypeError","errorMessage":"no"}',
  functionError: 'Unhandled',
};

function scenario(answers: (FunctionAnswer | Error)[], retriesMax = 2) {
  const clock = new ManualClock();
  const calls: number[] = [];
  const warnings: string[] = [];
  const startedAtMs = clock.now();
  const host = {
    invoke: async () => {
      calls.push((clock.now() - startedAtMs) / 1000);
      const answer = answers.shift() ?? { payload: '' };
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const world = { clock, host, warn: (text: string) => warnings.push(text) };
  const done = invokeAsync(world, { name: 'f', timeoutSeconds: 1, retriesMax }, '{}');
  return { clock, calls, warnings, done };
}

describe('invokeAsync', () => {
  it('runs a function once when it succeeds', async () => {
    const { calls, warnings, done } = scenario([]);
    await done;
    expect([calls, warnings]).toEqual([[0], []]);
  });

  it('retries after one and two minutes, then drops the event', async () => {
    const { clock, calls, warnings, done } = scenario([failed, new Error('reset'), failed, failed]);
    await settle();
    await clock.advance(59_000);
    expect(calls).toEqual([0]);
    await clock.advance(1000);
    await clock.advance(120_000);
    await done;
    expect(calls).toEqual([0, 60, 180]);
    expect(warnings).toEqual([
      'f: TypeError: no; again in 60000 ms',
      'f: Error: reset; again in 120000 ms',
      'f: TypeError: no; the event is dropped after 3 attempts',
    ]);
  });

  it('stops at the first success', async () => {
    const { clock, calls, done } = scenario([failed]);
    await settle();
    await clock.advance(60_000);
    await done;
    expect(calls).toEqual([0, 60]);
  });

  it('retries as often as the function says', async () => {
    const { calls, done } = scenario([failed], 0);
    await done;
    expect(calls).toEqual([0]);
  });
});
