import { HoldfastError } from '../errors.ts';
import type { TaskDetails } from '../model/details.ts';
import type { OperationLogId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** What it takes to show tasks. */
export type TaskPorts = Pick<ApiPorts, 'catalog' | 'clock'> & {
  settings: Pick<ApiPorts['settings'], 'taskKeptMs'>;
};

/** A task with its progress; `BackupService.6500` when the project has no such task. */
export async function showTask(
  command: { taskId: OperationLogId },
  caller: Caller,
  ports: TaskPorts,
): Promise<TaskDetails> {
  return taskDetails(await shownTask(command, caller, ports), ports);
}

/** A task that callers see; `BackupService.6500` when the project has no such task. */
export async function shownTask(
  { taskId: id }: { taskId: OperationLogId },
  { projectId }: Caller,
  ports: TaskPorts,
): Promise<OperationLog> {
  const task = await ports.catalog.tasks.get(projectId, id);
  if (!isShown(task, ports)) throw new HoldfastError('BackupService.6500', { id });
  return task;
}

/** Tasks that ended long ago are shown no more, whether the sweep has removed them or not. */
export const isShown = (
  { endedAtMs }: Pick<OperationLog, 'endedAtMs'>,
  { clock, settings }: Pick<TaskPorts, 'clock' | 'settings'>,
): boolean => endedAtMs === undefined || endedAtMs + settings.taskKeptMs > clock.nowMs();

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
