/**
 * The state of one execution is the fold of its log: a running engine and one that starts again go
 * through `applyRecord` alike, so both see the same. Pure: times come with the records.
 */
import type {
  ErrorObject,
  ExecutionStatus,
  Operation,
  OperationStatus,
  OperationUpdate,
  Outcome,
} from './protocol.ts';

/** An execution without its operations. */
export interface ExecutionSummary extends Outcome {
  arn: string;
  id: string;
  name: string;
  functionName: string;
  status: ExecutionStatus;
  input: string;
  startedAtMs: number;
  endedAtMs?: number;
  timeoutSeconds: number;
  retentionDays: number;
  /** The execution whose chained invoke started this one. */
  parentArn?: string;
}

export type LogRecord =
  | { type: 'started'; atMs: number; execution: ExecutionSummary }
  | { type: 'updated'; atMs: number; updates: OperationUpdate[] }
  | ({ type: 'changed'; atMs: number; operationId: string; status: OperationStatus } & Outcome)
  | { type: 'heartbeat'; atMs: number; operationId: string }
  | {
      type: 'invoked';
      atMs: number;
      endedAtMs: number;
      requestId: string;
      error?: ErrorObject | undefined;
    }
  | ({ type: 'closed'; atMs: number; status: ExecutionStatus } & Outcome);

export interface StoredOperation {
  operation: Operation;
  /** The update that began the operation: its options and its input. */
  origin: OperationUpdate;
  heartbeatAtMs?: number;
}

export interface ExecutionState {
  summary: ExecutionSummary;
  /** In the order of their start; the execution's own operation comes first. */
  operations: Map<string, StoredOperation>;
  /** As Lambda meters them: the execution, each operation, each retry of a step. */
  operationCount: number;
  payloadBytes: number;
}

/** Begins the fold. Only the first record of a log is of the type `started`. */
export function startState(record: LogRecord & { type: 'started' }): ExecutionState {
  const summary = { ...record.execution };
  const origin: OperationUpdate = { Id: summary.id, Type: 'EXECUTION', Action: 'START' };
  const operation: Operation = {
    Id: summary.id,
    Type: 'EXECUTION',
    Status: 'STARTED',
    StartTimestamp: isoTime(record.atMs),
    ExecutionDetails: { InputPayload: summary.input },
  };
  return {
    summary,
    operations: new Map([[summary.id, { operation, origin }]]),
    operationCount: 1,
    payloadBytes: Buffer.byteLength(summary.input),
  };
}

/** Adds one record to the state, in place. The record has been validated before. */
export function applyRecord(state: ExecutionState, record: LogRecord): void {
  switch (record.type) {
    case 'started':
      throw new Error('an execution starts once');
    case 'updated':
      for (const update of record.updates) applyUpdate(state, update, record.atMs);
      break;
    case 'changed':
      applyChange(state, record);
      break;
    case 'heartbeat': {
      const stored = state.operations.get(record.operationId);
      if (stored) stored.heartbeatAtMs = record.atMs;
      break;
    }
    case 'invoked':
      break;
    case 'closed':
      closeSummary(state, record.status, record, record.atMs);
  }
}

/**
 * The operations that a function needs for its replay: all but those inside a finished child
 * context that does not replay its children.
 */
export function visibleOperations(state: ExecutionState): Operation[] {
  const hidden = new Set<string>();
  const visible: Operation[] = [];
  for (const { operation } of state.operations.values()) {
    const parent = operation.ParentId && state.operations.get(operation.ParentId)?.operation;
    const folded =
      parent &&
      (hidden.has(parent.Id) ||
        (['SUCCEEDED', 'FAILED'].includes(parent.Status) &&
          !parent.ContextDetails?.ReplayChildren));
    if (folded) hidden.add(operation.Id);
    else visible.push(operation);
  }
  return visible;
}

/** What an update stores, in bytes, against the quota of an execution. */
export const storedBytes = ({ Payload, Error: error }: OperationUpdate): number =>
  Buffer.byteLength(Payload ?? '') + (error ? Buffer.byteLength(JSON.stringify(error)) : 0);

/** How many metered operations an update adds. */
export const meteredOperations = (state: ExecutionState, update: OperationUpdate): number =>
  update.Type !== 'EXECUTION' && (update.Action === 'RETRY' || !state.operations.has(update.Id))
    ? 1
    : 0;

export const isoTime = (atMs: number): string => new Date(atMs).toISOString();

function applyUpdate(state: ExecutionState, update: OperationUpdate, atMs: number): void {
  state.payloadBytes += storedBytes(update);
  state.operationCount += meteredOperations(state, update);
  if (update.Type === 'EXECUTION') {
    const status = update.Action === 'SUCCEED' ? 'SUCCEEDED' : 'FAILED';
    closeSummary(state, status, { Result: update.Payload, Error: update.Error }, atMs);
    return;
  }
  const previous = state.operations.get(update.Id);
  const operation: Operation = {
    ...(previous?.operation ?? beginning(update, atMs)),
    Status: STATUS_AFTER[update.Action],
    ...(['SUCCEED', 'FAIL', 'CANCEL'].includes(update.Action) && { EndTimestamp: isoTime(atMs) }),
  };
  state.operations.set(update.Id, { ...(previous ?? { origin: update }), operation });
  addDetails(state.summary.id, operation, update, atMs);
}

const STATUS_AFTER = {
  START: 'STARTED',
  RETRY: 'PENDING',
  SUCCEED: 'SUCCEEDED',
  FAIL: 'FAILED',
  CANCEL: 'CANCELLED',
} as const satisfies Record<OperationUpdate['Action'], OperationStatus>;

const beginning = (update: OperationUpdate, atMs: number): Operation => ({
  Id: update.Id,
  ParentId: update.ParentId,
  Name: update.Name,
  Type: update.Type,
  SubType: update.SubType,
  Status: 'STARTED',
  StartTimestamp: isoTime(atMs),
});

function addDetails(
  executionId: string,
  operation: Operation,
  update: OperationUpdate,
  atMs: number,
): void {
  const outcome: Outcome = { Result: update.Payload, Error: update.Error };
  const inMs = (delaySeconds = 1): string => isoTime(atMs + delaySeconds * 1000);
  switch (update.Type) {
    case 'STEP':
      operation.StepDetails = stepDetails(operation, update, outcome, inMs);
      break;
    case 'CONTEXT': {
      const ReplayChildren =
        update.ContextOptions?.ReplayChildren ?? operation.ContextDetails?.ReplayChildren;
      operation.ContextDetails = { ReplayChildren, ...outcome };
      break;
    }
    case 'WAIT':
      if (update.Action === 'START')
        operation.WaitDetails = { ScheduledEndTimestamp: inMs(update.WaitOptions?.WaitSeconds) };
      break;
    case 'CALLBACK':
      if (update.Action === 'START')
        operation.CallbackDetails = { CallbackId: callbackId(executionId, update.Id) };
      break;
    case 'CHAINED_INVOKE':
    case 'EXECUTION':
  }
}

/** A new attempt keeps what the last one left: a condition that is polled hands its state on so. */
function stepDetails(
  operation: Operation,
  update: OperationUpdate,
  outcome: Outcome,
  inMs: (delaySeconds?: number) => string,
): NonNullable<Operation['StepDetails']> {
  const before = operation.StepDetails ?? { Attempt: 0 };
  if (update.Action === 'START') return before;
  const ended = { Attempt: before.Attempt + 1, ...outcome };
  return update.Action === 'RETRY'
    ? { ...ended, NextAttemptTimestamp: inMs(update.StepOptions?.NextAttemptDelaySeconds) }
    : ended;
}

function applyChange(state: ExecutionState, change: LogRecord & { type: 'changed' }): void {
  const stored = state.operations.get(change.operationId);
  if (!stored) return;
  const outcome: Outcome = { Result: change.Result, Error: change.Error };
  const operation: Operation = { ...stored.operation, Status: change.status };
  if (change.status !== 'READY') operation.EndTimestamp = isoTime(change.atMs);
  if (operation.CallbackDetails)
    operation.CallbackDetails = { ...operation.CallbackDetails, ...outcome };
  if (operation.Type === 'CHAINED_INVOKE') operation.ChainedInvokeDetails = outcome;
  state.payloadBytes += Buffer.byteLength(change.Result ?? '');
  stored.operation = operation;
}

function closeSummary(
  { summary }: ExecutionState,
  status: ExecutionStatus,
  { Result, Error: error }: Outcome,
  atMs: number,
): void {
  Object.assign(summary, { status, Result, Error: error, endedAtMs: atMs });
}

/** Opaque to callers; names the execution and the operation, so no index of callbacks is kept. */
export const callbackId = (executionId: string, operationId: string): string =>
  Buffer.from(`${executionId}:${operationId}`).toString('base64url');

/** The execution and operation ids in a callback id, or `undefined` for text of another shape. */
export function parseCallbackId(text: string): { id: string; operationId: string } | undefined {
  const [id, operationId, rest] = Buffer.from(text, 'base64url').toString().split(':');
  return id && operationId && rest === undefined ? { id, operationId } : undefined;
}
