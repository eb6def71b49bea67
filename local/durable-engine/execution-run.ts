/**
 * One running execution: its invocations, its timers and its token.
 *
 * At most one invocation runs at a time. It holds the only valid token, and each checkpoint renews
 * it, so an invocation that was given up can change nothing. Nothing is acknowledged before it is
 * durable.
 */
import { type ChainedInvokeWorld, runChainedInvoke } from './chained-invoke.ts';
import { dueChange } from './due-change.ts';
import {
  applyRecord,
  type ExecutionSummary,
  type LogRecord,
  type StoredOperation,
  visibleOperations,
} from './execution-state.ts';
import type { OpenExecution } from './execution-store.ts';
import { functionErrorOf } from './function-host.ts';
import { LambdaError, staleToken, toErrorObject } from './lambda-error.ts';
import { firstPage, type PageLimits, pageFrom } from './operation-pages.ts';
import {
  type CheckpointAnswer,
  type CheckpointRequest,
  type ErrorObject,
  type ExecutionStatus,
  hasEnded,
  type InvocationInput,
  invocationOutput,
  type OperationStatus,
  type OperationsPage,
  type Outcome,
} from './protocol.ts';
import { type Quotas, validateUpdates } from './validate-updates.ts';

export interface RunWorld extends ChainedInvokeWorld {
  quotas: Quotas;
  pages: PageLimits;
  retryFirstPauseMs: number;
  newId: () => string;
  /** Reads the execution from the disk again. */
  reopen: (id: string) => Promise<OpenExecution>;
  /** Told once, when the end is durable. */
  ended: (run: ExecutionRun) => void;
  warn: (text: string) => void;
}

const RETRY_PAUSE_MAX_MS = 60_000;
const RECOVERY_PAUSE_MS = 5_000;
/** Lambda's longest; for a function that is no longer in the configuration. */
const TIMEOUT_MAX_SECONDS = 900;

export class ExecutionRun {
  readonly #world: RunWorld;
  readonly #end = Promise.withResolvers<ExecutionSummary>();
  readonly #timers = new Map<string, () => void>();
  /** Changed without the function's doing and not yet told to it. */
  readonly #untold = new Set<string>();
  /** Chained invokes whose target runs. */
  readonly #chained = new Set<string>();
  #open: OpenExecution;
  #token: string | undefined;
  #lastAnswer: { clientToken: string; answer: Promise<CheckpointAnswer> } | undefined;
  #lastAnswerToldChanges = false;
  #invoking = false;
  #pausing = false;
  #recovering = false;
  #failures = 0;
  #halted = false;

  constructor(world: RunWorld, opened: OpenExecution) {
    this.#world = world;
    this.#open = opened;
  }

  get summary(): ExecutionSummary {
    return this.#open.state.summary;
  }

  /** Resolves when the execution has ended and its end is durable. */
  get ended(): Promise<ExecutionSummary> {
    return this.#end.promise;
  }

  /** Starts or goes on: arms what is pending and invokes the function. */
  resume(): void {
    const { startedAtMs, timeoutSeconds } = this.summary;
    this.#arm('execution', startedAtMs + timeoutSeconds * 1000, () => this.#close('TIMED_OUT', {}));
    for (const stored of this.#open.state.operations.values()) this.#pursue(stored);
    this.#drive();
  }

  /** `CheckpointDurableExecution`. The same client token gets the same answer again. */
  checkpoint(request: CheckpointRequest): Promise<CheckpointAnswer> {
    const { ClientToken } = request;
    if (ClientToken && this.#lastAnswer?.clientToken === ClientToken)
      return this.#lastAnswer.answer;
    const answer = this.#checkpoint(request);
    if (ClientToken) this.#lastAnswer = { clientToken: ClientToken, answer };
    return answer;
  }

  /** `GetDurableExecutionState`: a further page of what the invocation began with. */
  page(token: string, marker: string, itemsMax: number): OperationsPage {
    this.#requireToken(token);
    return pageFrom(visibleOperations(this.#open.state), marker, itemsMax, this.#world.pages);
  }

  /** Ends a callback from outside; durable when it resolves. */
  async completeCallback(
    operationId: string,
    change: Outcome & { status: OperationStatus },
  ): Promise<void> {
    this.#requireCallback(operationId);
    await this.#change(operationId, change);
  }

  async heartbeat(operationId: string): Promise<void> {
    const stored = this.#requireCallback(operationId);
    await this.#record({ type: 'heartbeat', atMs: this.#world.clock.now(), operationId });
    this.#pursue(stored);
  }

  /** Ends the execution from outside. The running invocation learns it at its next checkpoint. */
  async stop(error: ErrorObject | undefined): Promise<void> {
    await this.#close('STOPPED', { Error: error });
  }

  /** Lets go of the execution without ending it: the engine stops. */
  async halt(): Promise<void> {
    this.#halted = true;
    this.#token = undefined;
    this.#disarm();
    await this.#open.log.close();
  }

  get #over(): boolean {
    return this.#halted || this.summary.status !== 'RUNNING';
  }

  async #checkpoint({
    CheckpointToken,
    Updates = [],
  }: CheckpointRequest): Promise<CheckpointAnswer> {
    this.#requireToken(CheckpointToken);
    validateUpdates(this.#open.state, Updates, this.#world.quotas);
    const token = this.#world.newId();
    this.#token = token;
    const { operations } = this.#open.state;
    const durable =
      Updates.length > 0
        ? this.#record({ type: 'updated', atMs: this.#world.clock.now(), updates: Updates })
        : undefined;
    const told = this.#takeUntold();
    this.#lastAnswerToldChanges = told.length > 0;
    const ids = new Set([...Updates.map(({ Id }) => Id), ...told]);
    const Operations = [...ids].flatMap((id) => operations.get(id)?.operation ?? []);
    await durable;
    for (const { Id } of Updates) {
      const stored = operations.get(Id);
      if (stored) this.#pursue(stored);
    }
    if (Updates.at(-1)?.Type === 'EXECUTION') this.#finish();
    return { CheckpointToken: token, NewExecutionState: { Operations } };
  }

  #requireToken(token: string): void {
    const { status } = this.summary;
    if (status !== 'RUNNING') throw staleToken(`the execution is ${status}.`);
    if (this.#halted) throw new LambdaError('ServiceException', 'The engine is stopping.');
    if (token !== this.#token) throw staleToken('it is not the latest of this execution.');
  }

  #requireCallback(operationId: string): StoredOperation {
    const stored = this.#open.state.operations.get(operationId);
    if (stored?.operation.Type !== 'CALLBACK')
      throw new LambdaError('ResourceNotFoundException', 'There is no such callback.');
    if (this.#over || hasEnded(stored.operation))
      throw new LambdaError('CallbackTimeoutException', 'The callback is closed.');
    return stored;
  }

  #takeUntold(): string[] {
    const ids = [...this.#untold];
    this.#untold.clear();
    return ids;
  }

  /** Applies a record and makes it durable. After a failed write the disk alone says what holds. */
  async #record(record: LogRecord): Promise<void> {
    const { log, state } = this.#open;
    applyRecord(state, record);
    try {
      await log.append(record);
    } catch (error) {
      this.#recover(error);
      throw new LambdaError('ServiceException', 'The execution could not be saved.', {
        cause: error,
      });
    }
  }

  /** Waits for what an operation needs from outside: a point in time, or another function. */
  #pursue(stored: StoredOperation): void {
    if (this.#over) return;
    const { Id, Type, Status } = stored.operation;
    const due = dueChange(stored);
    if (due) this.#arm(Id, due.atMs, () => this.#change(Id, due.change));
    else this.#cancel(Id);
    if (Type === 'CHAINED_INVOKE' && Status === 'STARTED' && !this.#chained.has(Id))
      void this.#chain(stored);
  }

  async #chain(stored: StoredOperation): Promise<void> {
    const { Id } = stored.operation;
    this.#chained.add(Id);
    const outcome = await runChainedInvoke(this.#world, this.summary.arn, stored);
    this.#chained.delete(Id);
    await this.#change(Id, outcome).catch(() => undefined); // recovery runs then
  }

  async #change(operationId: string, change: Outcome & { status: OperationStatus }): Promise<void> {
    const stored = this.#open.state.operations.get(operationId);
    if (this.#over || !stored || hasEnded(stored.operation)) return;
    this.#cancel(operationId);
    this.#untold.add(operationId);
    const atMs = this.#world.clock.now();
    await this.#record({ type: 'changed', atMs, operationId, ...change });
    this.#drive();
  }

  /** Invokes the function unless it runs: a running one hears of changes at its next checkpoint. */
  #drive(): void {
    if (this.#invoking || this.#pausing || this.#recovering || this.#over) return;
    this.#invoking = true;
    void this.#invokeWhileDue();
  }

  async #invokeWhileDue(): Promise<void> {
    for (let due = true; due; ) due = await this.#invoke();
    this.#invoking = false;
    if (this.#untold.size > 0) this.#drive();
  }

  /** One invocation. Resolves to true when another one is due at once; never rejects. */
  async #invoke(): Promise<boolean> {
    const { clock, host, functions, newId } = this.#world;
    const { functionName } = this.summary;
    const [atMs, requestId, input] = [clock.now(), newId(), this.#invocationInput()];
    const timeoutSeconds = functions.get(functionName)?.timeoutSeconds ?? TIMEOUT_MAX_SECONDS;
    try {
      const answer = await host.invoke(functionName, JSON.stringify(input), timeoutSeconds).then(
        (value) => ({ ...value, error: value.functionError ? functionErrorOf(value) : undefined }),
        (cause: unknown) => ({ payload: '', error: toErrorObject(cause) }),
      );
      this.#token = undefined;
      if (this.#over) return false;
      const { error } = answer;
      const noted = this.#record({
        type: 'invoked',
        atMs,
        endedAtMs: clock.now(),
        requestId,
        error,
      });
      noted.catch(() => undefined); // recovery runs then
      if (error) this.#retryLater(error);
      else this.#failures = 0;
      return error ? false : await this.#conclude(answer.payload);
    } catch {
      return false; // the log could not be written: recovery runs
    }
  }

  #invocationInput(): InvocationInput {
    const token = this.#world.newId();
    this.#token = token;
    this.#lastAnswerToldChanges = false;
    return {
      DurableExecutionArn: this.summary.arn,
      CheckpointToken: token,
      UpdatedOperationIds: this.#takeUntold(),
      InitialExecutionState: firstPage(visibleOperations(this.#open.state), this.#world.pages),
    };
  }

  /** Acts on what an invocation returned; true when the function must be invoked again. */
  async #conclude(payload: string): Promise<boolean> {
    const output = invocationOutput.safeParse(parseJson(payload));
    if (!output.success) {
      const ErrorMessage = 'Invalid Status in invocation output. Is the function durable?';
      await this.#close('FAILED', { Error: { ErrorType: 'InvalidOutput', ErrorMessage } });
      return false;
    }
    const { Status, Result, Error: error } = output.data;
    if (Status !== 'PENDING') {
      await this.#close(Status, { Result, Error: error });
      return false;
    }
    if (this.#untold.size === 0 && !this.#lastAnswerToldChanges && !this.#isPending()) {
      const ErrorMessage = 'Cannot return PENDING status with no pending operations.';
      const ErrorType = 'InvalidParameterValueException';
      await this.#close('FAILED', { Error: { ErrorType, ErrorMessage } });
    }
    // The function may have decided to suspend before it read the changes in the last answer.
    return this.#lastAnswerToldChanges;
  }

  #isPending(): boolean {
    return [...this.#open.state.operations.values()].some(
      ({ operation: { Type, Status } }) =>
        Status === 'PENDING' ||
        (Status === 'STARTED' && ['WAIT', 'CALLBACK', 'CHAINED_INVOKE'].includes(Type)),
    );
  }

  /** The function died, timed out or lost its checkpoint: again and again until the time-out. */
  #retryLater(error: ErrorObject): void {
    const { clock, retryFirstPauseMs, warn } = this.#world;
    const pauseMs = Math.min(retryFirstPauseMs * 2 ** this.#failures, RETRY_PAUSE_MAX_MS);
    this.#failures += 1;
    this.#pausing = true;
    warn(`${this.summary.name}: ${error.ErrorType}: ${error.ErrorMessage}; again in ${pauseMs} ms`);
    this.#arm('retry', clock.now() + pauseMs, () => {
      this.#pausing = false;
      this.#drive();
    });
  }

  async #close(status: ExecutionStatus, outcome: Outcome): Promise<void> {
    if (this.#over) return;
    await this.#record({ type: 'closed', atMs: this.#world.clock.now(), status, ...outcome });
    this.#finish();
  }

  #finish(): void {
    this.#token = undefined;
    this.#disarm();
    this.#end.resolve(this.summary);
    this.#world.ended(this);
  }

  /** Forgets what memory says and reads the log again, as after a crash. */
  #recover(error: unknown): void {
    if (this.#recovering || this.#halted) return;
    this.#recovering = true;
    this.#token = undefined;
    this.#disarm();
    const { ErrorMessage } = toErrorObject(error);
    this.#world.warn(`${this.summary.name}: the log cannot be written: ${ErrorMessage}`);
    this.#arm('recover', this.#world.clock.now() + RECOVERY_PAUSE_MS, () => this.#reopen());
  }

  async #reopen(): Promise<void> {
    this.#recovering = false;
    try {
      const opened = await this.#world.reopen(this.summary.id);
      await this.#open.log.close();
      this.#open = opened;
    } catch (error) {
      this.#recover(error);
      return;
    }
    this.#untold.clear();
    this.#pausing = false;
    if (this.summary.status === 'RUNNING') this.resume();
    else this.#finish();
  }

  #arm(key: string, atMs: number, task: () => void | Promise<void>): void {
    this.#cancel(key);
    const cancel = this.#world.clock.schedule(atMs, () => {
      this.#timers.delete(key);
      void Promise.resolve(task()).catch(() => undefined); // a failed write starts the recovery
    });
    this.#timers.set(key, cancel);
  }

  #cancel(key: string): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
  }

  #disarm(): void {
    for (const key of this.#timers.keys()) this.#cancel(key);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
