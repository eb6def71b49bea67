import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LogFile } from '../../../local/durable-engine/log-file.ts';
import type { InvocationInput } from '../../../local/durable-engine/protocol.ts';
import { settle } from './manual-clock.ts';
import {
  DONE,
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

describe('names', () => {
  it('one start per name and input; the execution is on the disk then', async () => {
    scripted.scripts['job'] = async () => new Promise(() => undefined);
    const [first, second] = await Promise.all([
      scripted.engine.start('job', '{}', { name: 'n' }),
      scripted.engine.start('job', '{}', { name: 'n' }),
    ]);
    expect(second?.arn).toBe(first?.arn);
    expect(await readdir(scripted.folder)).toEqual([`${first?.id}.jsonl`]);
    await expect(scripted.engine.start('job', '{"other":1}', { name: 'n' })).rejects.toMatchObject({
      name: 'DurableExecutionAlreadyStartedException',
    });
    expect((await scripted.engine.start('child', '{"other":1}', { name: 'n' })).arn).not.toBe(
      first?.arn,
    );
    await scripted.restart();
    expect((await scripted.engine.start('job', '{}', { name: 'n' })).arn).toBe(first?.arn);
    expect(scripted.callsOf('job')).toBe(2);
  });

  it.each(['', 'a b', 'ü', 'x'.repeat(65), 'a/b'])('refuses the name %j', async (name) => {
    await expect(scripted.engine.start('job', '{}', { name })).rejects.toThrow('execution name');
  });

  it('starts durable functions only', async () => {
    await expect(scripted.engine.start('worker', '{}')).rejects.toThrow('Not a durable function');
    await expect(scripted.engine.start('nobody', '{}')).rejects.toThrow('Not a durable function');
  });
});

describe('tokens', () => {
  it('only the latest token of the running invocation is good', async () => {
    const seen: string[] = [];
    scripted.scripts['job'] = async (input) => {
      const { CheckpointToken } = await scripted.checkpoint(input, update('a', 'STEP', 'START'));
      await scripted
        .checkpoint(input, wait('w', 1))
        .catch((error: Error) => seen.push(error.message));
      await scripted.checkpoint({ ...input, CheckpointToken }, update('a', 'STEP', 'SUCCEED'));
      return DONE;
    };
    await scripted.engine.wait(await scripted.run());
    expect(seen).toEqual([expect.stringMatching(/^Invalid Checkpoint Token/)]);
  });

  it('an invocation that is over can change nothing', async () => {
    const inputs: InvocationInput[] = [];
    scripted.scripts['job'] = async (input, call) => {
      inputs.push(input);
      if (call === 1) throw new Error('the sandbox died');
      return new Promise(() => undefined);
    };
    const arn = await scripted.run();
    await settle();
    const [zombie] = inputs as [InvocationInput];
    await expect(scripted.checkpoint(zombie, wait('w', 1))).rejects.toThrow(
      /^Invalid Checkpoint Token/,
    );
    await scripted.clock.advance(1000);
    expect(inputs).toHaveLength(2);
    await expect(scripted.checkpoint(zombie, wait('w', 1))).rejects.toThrow(
      /^Invalid Checkpoint Token/,
    );
    expect(() => scripted.engine.state(arn, zombie.CheckpointToken)).toThrow(
      /^Invalid Checkpoint Token/,
    );
  });

  it('a repeated request gets its first answer again', async () => {
    const answers: object[] = [];
    scripted.scripts['job'] = async (input) => {
      const request = {
        CheckpointToken: input.CheckpointToken,
        ClientToken: 'client',
        Updates: [update('s', 'STEP', 'SUCCEED', { Payload: '1' })],
      };
      for (let n = 0; n < 2; n++)
        answers.push(await scripted.engine.checkpoint(input.DurableExecutionArn, request));
      return DONE;
    };
    await scripted.engine.wait(await scripted.run());
    expect(answers[1]).toBe(answers[0]);
    expect(answers[0]).toMatchObject({
      NewExecutionState: { Operations: [{ Id: 's', StepDetails: { Attempt: 1, Result: '1' } }] },
    });
  });
});

describe('failing functions', () => {
  it('are invoked again after 1, 2, 4, ... seconds, 60 at most', async () => {
    scripted.scripts['job'] = async () => ({
      payload: '{"errorMessage":"out"}',
      functionError: 'Unhandled',
    });
    const arn = await scripted.run();
    await settle();
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      const before = scripted.callsOf('job');
      await scripted.clock.advance(seconds * 1000 - 1);
      expect(scripted.callsOf('job')).toBe(before);
      await scripted.clock.advance(1);
      expect(scripted.callsOf('job')).toBe(before + 1);
    }
    scripted.scripts['job'] = async () => DONE;
    await scripted.clock.advance(60_000);
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'SUCCEEDED' });
    const errors = (await scripted.engine.history(arn)).filter((event) =>
      JSON.stringify(event).includes('"ErrorMessage":"out"'),
    );
    expect(errors).toHaveLength(9);
  });

  it('that answer nonsense fail the execution', async () => {
    scripted.scripts['job'] = async () => ({ payload: '"hello"' });
    expect(await scripted.engine.wait(await scripted.run())).toMatchObject({
      status: 'FAILED',
      Error: { ErrorMessage: expect.stringContaining('Invalid Status') },
    });
  });

  it('that suspend for nothing fail the execution', async () => {
    scripted.scripts['job'] = async () => PENDING;
    expect(await scripted.engine.wait(await scripted.run())).toMatchObject({
      status: 'FAILED',
      Error: { ErrorMessage: 'Cannot return PENDING status with no pending operations.' },
    });
  });
});

describe('changes and suspension', () => {
  it('a change in the last answer wakes a function that had decided to suspend', async () => {
    scripted.scripts['job'] = async (input, call) => {
      if (call > 1) return DONE;
      const { CheckpointToken } = await scripted.checkpoint(input, wait('w', 5), wait('v', 60));
      await scripted.clock.advance(5000);
      const answer = await scripted.checkpoint({ ...input, CheckpointToken });
      expect(answer.NewExecutionState.Operations).toMatchObject([{ Id: 'w', Status: 'SUCCEEDED' }]);
      return PENDING;
    };
    expect(await scripted.engine.wait(await scripted.run())).toMatchObject({ status: 'SUCCEEDED' });
    expect(scripted.callsOf('job')).toBe(2);
  });

  it('a change that comes while the function runs is told in the next invocation', async () => {
    scripted.scripts['job'] = async (input, call) => {
      if (call > 1) return { Status: 'SUCCEEDED', Result: input.UpdatedOperationIds.join() };
      await scripted.checkpoint(input, wait('w', 5));
      await scripted.clock.advance(5000);
      return PENDING;
    };
    expect(await scripted.engine.wait(await scripted.run())).toMatchObject({ Result: 'w' });
  });

  it('a large result ends the execution in a checkpoint', async () => {
    scripted.scripts['job'] = async (input) => {
      await scripted.checkpoint(
        input,
        update('result', 'EXECUTION', 'SUCCEED', { Payload: '"large"' }),
      );
      return { Status: 'SUCCEEDED', Result: '' };
    };
    expect(await scripted.engine.wait(await scripted.run())).toMatchObject({ Result: '"large"' });
  });
});

describe('quotas', () => {
  it('hold over a restart', async () => {
    const quotas = {
      operationsMax: 3,
      payloadBytesMax: 100,
      updatePayloadBytesMax: 100,
      errorBytesMax: 100,
    };
    const refusals: string[] = [];
    scripted.scripts['job'] = async (input) => {
      const count = statusesOf(input).length;
      const more = await scripted.checkpoint(input, wait(`w${count}`, 60)).catch((error: Error) => {
        refusals.push(error.message);
      });
      return more ? PENDING : DONE;
    };
    await scripted.restart({ quotas });
    const arn = await scripted.run();
    await settle();
    await scripted.restart({ quotas });
    await settle();
    await scripted.restart({ quotas });
    await scripted.engine.wait(arn);
    expect(refusals).toEqual(['Exceeded the quota of 3 durable operations.']);
  });
});

describe('a stop', () => {
  it('that meets a checkpoint ends the execution once, and starts nothing', async () => {
    scripted.scripts['job'] = async (input) => {
      const answer = scripted.checkpoint(input, invokeOf('i', 'worker'));
      await scripted.engine.stop(input.DurableExecutionArn);
      await answer;
      return PENDING;
    };
    const arn = await scripted.run();
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'STOPPED' });
    await settle();
    expect([scripted.callsOf('worker'), scripted.warnings]).toEqual([0, []]);
    const types = (await scripted.engine.history(arn)).map(({ EventType }) => EventType);
    expect(types).toEqual(['ExecutionStarted', 'ChainedInvokeStarted', 'ExecutionStopped']);
  });

  it('leaves an execution that has ended as it is', async () => {
    scripted.scripts['job'] = async () => DONE;
    const arn = await scripted.run();
    const ended = await scripted.engine.wait(arn);
    expect(await scripted.engine.stop(arn)).toEqual(ended);
  });
});

describe('a log that cannot be written', () => {
  it('acknowledges nothing, and goes on from what is on the disk', async () => {
    const append = jest.spyOn(LogFile.prototype, 'append');
    const states: string[][] = [];
    scripted.scripts['job'] = async (input, call) => {
      states.push(statusesOf(input));
      if (call === 3) return DONE;
      const { CheckpointToken } = await scripted.checkpoint(
        input,
        update(`s${call}`, 'STEP', 'SUCCEED'),
      );
      append.mockRejectedValueOnce(new Error('no space left'));
      await scripted.checkpoint({ ...input, CheckpointToken }, update('lost', 'STEP', 'SUCCEED'));
      return DONE;
    };
    const arn = await scripted.run();
    await settle();
    expect(scripted.engine.get(arn).status).toBe('RUNNING');
    await scripted.clock.advance(5000);
    await scripted.clock.advance(5000);
    expect(await scripted.engine.wait(arn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(states).toEqual([[], ['s1 SUCCEEDED'], ['s1 SUCCEEDED', 's2 SUCCEEDED']]);
    expect(scripted.warnings.join()).toContain('the log cannot be written: no space left');
    append.mockRestore();
  });

  it('refuses a start that it could not save', async () => {
    const create = jest.spyOn(LogFile, 'create').mockRejectedValueOnce(new Error('no space left'));
    await expect(scripted.run()).rejects.toThrow('no space left');
    create.mockRestore();
    scripted.scripts['job'] = async () => DONE;
    expect(await scripted.engine.wait(await scripted.run())).toMatchObject({ status: 'SUCCEEDED' });
  });
});
