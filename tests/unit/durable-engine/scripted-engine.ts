/** An engine with functions that speak the protocol by hand, and with time that the test moves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DurableEngine, type EngineOptions } from '../../../local/durable-engine/engine.ts';
import type { FunctionAnswer, LocalFunction } from '../../../local/durable-engine/function-host.ts';
import type { InvocationInput, OperationUpdate } from '../../../local/durable-engine/protocol.ts';
import { ManualClock } from './manual-clock.ts';

/** What a function does; `call` counts its invocations from 1. */
export type Script = (input: InvocationInput, call: number) => Promise<object | FunctionAnswer>;

export const PENDING = { Status: 'PENDING' };
export const DONE = { Status: 'SUCCEEDED', Result: '"done"' };

const durable = { executionTimeoutSeconds: 3600, retentionDays: 1 };
export const FUNCTIONS: LocalFunction[] = [
  { name: 'job', timeoutSeconds: 60, retriesMax: 2, durable },
  { name: 'child', timeoutSeconds: 60, retriesMax: 2, durable },
  { name: 'worker', timeoutSeconds: 60, retriesMax: 2, concurrency: 1 },
];
/** The functions with another execution time-out. */
export const functionsFor = (executionTimeoutSeconds: number): LocalFunction[] =>
  FUNCTIONS.map((fn) =>
    fn.durable ? { ...fn, durable: { ...durable, executionTimeoutSeconds } } : fn,
  );

export class ScriptedEngine {
  readonly clock = new ManualClock();
  readonly scripts: Record<string, Script> = {};
  readonly warnings: string[] = [];
  folder = '';
  engine!: DurableEngine;
  calls: { name: string; input: InvocationInput }[] = [];
  #overrides: Partial<EngineOptions> = {};
  #ids = 0;

  static async open(): Promise<ScriptedEngine> {
    const scripted = new ScriptedEngine();
    scripted.folder = await mkdtemp(join(tmpdir(), 'engine-'));
    await scripted.start();
    return scripted;
  }

  async start(): Promise<number> {
    this.engine = await DurableEngine.open({
      folder: this.folder,
      functions: FUNCTIONS,
      clock: this.clock,
      host: { invoke: (name, payload) => this.#run(name, payload) },
      newId: () => `id-${this.#ids++}`,
      warn: (text) => this.warnings.push(text),
      ...this.#overrides,
    });
    return this.engine.resume();
  }

  /** How many executions go on; `overrides` hold for all later starts. */
  async restart(overrides = this.#overrides): Promise<number> {
    this.#overrides = overrides;
    await this.engine.close();
    return this.start();
  }

  async dispose(): Promise<void> {
    await this.engine.close();
    await rm(this.folder, { recursive: true });
  }

  /** Starts the function `job`; its ARN. */
  async run(name = 'run'): Promise<string> {
    return (await this.engine.start('job', '{}', { name })).arn;
  }

  checkpoint(input: InvocationInput, ...Updates: OperationUpdate[]) {
    const { DurableExecutionArn, CheckpointToken } = input;
    return this.engine.checkpoint(DurableExecutionArn, { CheckpointToken, Updates });
  }

  callsOf(name: string): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  /**
   * A function that starts these operations, and is done when none of its operations is pending.
   */
  suspendOn(...updates: OperationUpdate[]): Script {
    return async (input) => {
      const states = statusesOf(input);
      if (states.length === 0) await this.checkpoint(input, ...updates);
      const pending = states.length === 0 || states.some((text) => /STARTED|PENDING/.test(text));
      return pending ? PENDING : DONE;
    };
  }

  async #run(name: string, payload: string): Promise<FunctionAnswer> {
    const input = JSON.parse(payload) as InvocationInput;
    this.calls.push({ name, input });
    const answer = await this.scripts[name]?.(input, this.callsOf(name));
    if (answer && 'payload' in answer) return answer;
    return { payload: JSON.stringify(answer ?? null) };
  }
}

export const update = (
  Id: string,
  Type: OperationUpdate['Type'],
  Action: OperationUpdate['Action'],
  more: Partial<OperationUpdate> = {},
): OperationUpdate => ({ Id, Type, Action, ...more });

export const wait = (Id: string, WaitSeconds: number): OperationUpdate =>
  update(Id, 'WAIT', 'START', { WaitOptions: { WaitSeconds } });

export const invokeOf = (Id: string, FunctionName: string, Payload = '{}'): OperationUpdate =>
  update(Id, 'CHAINED_INVOKE', 'START', { Payload, ChainedInvokeOptions: { FunctionName } });

/** `<id> <status>` of the operations that an invocation brings, but for the execution's own. */
export const statusesOf = (input: InvocationInput): string[] =>
  input.InitialExecutionState.Operations.map(({ Id, Status }) => `${Id} ${Status}`).slice(1);
