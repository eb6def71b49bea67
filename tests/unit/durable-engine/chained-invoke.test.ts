import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ExecutionSummary } from '../../../local/durable-engine/execution-state.ts';
import { FunctionTimedOut } from '../../../local/durable-engine/function-host.ts';
import { LogFile } from '../../../local/durable-engine/log-file.ts';
import type { InvocationInput } from '../../../local/durable-engine/protocol.ts';
import { settle } from './manual-clock.ts';
import { DONE, invokeOf, PENDING, ScriptedEngine, statusesOf, wait } from './scripted-engine.ts';

let scripted: ScriptedEngine;
beforeEach(async () => {
  scripted = await ScriptedEngine.open();
});
afterEach(() => scripted.dispose());

describe('chained invokes', () => {
  const childOf = (input: InvocationInput) =>
    input.InitialExecutionState.Operations.find(({ Id }) => Id === 'i');

  it.each<[string, object | undefined, object]>([
    ['SUCCEEDED', { Status: 'SUCCEEDED', Result: '"r"' }, { Result: '"r"' }],
    [
      'FAILED',
      { Status: 'FAILED', Error: { ErrorMessage: 'e' } },
      { Error: { ErrorMessage: 'e' } },
    ],
  ])('a child that is %s', async (Status, answer, ChainedInvokeDetails) => {
    scripted.scripts['child'] = async () => answer ?? PENDING;
    let seen: unknown;
    scripted.scripts['job'] = async (input, call) => {
      seen = childOf(input);
      return scripted.suspendOn(invokeOf('i', 'child:live'))(input, call);
    };
    await scripted.engine.wait(await scripted.run());
    expect(seen).toMatchObject({ Status, ChainedInvokeDetails });
  });

  it('a child that is stopped; a parent that is stopped leaves its child alone', async () => {
    scripted.scripts['child'] = scripted.suspendOn(wait('w', 60));
    let seen: unknown;
    scripted.scripts['job'] = async (input, call) => {
      seen = childOf(input);
      return scripted.suspendOn(invokeOf('i', 'child:live'))(input, call);
    };
    const arn = await scripted.run();
    await settle();
    const [child] = scripted.engine.list('child') as [ExecutionSummary];
    expect(child.parentArn).toBe(arn);
    await scripted.engine.stop(child.arn, { ErrorMessage: 'enough' });
    await scripted.engine.wait(arn);
    expect(seen).toMatchObject({
      Status: 'STOPPED',
      ChainedInvokeDetails: { Error: { ErrorMessage: 'enough' } },
    });

    scripted.calls = [];
    const second = await scripted.run('second');
    await settle();
    await scripted.engine.stop(second);
    const running = scripted.engine.list('child').filter(({ status }) => status === 'RUNNING');
    expect(running.map(({ parentArn }) => parentArn)).toEqual([second]);
  });

  it('a parent that goes on finds the child that it had started', async () => {
    scripted.scripts['child'] = scripted.suspendOn(wait('w', 60));
    scripted.scripts['job'] = async (input) => {
      const { Status } = childOf(input) ?? {};
      if (Status === 'SUCCEEDED') return DONE;
      if (!Status) await scripted.checkpoint(input, invokeOf('i', 'child:live', '{"a":1}'));
      return PENDING;
    };
    const arn = await scripted.run();
    await settle();
    expect(await scripted.restart()).toBe(2);
    await settle();
    expect(scripted.engine.list('child')).toHaveLength(1);
    scripted.calls = [{ name: 'child', input: {} as InvocationInput }];
    await scripted.clock.advance(60_000);
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(scripted.engine.list('child')).toMatchObject([
      { input: '{"a":1}', status: 'SUCCEEDED' },
    ]);
  });

  it.each([
    ['nobody', 'Function not found: nobody'],
    ['child', 'child is durable: a qualifier is needed'],
    ['a:b:c:d', 'Not a function name: a:b:c:d'],
  ])('of %s fails', async (target, ErrorMessage) => {
    let seen: unknown;
    scripted.scripts['job'] = async (input, call) => {
      seen = childOf(input);
      return scripted.suspendOn(invokeOf('i', target))(input, call);
    };
    await scripted.engine.wait(await scripted.run());
    expect(seen).toMatchObject({
      Status: 'FAILED',
      ChainedInvokeDetails: { Error: { ErrorMessage } },
    });
  });

  it('of a plain function keep its limit, and are tried again when it cannot be reached', async () => {
    let [running, most] = [0, 0];
    scripted.scripts['worker'] = async (_, call) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      if (call === 2) throw new Error('ECONNREFUSED');
      return { payload: `${call}` };
    };
    const targets = ['a', 'b', 'c'];
    scripted.scripts['job'] = async (input) => {
      const states = statusesOf(input);
      if (states.length === 0)
        await scripted.checkpoint(input, ...targets.map((id) => invokeOf(id, 'worker')));
      return states.filter((text) => text.endsWith('SUCCEEDED')).length === 3 ? DONE : PENDING;
    };
    const arn = await scripted.run();
    const areDone = () => scripted.callsOf('worker') === 3 && running === 0;
    while (!areDone()) await settle();
    await settle();
    await scripted.clock.advance(200);
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'SUCCEEDED' });
    expect([most, scripted.calls.filter(({ name }) => name === 'worker').length]).toEqual([1, 4]);
  });

  it('of a plain function that times out are not tried again', async () => {
    let seen: unknown;
    scripted.scripts['worker'] = async () => Promise.reject(new FunctionTimedOut(60));
    scripted.scripts['job'] = async (input, call) => {
      seen = childOf(input);
      return scripted.suspendOn(invokeOf('i', 'worker'))(input, call);
    };
    await scripted.engine.wait(await scripted.run());
    expect(seen).toMatchObject({
      ChainedInvokeDetails: { Error: { ErrorMessage: 'Task timed out after 60 seconds' } },
    });
    expect(scripted.callsOf('worker')).toBe(1);
  });

  it('that run go on when the log is read again', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    scripted.scripts['worker'] = async () => promise.then(() => ({ worked: true }));
    scripted.scripts['job'] = scripted.suspendOn(invokeOf('i', 'worker'), wait('w', 60));
    const arn = await scripted.run();
    await settle();
    const append = jest.spyOn(LogFile.prototype, 'append').mockRejectedValueOnce(new Error('full'));
    await scripted.clock.advance(60_000);
    append.mockRestore();
    await scripted.clock.advance(5000);
    resolve();
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(scripted.callsOf('worker')).toBe(1);
  });
});
