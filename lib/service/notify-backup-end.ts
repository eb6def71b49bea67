import type { OperationLogId, ProjectId } from '../model/ids.ts';
import type { Notice } from '../model/notice.ts';
import type { OperationLog } from '../model/operation-log.ts';
import { GIBIBYTE, type Vault } from '../model/vault.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Probe } from '../ports/probe.ts';
import { changeVault } from './change-vault.ts';
import { noticeOf, sendNotice } from './send-notice.ts';

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

async function tellFailure(task: OperationLog, ports: Ports): Promise<void> {
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

/**
 * The vault remembers that it was told, so that it is told once; of two backups that end at once
 * both may tell. The mark is set after the notice is sent: rather twice than never.
 */
async function watchThreshold({ projectId, vaultId }: OperationLog, ports: Ports): Promise<void> {
  const { catalog, clock } = ports;
  const vault = await catalog.vaults.get(projectId, vaultId);
  const { usedBytes } = await catalog.vaults.usage(vaultId);
  const wasReached = vault.thresholdReachedAtMs !== undefined;
  if (isReached(vault, usedBytes) === wasReached) return;
  const atMs = clock.nowMs();
  if (!wasReached && !(await tellThreshold(vault, usedBytes, atMs, ports))) return;
  const mark = async (current: Vault): Promise<Vault> => {
    const { thresholdReachedAtMs: _, ...rest } = current;
    return wasReached ? rest : { ...rest, thresholdReachedAtMs: atMs };
  };
  await changeVault(projectId, vaultId, mark, ports);
}

const isReached = ({ threshold, sizeGib }: Vault, usedBytes: number): boolean =>
  usedBytes * 100 >= threshold * sizeGib * GIBIBYTE;

async function tellThreshold(
  vault: Vault,
  usedBytes: number,
  atMs: number,
  ports: Ports,
): Promise<boolean> {
  if (!vault.smnNotify) return false;
  const { sizeGib, threshold } = vault;
  const notice: Notice = {
    type: 'vault.threshold-reached',
    id: `${vault.id}-${atMs}`,
    ...noticeOf(vault, atMs),
    usedBytes,
    sizeBytes: sizeGib * GIBIBYTE,
    threshold,
  };
  return sendNotice(notice, ports);
}
