/**
 * The words of Lambda's durable-execution API (version 2025-12-01) as they travel in JSON. Field
 * names are the protocol's own. Timestamps of an operation are ISO-8601 text, as in an invocation
 * event; `wire.ts` turns them into epoch seconds for API answers.
 */
import * as z from 'zod';

const seconds = z.number().int().min(1).max(31_622_400); // the longest execution: 366 days

export const errorObject = z.object({
  ErrorMessage: z.string().optional(),
  ErrorType: z.string().optional(),
  ErrorData: z.string().optional(),
  StackTrace: z.array(z.string()).optional(),
});
export type ErrorObject = z.infer<typeof errorObject>;

const operationUpdate = z.object({
  Id: z.string().min(1).max(64),
  ParentId: z.string().min(1).max(64).optional(),
  Name: z.string().max(256).optional(),
  Type: z.enum(['EXECUTION', 'CONTEXT', 'STEP', 'WAIT', 'CALLBACK', 'CHAINED_INVOKE']),
  SubType: z.string().max(64).optional(),
  Action: z.enum(['START', 'SUCCEED', 'FAIL', 'RETRY', 'CANCEL']),
  Payload: z.string().optional(),
  Error: errorObject.optional(),
  ContextOptions: z.object({ ReplayChildren: z.boolean().optional() }).optional(),
  StepOptions: z.object({ NextAttemptDelaySeconds: seconds.optional() }).optional(),
  WaitOptions: z.object({ WaitSeconds: seconds.optional() }).optional(),
  CallbackOptions: z
    .object({
      TimeoutSeconds: z.number().int().min(0).max(31_622_400).optional(),
      HeartbeatTimeoutSeconds: z.number().int().min(0).max(31_622_400).optional(),
    })
    .optional(),
  ChainedInvokeOptions: z
    .object({ FunctionName: z.string().min(1).max(256), TenantId: z.string().optional() })
    .optional(),
});
/** One change that a running function asks for. */
export type OperationUpdate = z.infer<typeof operationUpdate>;

/** Body of `CheckpointDurableExecution`. */
export const checkpointRequest = z.object({
  CheckpointToken: z.string().min(1).max(2048),
  ClientToken: z.string().min(1).max(64).optional(),
  Updates: z.array(operationUpdate).max(1000).optional(),
});
export type CheckpointRequest = z.infer<typeof checkpointRequest>;

/** What a durable function returns to the service at the end of one invocation. */
export const invocationOutput = z.object({
  Status: z.enum(['SUCCEEDED', 'FAILED', 'PENDING']),
  Result: z.string().optional(),
  Error: errorObject.optional(),
});

export const EXECUTION_STATUSES = [
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'STOPPED',
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

export type OperationStatus =
  | 'STARTED'
  | 'PENDING'
  | 'READY'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'CANCELLED'
  | 'TIMED_OUT'
  | 'STOPPED';

export interface Operation {
  Id: string;
  ParentId?: string | undefined;
  Name?: string | undefined;
  Type: OperationUpdate['Type'];
  SubType?: string | undefined;
  Status: OperationStatus;
  StartTimestamp: string;
  EndTimestamp?: string;
  ExecutionDetails?: { InputPayload: string };
  ContextDetails?: Outcome & { ReplayChildren?: boolean | undefined };
  /** `Attempt` counts the attempts that have ended. */
  StepDetails?: Outcome & { Attempt: number; NextAttemptTimestamp?: string };
  WaitDetails?: { ScheduledEndTimestamp: string };
  CallbackDetails?: Outcome & { CallbackId: string };
  ChainedInvokeDetails?: Outcome;
}

export interface Outcome {
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
}

/** What a durable function is invoked with. */
export interface InvocationInput {
  DurableExecutionArn: string;
  CheckpointToken: string;
  /** Operations that changed since the last invocation without the function's doing. */
  UpdatedOperationIds: string[];
  InitialExecutionState: OperationsPage;
}

export interface OperationsPage {
  Operations: Operation[];
  NextMarker?: string;
}

export interface CheckpointAnswer {
  CheckpointToken: string;
  NewExecutionState: OperationsPage;
}

const ENDED: ReadonlySet<OperationStatus> = new Set([
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'TIMED_OUT',
  'STOPPED',
]);

/** True when the operation will never change again. */
export const hasEnded = (operation: Operation): boolean => ENDED.has(operation.Status);
