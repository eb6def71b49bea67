import { describe, expect, it } from '@jest/globals';
import {
  applyRecord,
  type LogRecord,
  parseCallbackId,
  startState,
  visibleOperations,
} from '../../../local/durable-engine/execution-state.ts';
import { update } from './scripted-engine.ts';

const execution = {
  arn: 'arn',
  id: 'id',
  name: 'name',
  functionName: 'job',
  status: 'RUNNING',
  input: '{}',
  startedAtMs: 0,
  timeoutSeconds: 1,
  retentionDays: 1,
} as const;

const fold = (...records: LogRecord[]) => {
  const state = startState({ type: 'started', atMs: 0, execution });
  for (const record of records) applyRecord(state, record);
  return state;
};
const updated = (...updates: (LogRecord & { type: 'updated' })['updates']): LogRecord => ({
  type: 'updated',
  atMs: 1000,
  updates,
});

describe('applyRecord', () => {
  it('a new attempt of a polled condition keeps the state of the last one', () => {
    const StepOptions = { NextAttemptDelaySeconds: 5 };
    const polled = updated(update('s', 'STEP', 'RETRY', { StepOptions, Payload: '7' }));
    const ready: LogRecord = { type: 'changed', atMs: 6000, operationId: 's', status: 'READY' };
    const again = updated(update('s', 'STEP', 'START'));
    expect(fold(polled).operations.get('s')?.operation).toMatchObject({
      Status: 'PENDING',
      StepDetails: { Attempt: 1, Result: '7', NextAttemptTimestamp: '1970-01-01T00:00:06.000Z' },
    });
    const { operation } = fold(polled, ready, again).operations.get('s') ?? {};
    expect(operation).toMatchObject({
      Status: 'STARTED',
      StepDetails: { Attempt: 1, Result: '7' },
    });
    expect(operation).not.toHaveProperty('EndTimestamp');
  });

  it('a start counts no attempt, each end counts one', () => {
    const [start, fail] = [update('s', 'STEP', 'START'), update('s', 'STEP', 'FAIL')];
    const attemptOf = (...records: LogRecord[]) =>
      fold(...records).operations.get('s')?.operation.StepDetails?.Attempt;
    expect([attemptOf(updated(start)), attemptOf(updated(start), updated(fail))]).toEqual([0, 1]);
  });
});

describe('visibleOperations', () => {
  const tree = (more: object) =>
    updated(
      update('c', 'CONTEXT', 'START'),
      update('inner', 'CONTEXT', 'START', { ParentId: 'c' }),
      update('leaf', 'STEP', 'SUCCEED', { ParentId: 'inner' }),
      update('inner', 'CONTEXT', 'SUCCEED', { ContextOptions: { ReplayChildren: true } }),
      update('c', 'CONTEXT', 'SUCCEED', more),
      update('after', 'STEP', 'START'),
    );
  const idsOf = (record: LogRecord) => visibleOperations(fold(record)).map(({ Id }) => Id);

  it('leave out all that is inside a finished context', () => {
    expect(idsOf(tree({}))).toEqual(['id', 'c', 'after']);
  });

  it('hold the inside of a context that replays its children', () => {
    const all = ['id', 'c', 'inner', 'leaf', 'after'];
    expect(idsOf(tree({ ContextOptions: { ReplayChildren: true } }))).toEqual(all);
  });
});

describe('parseCallbackId', () => {
  it.each([
    '',
    'one',
    Buffer.from('a:b:c').toString('base64url'),
    Buffer.from(':b').toString('base64url'),
  ])('refuses %j', (text) => expect(parseCallbackId(text)).toBeUndefined());
});
