import { parentPort } from 'node:worker_threads';
import { isError } from '../../errors.ts';
import { movable, runTask, type Task } from './tasks.ts';

/**
 * The thread's side of the pool: one task in, one answer out. An entry of its own in the bundle.
 */
parentPort?.on('message', ({ id, task }: { id: number; task: Task }) => {
  try {
    const answer = runTask(task);
    parentPort?.postMessage({ id, answer }, movable(answer));
  } catch (error) {
    // An error's class does not cross threads; its code and details do.
    const known = isError(error) ? { code: error.code, details: error.details } : undefined;
    parentPort?.postMessage({ id, known, message: String(error) });
  }
});
