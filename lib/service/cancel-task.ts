import type { TaskDetails } from '../model/details.ts';
import type { OperationLogId } from '../model/ids.ts';
import type { Caller } from './caller.ts';
import { shownTask, type TaskPorts, taskDetails } from './show-task.ts';

/**
 * Asks a task to stop; its workers see it. `BackupService.6500` when the project has no such task,
 * `Holdfast.NotCancellable` when it has ended, or is the deletion of a vault.
 */
export async function cancelTask(
  command: { taskId: OperationLogId },
  caller: Caller,
  ports: TaskPorts,
): Promise<TaskDetails> {
  const { projectId, id } = await shownTask(command, caller, ports);
  const task = await ports.catalog.tasks.requestCancel(projectId, id, ports.clock.nowMs());
  return taskDetails(task, ports);
}
