/**
 * The service side of Lambda's durable executions, for one machine: it keeps executions on disk,
 * invokes their functions, and goes on with all of them after a crash.
 */
import { type Clock, systemClock } from './clock.ts';
import { ExecutionRun, type RunWorld } from './execution-run.ts';
import { type ExecutionSummary, parseCallbackId } from './execution-state.ts';
import { ExecutionStore, hasExpired } from './execution-store.ts';
import { type FunctionHost, type LocalFunction, limitConcurrency } from './function-host.ts';
import { type HistoryEvent } from './history.ts';
import { invalid, LambdaError, staleToken, toErrorObject } from './lambda-error.ts';
import { PAGE_LIMITS, type PageLimits } from './operation-pages.ts';
import type {
  CheckpointAnswer,
  CheckpointRequest,
  ErrorObject,
  OperationsPage,
  Outcome,
} from './protocol.ts';
import { QUOTAS, type Quotas } from './validate-updates.ts';

export interface EngineOptions {
  folder: string;
  functions: LocalFunction[];
  host: FunctionHost;
  newId: () => string;
  warn: (text: string) => void;
  clock?: Clock;
  region?: string;
  quotas?: Quotas;
  pages?: PageLimits;
  /** The first pause after a failed invocation; each further one is twice as long, up to 60 s. */
  retryFirstPauseMs?: number;
}

export interface StartOptions {
  /** Makes the start idempotent; 1 to 64 of `[A-Za-z0-9-_]`. */
  name?: string | undefined;
  parentArn?: string;
}

const SWEEP_EVERY_MS = 3_600_000;
const ACCOUNT_ID = '000000000000';

export class DurableEngine {
  readonly functions: ReadonlyMap<string, LocalFunction>;
  /** Calls any function, within its limit of concurrency. */
  readonly host: FunctionHost;
  readonly clock: Clock;
  readonly warn: (text: string) => void;
  readonly #options: EngineOptions;
  readonly #store: ExecutionStore;
  readonly #running = new Map<string, ExecutionRun>();
  readonly #starting = new Map<string, Promise<ExecutionSummary>>();
  readonly #finished = new Map<string, ExecutionSummary>();
  /** `<function>/<execution name>` -> ARN. */
  readonly #names = new Map<string, string>();
  readonly #compactions = new Set<Promise<void>>();
  readonly #world: RunWorld;
  #cancelSweep: () => void = () => undefined;
  #closed = false;

  private constructor(options: EngineOptions, store: ExecutionStore) {
    this.#options = options;
    this.#store = store;
    this.clock = options.clock ?? systemClock;
    this.warn = options.warn;
    this.functions = new Map(options.functions.map((fn) => [fn.name, fn]));
    this.host = limitConcurrency(options.host, this.functions);
    this.#world = {
      clock: this.clock,
      host: this.host,
      functions: this.functions,
      quotas: options.quotas ?? QUOTAS,
      pages: options.pages ?? PAGE_LIMITS,
      retryFirstPauseMs: options.retryFirstPauseMs ?? 1000,
      newId: options.newId,
      warn: options.warn,
      reopen: (id) => store.reopen(id),
      ended: (run) => this.#onEnded(run),
      runChild: async (functionName, input, name, parentArn) => {
        const { arn } = await this.start(functionName, input, { name, parentArn });
        return this.wait(arn);
      },
    };
  }

  /** Reads the executions of a folder. Nothing runs before `resume`. */
  static async open(options: EngineOptions): Promise<DurableEngine> {
    const store = await ExecutionStore.open(options.folder);
    const engine = new DurableEngine(options, store);
    const { running, finished, damaged } = await store.load();
    for (const { file, reason } of damaged) options.warn(`${file} is left out: ${reason}`);
    for (const summary of finished) engine.#register(summary, engine.#finished, summary);
    for (const opened of running) {
      const run = new ExecutionRun(engine.#world, opened);
      engine.#register(run.summary, engine.#running, run);
    }
    return engine;
  }

  /** Goes on with every running execution, and forgets expired ones now and every hour. */
  async resume(): Promise<number> {
    const runs = [...this.#running.values()];
    for (const run of runs) run.resume();
    await this.#sweep();
    return runs.length;
  }

  /**
   * Starts an execution; it is durable when this resolves. The same name and input give the
   * execution that is there already.
   * @throws LambdaError `DurableExecutionAlreadyStartedException` for the name with another input
   */
  async start(
    functionName: string,
    input: string,
    { name = this.#options.newId(), parentArn }: StartOptions = {},
  ): Promise<ExecutionSummary> {
    if (this.#closed) throw new LambdaError('ServiceException', 'The engine is stopping.');
    if (!/^[A-Za-z0-9-_]{1,64}$/.test(name)) throw invalid('Invalid durable execution name.');
    const durable = this.functions.get(functionName)?.durable;
    if (!durable)
      throw new LambdaError('ResourceNotFoundException', `Not a durable function: ${functionName}`);
    const key = `${functionName}/${name}`;
    const existing = this.#starting.get(key) ?? this.#names.get(key);
    if (existing) return sameInput(this.#known(await existing), input);
    const id = this.#options.newId();
    const region = this.#options.region ?? 'us-east-1';
    const execution: ExecutionSummary = {
      arn: `arn:aws:lambda:${region}:${ACCOUNT_ID}:function:${functionName}:$LATEST/durable-execution/${name}/${id}`,
      id,
      name,
      functionName,
      status: 'RUNNING',
      input,
      startedAtMs: this.clock.now(),
      timeoutSeconds: durable.executionTimeoutSeconds,
      retentionDays: durable.retentionDays,
      ...(parentArn && { parentArn }),
    };
    const starting = this.#create(execution).finally(() => this.#starting.delete(key));
    this.#starting.set(key, starting);
    return starting;
  }

  get(arn: string): ExecutionSummary {
    return this.#known(arn);
  }

  /** Executions of a function, oldest first. */
  list(functionName: string): ExecutionSummary[] {
    const running = [...this.#running.values()].map(({ summary }) => summary);
    return [...this.#finished.values(), ...running]
      .filter((summary) => summary.functionName === functionName)
      .toSorted((a, b) => a.startedAtMs - b.startedAtMs || (a.id < b.id ? -1 : 1));
  }

  history(arn: string): Promise<HistoryEvent[]> {
    return this.#store.history(this.#known(arn).id);
  }

  /** Resolves when the execution has ended. */
  async wait(arn: string): Promise<ExecutionSummary> {
    return this.#running.get(arn)?.ended ?? this.#known(arn);
  }

  /** Stops an execution; one that has ended stays as it is. Chained children go on. */
  async stop(arn: string, error?: ErrorObject): Promise<ExecutionSummary> {
    await this.#running.get(arn)?.stop(error);
    return this.#known(arn);
  }

  async checkpoint(arn: string, request: CheckpointRequest): Promise<CheckpointAnswer> {
    return this.#runOf(arn).checkpoint(request);
  }

  /** `itemsMax` operations at most, of those an invocation needs, from `marker` on. */
  state(arn: string, token: string, marker = '', itemsMax = 1000): OperationsPage {
    return this.#runOf(arn).page(token, marker, itemsMax);
  }

  async succeedCallback(callbackId: string, Result?: string): Promise<void> {
    await this.#completeCallback(callbackId, 'SUCCEEDED', { Result });
  }

  async failCallback(callbackId: string, error: ErrorObject): Promise<void> {
    await this.#completeCallback(callbackId, 'FAILED', { Error: error });
  }

  async heartbeatCallback(callbackId: string): Promise<void> {
    const { run, operationId } = this.#callback(callbackId);
    await run.heartbeat(operationId);
  }

  /** Stops without ending the executions: they go on at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelSweep();
    await Promise.allSettled(this.#starting.values());
    await Promise.allSettled([...this.#running.values()].map((run) => run.halt()));
    await Promise.allSettled(this.#compactions);
  }

  async #create(execution: ExecutionSummary): Promise<ExecutionSummary> {
    const run = new ExecutionRun(this.#world, await this.#store.create(execution));
    this.#register(run.summary, this.#running, run);
    if (!this.#closed) run.resume();
    return run.summary;
  }

  #register<T>(summary: ExecutionSummary, map: Map<string, T>, value: T): void {
    map.set(summary.arn, value);
    this.#names.set(`${summary.functionName}/${summary.name}`, summary.arn);
  }

  #known(execution: string | ExecutionSummary): ExecutionSummary {
    if (typeof execution !== 'string') return execution;
    const summary = this.#running.get(execution)?.summary ?? this.#finished.get(execution);
    if (!summary)
      throw new LambdaError('ResourceNotFoundException', `Execution not found: ${execution}`);
    return summary;
  }

  #runOf(arn: string): ExecutionRun {
    const run = this.#running.get(arn);
    if (!run) throw staleToken(`the execution is ${this.#known(arn).status}.`);
    return run;
  }

  async #completeCallback(
    callbackId: string,
    status: 'SUCCEEDED' | 'FAILED',
    outcome: Outcome,
  ): Promise<void> {
    const { run, operationId } = this.#callback(callbackId);
    await run.completeCallback(operationId, { status, ...outcome });
  }

  #callback(callbackId: string): { run: ExecutionRun; operationId: string } {
    const parsed = parseCallbackId(callbackId);
    const run = [...this.#running.values()].find(({ summary }) => summary.id === parsed?.id);
    if (parsed && run) return { run, operationId: parsed.operationId };
    if ([...this.#finished.values()].some(({ id }) => id === parsed?.id))
      throw new LambdaError('CallbackTimeoutException', 'The callback is closed.');
    throw new LambdaError('ResourceNotFoundException', 'There is no such callback.');
  }

  #onEnded(run: ExecutionRun): void {
    const { summary } = run;
    this.#finished.set(summary.arn, summary);
    this.#running.delete(summary.arn);
    const compaction = run
      .halt()
      .then(() => this.#store.compact(summary))
      // The log stays; the next start compacts it.
      .catch((error: unknown) => this.#options.warn(`${summary.name}: ${String(error)}`))
      .finally(() => this.#compactions.delete(compaction));
    this.#compactions.add(compaction);
  }

  /** A child is kept as long as its parent runs: the parent may ask for its outcome again. */
  async #sweep(): Promise<void> {
    const nowMs = this.clock.now();
    for (const [arn, summary] of this.#finished) {
      const parentRuns = summary.parentArn && this.#running.has(summary.parentArn);
      if (!hasExpired(summary, nowMs) || parentRuns) continue;
      this.#finished.delete(arn);
      this.#names.delete(`${summary.functionName}/${summary.name}`);
      await this.#store.remove(summary.id).catch((error: unknown) => {
        this.#options.warn(`${summary.name}: ${toErrorObject(error).ErrorMessage}`);
      });
    }
    if (this.#closed) return;
    this.#cancelSweep = this.clock.schedule(nowMs + SWEEP_EVERY_MS, () => void this.#sweep());
  }
}

function sameInput(summary: ExecutionSummary, input: string): ExecutionSummary {
  if (summary.input === input) return summary;
  throw new LambdaError(
    'DurableExecutionAlreadyStartedException',
    `${summary.name} has been started with another input: ${summary.arn}`,
  );
}
