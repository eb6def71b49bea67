import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { BackupId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { showBackup } from './show-backup.ts';
import { startJob } from './start-job.ts';

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
  const task = verifyTask(backup, vault.name, percent, caller, ports);
  await ports.catalog.tasks.create(task);
  await startJob('verify', task, ports);
  return task;
}

function verifyTask(
  backup: Backup,
  vaultName: string,
  percent: number,
  caller: Caller,
  ports: Pick<ApiPorts, 'clock' | 'ids'>,
): OperationLog {
  const nowMs = ports.clock.nowMs();
  return {
    id: ports.ids.uuid(),
    projectId: caller.projectId,
    type: 'verify',
    status: 'waiting',
    vaultId: backup.vaultId,
    vaultName,
    checkpointId: backup.checkpointId,
    backupId: backup.id,
    backupName: backup.name,
    disk: { id: backup.disk.id, name: backup.disk.name },
    percent,
    totalBytes: 0,
    cancelRequested: false,
    restarts: 0,
    requestId: caller.requestId,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}
