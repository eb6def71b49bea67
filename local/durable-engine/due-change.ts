import type { StoredOperation } from './execution-state.ts';
import type { OperationStatus, Outcome } from './protocol.ts';

type DueChange = { atMs: number; change: Outcome & { status: OperationStatus } };

/** The change that time alone brings to an operation, or `undefined` when there is none. */
export function dueChange(stored: StoredOperation): DueChange | undefined {
  const { Type, Status, WaitDetails, StepDetails } = stored.operation;
  if (Type === 'WAIT' && Status === 'STARTED' && WaitDetails)
    return {
      atMs: Date.parse(WaitDetails.ScheduledEndTimestamp),
      change: { status: 'SUCCEEDED' },
    };
  if (Type === 'STEP' && Status === 'PENDING' && StepDetails?.NextAttemptTimestamp)
    return { atMs: Date.parse(StepDetails.NextAttemptTimestamp), change: { status: 'READY' } };
  if (Type === 'CALLBACK' && Status === 'STARTED') return callbackTimeout(stored);
  return undefined;
}

function callbackTimeout({
  operation,
  origin,
  heartbeatAtMs,
}: StoredOperation): DueChange | undefined {
  const { TimeoutSeconds, HeartbeatTimeoutSeconds } = origin.CallbackOptions ?? {};
  const startedAtMs = Date.parse(operation.StartTimestamp);
  const endsAtMs = TimeoutSeconds ? startedAtMs + TimeoutSeconds * 1000 : Infinity;
  const heartbeatEndsAtMs = HeartbeatTimeoutSeconds
    ? (heartbeatAtMs ?? startedAtMs) + HeartbeatTimeoutSeconds * 1000
    : Infinity;
  const atMs = Math.min(endsAtMs, heartbeatEndsAtMs);
  if (atMs === Infinity) return undefined;
  const ErrorMessage =
    heartbeatEndsAtMs < endsAtMs ? 'Callback timed out on heartbeat' : 'Callback timed out';
  return {
    atMs,
    change: { status: 'TIMED_OUT', Error: { ErrorType: 'Callback.Timeout', ErrorMessage } },
  };
}
