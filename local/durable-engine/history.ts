/**
 * The history of an execution as `GetDurableExecutionHistory` gives it: a view of the records of
 * its log. Timestamps are epoch seconds, as in the API's JSON.
 */
import { callbackId, type LogRecord } from './execution-state.ts';
import type { ErrorObject, OperationUpdate, Outcome } from './protocol.ts';

export interface HistoryEvent {
  EventId: number;
  EventType: string;
  EventTimestamp: number;
  Id?: string | undefined;
  Name?: string | undefined;
  ParentId?: string | undefined;
  SubType?: string | undefined;
  /** `StepStartedDetails` for the type `StepStarted`, and so on. */
  [details: string]: unknown;
}

/** All events of a log, oldest first, numbered from 1. */
export function historyEvents(records: LogRecord[]): HistoryEvent[] {
  const fold = new HistoryFold();
  for (const record of records) fold.add(record);
  return fold.events;
}

class HistoryFold {
  readonly events: HistoryEvent[] = [];
  readonly #origins = new Map<string, OperationUpdate>();
  readonly #attempts = new Map<string, number>();
  #executionId = '';

  add(record: LogRecord): void {
    const { atMs } = record;
    switch (record.type) {
      case 'started': {
        const { input, timeoutSeconds, id } = record.execution;
        this.#executionId = id;
        const details = { Input: { Payload: input }, ExecutionTimeout: timeoutSeconds };
        this.#push(atMs, 'ExecutionStarted', details, { Id: id });
        break;
      }
      case 'updated':
        for (const update of record.updates) this.#addUpdate(atMs, update);
        break;
      case 'changed': {
        const origin = this.#origins.get(record.operationId);
        if (!origin || record.status === 'READY') break; // a step that becomes ready is no event
        const type = `${TYPE_NAMES[origin.Type]}${STATUS_NAMES[record.status]}`;
        this.#push(atMs, type, origin.Type === 'WAIT' ? waited(origin) : outcomeOf(record), origin);
        break;
      }
      case 'invoked':
        this.#push(record.endedAtMs, 'InvocationCompleted', {
          StartTimestamp: atMs / 1000,
          EndTimestamp: record.endedAtMs / 1000,
          RequestId: record.requestId,
          ...outcomeOf({ Error: record.error }),
        });
        break;
      case 'closed': {
        const type = `Execution${STATUS_NAMES[record.status]}`;
        this.#push(atMs, type, outcomeOf(record), { Id: this.#executionId });
        break;
      }
      case 'heartbeat':
    }
  }

  #addUpdate(atMs: number, update: OperationUpdate): void {
    const { Id, Type, Action } = update;
    if (Type === 'EXECUTION') {
      const type = Action === 'SUCCEED' ? 'ExecutionSucceeded' : 'ExecutionFailed';
      this.#push(atMs, type, outcomeOf(fromUpdate(update)), { Id: this.#executionId });
      return;
    }
    const origin = this.#origins.get(Id) ?? update;
    this.#origins.set(Id, origin);
    const attempt = (this.#attempts.get(Id) ?? 0) + (Action === 'START' ? 0 : 1);
    this.#attempts.set(Id, attempt);
    const { type, details } = describe(update, atMs, this.#executionId, attempt);
    this.#push(atMs, type, details, { ...origin, ...update });
  }

  #push(atMs: number, type: string, details: object, from: Partial<OperationUpdate> = {}): void {
    const { Id, Name, ParentId, SubType } = from;
    this.events.push({
      EventId: this.events.length + 1,
      EventType: type,
      EventTimestamp: atMs / 1000,
      Id,
      Name,
      ParentId,
      SubType,
      [`${type}Details`]: details,
    });
  }
}

/** The event without inputs, results and errors. */
export function withoutData(event: HistoryEvent): HistoryEvent {
  const drop = (key: string, value: unknown): unknown =>
    ['Input', 'Result', 'Error'].includes(key) ? {} : value;
  return JSON.parse(JSON.stringify(event, drop)) as HistoryEvent;
}

const TYPE_NAMES = {
  EXECUTION: 'Execution',
  CONTEXT: 'Context',
  STEP: 'Step',
  WAIT: 'Wait',
  CALLBACK: 'Callback',
  CHAINED_INVOKE: 'ChainedInvoke',
} as const;

const STATUS_NAMES = {
  STARTED: 'Started',
  RUNNING: 'Started',
  PENDING: 'Started',
  READY: 'Started',
  SUCCEEDED: 'Succeeded',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
  TIMED_OUT: 'TimedOut',
  STOPPED: 'Stopped',
} as const;

function describe(
  update: OperationUpdate,
  atMs: number,
  executionId: string,
  attempt: number,
): { type: string; details: object } {
  const { Type, Action, StepOptions } = update;
  const name = TYPE_NAMES[Type];
  if (Action === 'START')
    return { type: `${name}Started`, details: startDetails(update, atMs, executionId) };
  if (Action === 'CANCEL') return { type: `${name}Cancelled`, details: {} };
  // A condition that is polled again has not failed: it hands its state on as a result.
  const failed = Action === 'FAIL' || (Action === 'RETRY' && update.Error);
  const RetryDetails = {
    CurrentAttempt: attempt,
    NextAttemptDelaySeconds: StepOptions?.NextAttemptDelaySeconds,
  };
  return {
    type: `${name}${failed ? 'Failed' : 'Succeeded'}`,
    details: { ...outcomeOf(fromUpdate(update)), ...(Type === 'STEP' && { RetryDetails }) },
  };
}

function startDetails(update: OperationUpdate, atMs: number, executionId: string): object {
  const { Type, WaitOptions, CallbackOptions, ChainedInvokeOptions } = update;
  if (Type === 'WAIT') {
    const seconds = WaitOptions?.WaitSeconds ?? 1;
    return { Duration: seconds, ScheduledEndTimestamp: atMs / 1000 + seconds };
  }
  if (Type === 'CALLBACK')
    return {
      CallbackId: callbackId(executionId, update.Id),
      Timeout: CallbackOptions?.TimeoutSeconds,
      HeartbeatTimeout: CallbackOptions?.HeartbeatTimeoutSeconds,
    };
  if (Type === 'CHAINED_INVOKE')
    return {
      FunctionName: ChainedInvokeOptions?.FunctionName,
      Input: { Payload: update.Payload },
    };
  return {};
}

const waited = (origin: OperationUpdate): object => ({ Duration: origin.WaitOptions?.WaitSeconds });

const fromUpdate = ({ Payload, Error: error }: OperationUpdate): Outcome => ({
  Result: Payload,
  Error: error,
});

function outcomeOf({ Result, Error: error }: Outcome): {
  Result?: { Payload: string };
  Error?: { Payload: ErrorObject };
} {
  return {
    ...(Result !== undefined && { Result: { Payload: Result } }),
    ...(error && { Error: { Payload: error } }),
  };
}
