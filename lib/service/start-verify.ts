import { HoldfastError } from '../errors.ts';
import type { BackupId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { refuseReconciling } from './refuse-reconciling.ts';
import { showBackup } from './show-backup.ts';
import { startJob } from './start-job.ts';
import { taskOfBackup } from './task-of-backup.ts';

/** Starts reading back a share of a backup's blocks; any backup that has data can be verified. */
export async function startVerify(
  { backupId, percent }: { backupId: BackupId; percent: number },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'jobs' | 'clock' | 'ids' | 'probe'>,
): Promise<OperationLog> {
  const backup = await showBackup({ backupId }, caller, ports);
  if (backup.root !== 'VISIBLE') {
    const { id, status } = backup;
    throw new HoldfastError('Holdfast.NotVerifiable', { id, status });
  }
  const vault = await ports.catalog.vaults.get(caller.projectId, backup.vaultId);
  await refuseReconciling(vault.id, 'BackupService.6112', ports);
  const task = {
    ...taskOfBackup(backup, {
      id: ports.ids.uuid(),
      type: 'verify',
      status: 'waiting',
      requestId: caller.requestId,
      vaultName: vault.name,
      atMs: ports.clock.nowMs(),
    }),
    percent,
  };
  await ports.catalog.tasks.create(task);
  await startJob('verify', task, ports);
  return task;
}
