/**
 * The rules a checkpoint must keep, as the service states them: one update of the execution itself
 * at most and last; parents are contexts that exist; each operation goes through its own states.
 */
import { type ExecutionState, meteredOperations, storedBytes } from './execution-state.ts';
import { invalid } from './lambda-error.ts';
import type { OperationStatus, OperationUpdate } from './protocol.ts';

/** Lambda's hard quotas of one execution, and of one payload and one error in a checkpoint. */
export const QUOTAS = {
  operationsMax: 3000,
  payloadBytesMax: 100 * 1024 * 1024,
  updatePayloadBytesMax: 256 * 1024,
  errorBytesMax: 32 * 1024,
};
export type Quotas = typeof QUOTAS;

/**
 * Refuses the whole checkpoint when one update breaks a rule.
 * @throws LambdaError `InvalidParameterValueException`
 */
export function validateUpdates(
  state: ExecutionState,
  updates: OperationUpdate[],
  quotas: Quotas,
): void {
  const execution = updates.findIndex(({ Type }) => Type === 'EXECUTION');
  if (execution !== -1 && execution !== updates.length - 1)
    throw invalid('EXECUTION checkpoint must be the last update.');
  const earlier = new Map<string, OperationUpdate>();
  for (const update of updates) {
    requireParent(state, earlier, update);
    requireSizes(update, quotas);
    requireTransition(state, earlier.get(update.Id), update);
    earlier.set(update.Id, update);
  }
  requireQuotas(state, updates, quotas);
}

function requireParent(
  state: ExecutionState,
  earlier: Map<string, OperationUpdate>,
  { ParentId }: OperationUpdate,
): void {
  if (ParentId === undefined) return;
  const parent = earlier.get(ParentId) ?? state.operations.get(ParentId)?.operation;
  if (parent?.Type !== 'CONTEXT') throw invalid('Invalid parent operation id.');
}

function requireSizes(update: OperationUpdate, quotas: Quotas): void {
  const errorBytes = update.Error ? Buffer.byteLength(JSON.stringify(update.Error)) : 0;
  if (errorBytes > quotas.errorBytesMax)
    throw invalid(`Error object size must be less than ${quotas.errorBytesMax} bytes.`);
  // A result too large for the answer of an invocation comes as an update of the execution.
  if (
    update.Type !== 'EXECUTION' &&
    Buffer.byteLength(update.Payload ?? '') > quotas.updatePayloadBytesMax
  )
    throw invalid(`Payload size must be at most ${quotas.updatePayloadBytesMax} bytes.`);
}

type Origin = OperationStatus | 'new';

/** Operation type -> action -> the states from which it may come. `new`: not there before. */
const TRANSITIONS: Record<
  OperationUpdate['Type'],
  Partial<Record<OperationUpdate['Action'], readonly Origin[]>>
> = {
  EXECUTION: { SUCCEED: ['new'], FAIL: ['new'] },
  CONTEXT: { START: ['new'], SUCCEED: ['new', 'STARTED'], FAIL: ['new', 'STARTED'] },
  STEP: {
    START: ['new', 'READY'],
    SUCCEED: ['new', 'STARTED', 'READY'],
    FAIL: ['new', 'STARTED', 'READY'],
    RETRY: ['new', 'STARTED', 'READY'],
  },
  WAIT: { START: ['new'], CANCEL: ['STARTED'] },
  CALLBACK: { START: ['new'], CANCEL: ['STARTED'] },
  CHAINED_INVOKE: { START: ['new'], CANCEL: ['STARTED'] },
};

function requireTransition(
  state: ExecutionState,
  earlier: OperationUpdate | undefined,
  update: OperationUpdate,
): void {
  const { Type, Action } = update;
  const origins = TRANSITIONS[Type][Action];
  if (!origins) throw invalid('Invalid action for the given operation type.');
  const startsHere = earlier?.Action === 'START' && (Type === 'STEP' || Type === 'CONTEXT');
  if (earlier && !startsHere)
    throw invalid('Cannot update the same operation twice in a single request.');
  const before = earlier ? 'STARTED' : operationStatus(state, update);
  if (!origins.includes(before)) throw invalid(`Cannot ${Action} a ${Type} that is ${before}.`);
  if (Action === 'FAIL' && update.Payload !== undefined)
    throw invalid('Cannot provide a Payload for FAIL action.');
  if (Action === 'SUCCEED' && update.Error !== undefined)
    throw invalid('Cannot provide an Error for SUCCEED action.');
  if (Action === 'RETRY' && !update.StepOptions)
    throw invalid('Invalid StepOptions for the given action.');
  if (Action === 'RETRY' && update.Error && update.Payload !== undefined)
    throw invalid('Cannot provide both error and payload to RETRY a STEP.');
  if (Type === 'CHAINED_INVOKE' && Action === 'START' && !update.ChainedInvokeOptions)
    throw invalid('A CHAINED_INVOKE needs ChainedInvokeOptions.');
}

/** An update of the execution names an id of its own; it means the execution, whatever the id. */
function operationStatus(state: ExecutionState, update: OperationUpdate): Origin {
  if (update.Type === 'EXECUTION') return 'new';
  const known = state.operations.get(update.Id)?.operation;
  if (known && known.Type !== update.Type)
    throw invalid(`Operation ${update.Id} is a ${known.Type}, not a ${update.Type}.`);
  return known?.Status ?? 'new';
}

function requireQuotas(state: ExecutionState, updates: OperationUpdate[], quotas: Quotas): void {
  const started = new Set<string>();
  let operationCount = state.operationCount;
  let payloadBytes = state.payloadBytes;
  for (const update of updates) {
    if (!started.has(update.Id)) operationCount += meteredOperations(state, update);
    else if (update.Action === 'RETRY') operationCount += 1;
    started.add(update.Id);
    payloadBytes += storedBytes(update);
  }
  if (operationCount > quotas.operationsMax)
    throw invalid(`Exceeded the quota of ${quotas.operationsMax} durable operations.`);
  if (payloadBytes > quotas.payloadBytesMax)
    throw invalid(`Exceeded the quota of ${quotas.payloadBytesMax} bytes of durable storage.`);
}
