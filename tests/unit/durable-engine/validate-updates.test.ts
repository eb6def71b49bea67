import { describe, expect, it } from '@jest/globals';
import { applyRecord, startState } from '../../../local/durable-engine/execution-state.ts';
import type { OperationUpdate } from '../../../local/durable-engine/protocol.ts';
import { QUOTAS, validateUpdates } from '../../../local/durable-engine/validate-updates.ts';

const update = (
  Id: string,
  Type: OperationUpdate['Type'],
  Action: OperationUpdate['Action'],
  more: Partial<OperationUpdate> = {},
): OperationUpdate => ({ Id, Type, Action, ...more });

const stateAfter = (...updates: OperationUpdate[]) => {
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
  const state = startState({ type: 'started', atMs: 0, execution });
  for (const one of updates) applyRecord(state, { type: 'updated', atMs: 1, updates: [one] });
  return state;
};

const retry = { StepOptions: { NextAttemptDelaySeconds: 1 } };
const invoke = { ChainedInvokeOptions: { FunctionName: 'f' } };

describe('validateUpdates', () => {
  it.each<[string, OperationUpdate[], OperationUpdate[]]>([
    ['a step of one update', [], [update('s', 'STEP', 'SUCCEED', { Payload: '1' })]],
    ['a step in one request', [], [update('s', 'STEP', 'START'), update('s', 'STEP', 'SUCCEED')]],
    ['a retry', [update('s', 'STEP', 'START')], [update('s', 'STEP', 'RETRY', retry)]],
    [
      'a child of a context of the same request',
      [],
      [update('c', 'CONTEXT', 'START'), update('s', 'STEP', 'START', { ParentId: 'c' })],
    ],
    ['a cancelled wait', [update('w', 'WAIT', 'START')], [update('w', 'WAIT', 'CANCEL')]],
    ['an invoke', [], [update('i', 'CHAINED_INVOKE', 'START', invoke)]],
    [
      'the end with a large result',
      [],
      [
        update('s', 'STEP', 'START'),
        update('r', 'EXECUTION', 'SUCCEED', { Payload: 'x'.repeat(300_000) }),
      ],
    ],
  ])('accepts %s', (_, before, updates) => {
    expect(() => validateUpdates(stateAfter(...before), updates, QUOTAS)).not.toThrow();
  });

  it.each<[string, OperationUpdate[], OperationUpdate[], string]>([
    [
      'a second start',
      [update('w', 'WAIT', 'START')],
      [update('w', 'WAIT', 'START')],
      'that is STARTED',
    ],
    [
      'an end twice',
      [update('s', 'STEP', 'SUCCEED')],
      [update('s', 'STEP', 'SUCCEED')],
      'is SUCCEEDED',
    ],
    [
      'an end of a step that pauses',
      [update('s', 'STEP', 'RETRY', retry)],
      [update('s', 'STEP', 'SUCCEED')],
      'is PENDING',
    ],
    [
      'an end of a wait',
      [update('w', 'WAIT', 'START')],
      [update('w', 'WAIT', 'SUCCEED')],
      'Invalid action',
    ],
    ['a cancel of nothing', [], [update('w', 'WAIT', 'CANCEL')], 'that is new'],
    [
      'another type',
      [update('s', 'STEP', 'START')],
      [update('s', 'CONTEXT', 'SUCCEED')],
      'is a STEP',
    ],
    [
      'two waits of one id',
      [],
      [update('w', 'WAIT', 'START'), update('w', 'WAIT', 'CANCEL')],
      'twice',
    ],
    ['a step ended twice', [], [update('s', 'STEP', 'FAIL'), update('s', 'STEP', 'FAIL')], 'twice'],
    ['an unknown parent', [], [update('s', 'STEP', 'START', { ParentId: 'c' })], 'parent'],
    [
      'a step as a parent',
      [update('p', 'STEP', 'START')],
      [update('s', 'STEP', 'START', { ParentId: 'p' })],
      'parent',
    ],
    [
      'an end before the last',
      [],
      [update('e', 'EXECUTION', 'SUCCEED'), update('s', 'STEP', 'START')],
      'last',
    ],
    [
      'two ends',
      [],
      [update('e', 'EXECUTION', 'SUCCEED'), update('f', 'EXECUTION', 'FAIL')],
      'last',
    ],
    ['a start of the execution', [], [update('e', 'EXECUTION', 'START')], 'Invalid action'],
    [
      'a failure with a result',
      [],
      [update('s', 'STEP', 'FAIL', { Payload: '1' })],
      'Payload for FAIL',
    ],
    [
      'a success with an error',
      [],
      [update('s', 'STEP', 'SUCCEED', { Error: {} })],
      'Error for SUCCEED',
    ],
    ['a retry without a pause', [], [update('s', 'STEP', 'RETRY')], 'StepOptions'],
    [
      'a retry with both',
      [],
      [update('s', 'STEP', 'RETRY', { ...retry, Payload: '1', Error: {} })],
      'both',
    ],
    ['an invoke of nothing', [], [update('i', 'CHAINED_INVOKE', 'START')], 'ChainedInvokeOptions'],
    [
      'a large payload',
      [],
      [update('s', 'STEP', 'SUCCEED', { Payload: 'x'.repeat(262_145) })],
      '262144',
    ],
    [
      'a large error',
      [],
      [update('s', 'STEP', 'FAIL', { Error: { ErrorData: 'x'.repeat(32_768) } })],
      '32768',
    ],
  ])('refuses %s', (_, before, updates, text) => {
    expect(() => validateUpdates(stateAfter(...before), updates, QUOTAS)).toThrow(text);
  });
});

describe('quotas', () => {
  const steps = (count: number) =>
    Array.from({ length: count }, (_, index) => update(`s${index}`, 'STEP', 'SUCCEED'));

  it('an execution has 3,000 operations, itself included', () => {
    const state = stateAfter(...steps(2998));
    const last = update('last', 'STEP', 'START');
    expect(() => validateUpdates(state, [last], QUOTAS)).not.toThrow();
    expect(() => validateUpdates(state, [last, update('more', 'WAIT', 'START')], QUOTAS)).toThrow(
      '3000 durable operations',
    );
  });

  it('a retry counts, in the same request and in the next', () => {
    const quotas = { ...QUOTAS, operationsMax: 2 };
    const [start, again] = [update('s', 'STEP', 'START'), update('s', 'STEP', 'RETRY', retry)];
    expect(() => validateUpdates(stateAfter(), [start], quotas)).not.toThrow();
    expect(() => validateUpdates(stateAfter(), [start, again], quotas)).toThrow('2 durable');
    expect(() => validateUpdates(stateAfter(start), [again], quotas)).toThrow('2 durable');
    expect(() =>
      validateUpdates(stateAfter(start), [update('s', 'STEP', 'SUCCEED')], quotas),
    ).not.toThrow();
  });

  it('payloads, errors and results of others count against the storage', () => {
    const state = stateAfter(update('a', 'STEP', 'SUCCEED', { Payload: '12345678' })); // and {}
    const quotas = { ...QUOTAS, payloadBytesMax: 14 };
    const next = (Payload: string) => [update('b', 'STEP', 'SUCCEED', { Payload })];
    expect(() => validateUpdates(state, next('éé'), quotas)).not.toThrow();
    expect(() => validateUpdates(state, next('ééx'), quotas)).toThrow('14 bytes');
    const failure = [update('b', 'STEP', 'FAIL', { Error: { ErrorType: 'x' } })];
    expect(() => validateUpdates(state, failure, quotas)).toThrow('14 bytes');
  });
});
