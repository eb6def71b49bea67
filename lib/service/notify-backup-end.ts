import type { OperationLogId, ProjectId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Probe } from '../ports/probe.ts';
import { noticeOf, sendNotice } from './send-notice.ts';
import { watchThreshold } from './watch-threshold.ts';

interface Ports {
  catalog: Catalog;
  clock: Clock;
  notifier: Notifier;
  probe: Probe;
}

/**
 * Tells what the end of a backup's task means to the vault's owner: that it failed, or that the
 * vault is used up to its threshold. It may run twice. What cannot be sent is reported and no more:
 * the task has its verdict.
 */
export async function notifyBackupEnd(
  { projectId, operationLogId }: { projectId: ProjectId; operationLogId: OperationLogId },
  ports: Ports,
): Promise<void> {
  const task = await ports.catalog.tasks.get(projectId, operationLogId);
  if (task.status === 'success') await watchThreshold(task, ports);
  else await tellFailure(task, ports);
}

/** Tells the vault's owner that a backup failed, or could not be begun. */
export async function tellFailure(task: OperationLog, ports: Ports): Promise<void> {
  const { failure, vaultId, projectId } = task;
  if (failure === undefined || failure.code === 'Holdfast.Cancelled') return;
  const vault = await ports.catalog.vaults.get(projectId, vaultId);
  if (!vault.smnNotify) return;
  await sendNotice(
    {
      type: 'backup.failed',
      id: task.id,
      ...noticeOf(vault, task.endedAtMs ?? task.updatedAtMs),
      operationLogId: task.id,
      backupId: task.backupId,
      backupName: task.backupName,
      diskId: task.disk.id,
      diskName: task.disk.name,
      code: failure.code,
      message: failure.message,
    },
    ports,
  );
}
