import type { TaskDetails } from '../model/details.ts';
import type { OperationLogId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { taskDetails } from './show-task.ts';

/**
 * Asks a task to stop; its workers see it. `Holdfast.NotCancellable` when it has ended, or is the
 * deletion of a vault.
 */
export async function cancelTask(
  { taskId }: { taskId: OperationLogId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<TaskDetails> {
  const { tasks } = ports.catalog;
  const task = await tasks.requestCancel(caller.projectId, taskId, ports.clock.nowMs());
  return taskDetails(task, ports);
}
