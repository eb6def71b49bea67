import type { OperationLog } from '../model/operation-log.ts';
import type { JobKind } from '../ports/jobs.ts';
import type { ApiPorts } from './api-ports.ts';

/**
 * Starts the durable job of a task that is in the catalog already. When that fails the task stays
 * `waiting` and the watchdog starts it later, so the request has succeeded all the same.
 */
export async function startJob(
  kind: JobKind,
  task: OperationLog,
  ports: Pick<ApiPorts, 'jobs' | 'probe'>,
): Promise<void> {
  try {
    await ports.jobs.start({
      kind,
      name: task.id,
      projectId: task.projectId,
      operationLogId: task.id,
    });
  } catch (error) {
    ports.probe.problem('job.start-postponed', error, { kind, taskId: task.id });
  }
}
