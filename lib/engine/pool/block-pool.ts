import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, type ErrorDetails, HoldfastError } from '../../errors.ts';
import { movable, runTask, type Task, type TaskAnswers } from './tasks.ts';

/**
 * Runs the work on blocks that costs processor time: hashing, compressing, sealing, opening.
 * Large buffers handed in are moved, not copied: the caller must not use them afterwards (those of
 * a hash task come back with the answer).
 */
export interface BlockPool {
  /** Threads that work at the same time. */
  readonly size: number;
  run<K extends Task['kind']>(task: Extract<Task, { kind: K }>): Promise<TaskAnswers[K]>;
  close(): Promise<void>;
}

/** Runs tasks in the calling thread: for tests and one-core machines. */
export const inlinePool = (): BlockPool => ({
  size: 1,
  run: async (task) => runTask(task) as never,
  close: async () => {},
});

interface Waiting {
  task: Task;
  resolve: (answer: never) => void;
  reject: (error: unknown) => void;
}

interface Answer {
  id: number;
  answer?: never;
  known?: { code: ErrorCode; details: ErrorDetails<ErrorCode> };
  message?: string;
}

/**
 * A pool of threads, one a processor. Each thread has one task at a time; the rest wait in order.
 * `script` is the file of `worker.ts`: its source in local mode, its own bundle on AWS.
 */
export const threadPool = (script: URL, size = availableParallelism()): BlockPool => {
  const queue: Waiting[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Waiting>();
  let closed = false;

  const dispatch = () => {
    while (queue.length > 0 && (idle.length > 0 || busy.size < size)) {
      const next = queue.shift();
      if (next === undefined) return;
      const worker = idle.pop() ?? start();
      worker.ref();
      try {
        worker.postMessage({ id: 0, task: next.task }, movable(next.task));
        busy.set(worker, next);
      } catch (cause) {
        // A task that cannot be sent (a buffer that was moved before) is its caller's failure
        // alone.
        release(worker);
        next.reject(new HoldfastError('bug', { reason: `not sent: ${String(cause)}` }, { cause }));
      }
    }
  };

  const release = (worker: Worker) => {
    // An idle thread must not keep a finished process alive.
    worker.unref();
    idle.push(worker);
  };

  /** A thread that is gone takes no more tasks, and answers the one it had. */
  const drop = (worker: Worker, reason: string, cause?: unknown) => {
    const done = busy.get(worker);
    busy.delete(worker);
    if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
    done?.reject(new HoldfastError('bug', { reason }, { cause }));
    dispatch();
  };

  const start = (): Worker => {
    const worker = new Worker(script, { name: 'block-pool' });
    worker.on('message', (answer: Answer) => {
      const done = busy.get(worker);
      busy.delete(worker);
      release(worker);
      if (answer.answer !== undefined) done?.resolve(answer.answer);
      else done?.reject(toError(answer));
      dispatch();
    });
    worker.on('error', (cause) => drop(worker, `a pool thread died: ${String(cause)}`, cause));
    worker.on('exit', (code) => drop(worker, `a pool thread ended with code ${code}`));
    return worker;
  };

  return {
    size,
    run: (task) =>
      new Promise((resolve, reject) => {
        if (closed) throw new HoldfastError('bug', { reason: 'the pool is closed' });
        queue.push({ task, resolve, reject });
        dispatch();
      }),
    close: async () => {
      closed = true;
      for (const { reject } of queue.splice(0)) {
        reject(new HoldfastError('bug', { reason: 'the pool is closed' }));
      }
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()));
    },
  };
};

const toError = ({ known, message = 'no message' }: Answer): Error =>
  known
    ? new HoldfastError(known.code, known.details)
    : new HoldfastError('bug', { reason: message });
