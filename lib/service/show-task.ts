import type { TaskDetails } from '../model/details.ts';
import type { OperationLogId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** A task with its progress; `BackupService.6500` when the project has no such task. */
export async function showTask(
  { taskId }: { taskId: OperationLogId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<TaskDetails> {
  return taskDetails(await ports.catalog.tasks.get(caller.projectId, taskId), ports);
}

/** What callers are shown of a task. One that succeeded, or has no size yet, needs no sum. */
export async function taskDetails(
  task: OperationLog,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<TaskDetails> {
  if (task.status === 'success' || task.totalBytes === 0) {
    return { task, doneBytes: task.totalBytes };
  }
  return { task, doneBytes: await catalog.tasks.doneBytes(task.projectId, task.id) };
}
