import type { JobKind } from '../ports/jobs.ts';

/** The data workers, by function. */
export type WorkerName = 'copy-blocks' | 'restore-blocks' | 'verify-blocks' | 'collect-vault';

/**
 * What an orchestration may do (Lambda durable functions, or a test's plain run). Everything that
 * touches the world happens inside a step or a worker; between them the code is a pure function of
 * their answers, so that a replay takes the same path. Operations are named and keep their order.
 */
export interface JobContext {
  /**
   * Runs once and its answer is kept; run again after a crash that came before the answer was kept.
   * An outage is retried; any other failure is thrown as a `HoldfastError`.
   */
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
  /** Runs `check` until it answers true, with growing pauses. */
  waitUntil(name: string, check: () => Promise<boolean>): Promise<void>;
  /** Calls a data worker; a failed call is retried. A worker's own refusal is thrown. */
  work<T>(name: string, worker: WorkerName, request: object): Promise<T>;
  /** Runs this same job as an execution of its own, for a slice of the work. */
  slice<T>(name: string, kind: JobKind, event: object): Promise<T>;
  /** Runs `each` over the items, `concurrency` at a time; the first failure ends the rest. */
  map<I, T>(
    name: string,
    items: I[],
    concurrency: number,
    each: (item: I, context: JobContext) => Promise<T>,
  ): Promise<T[]>;
}

/** What a durable execution is started with. */
export interface JobEvent {
  projectId: string;
  operationLogId: string;
  /** 0 at first; the n-th restart by the watchdog is n. */
  attempt: number;
  /** Present in an execution that does one slice of the work. */
  slice?: {
    sessionId: string;
    vaultId: string;
    backupId: string;
    from: number;
    to: number;
    percent?: number;
  };
}
