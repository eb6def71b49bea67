import { HoldfastError, isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';
import { refuseReconciling } from './refuse-reconciling.ts';
import { startJob } from './start-job.ts';
import { taskOfBackup } from './task-of-backup.ts';

type Ports = Pick<ApiPorts, 'catalog' | 'jobs' | 'clock' | 'ids' | 'probe'>;
type Target = NonNullable<OperationLog['target']>;

/**
 * A backup's vault, when the backup can be restored: `BackupService.2005` unless it is available,
 * `BackupService.6202` unless its vault is available or locked.
 */
export async function checkRestorable(
  backup: Backup,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Vault> {
  const { id, status } = backup;
  if (status !== 'available') throw new HoldfastError('BackupService.2005', { id, status });
  const vault = await catalog.vaults.get(backup.projectId, backup.vaultId);
  checkVaultStatus(vault, 'restore');
  await refuseReconciling(vault.id, 'BackupService.6202', { catalog });
  return vault;
}

/**
 * Puts the task of a restore, moves the backup to `waiting_restore` and starts the job. The task
 * comes first: whatever fails afterwards, there is a record that somebody can end. It also decides
 * races: each request looks for others after its own task is there, so of several for one disk or
 * one backup at most one goes on (two that see each other both give way).
 */
export async function beginRestore(
  restore: { backup: Backup; vault: Vault; target: Target },
  caller: Caller,
  ports: Ports,
): Promise<OperationLog> {
  const { backup } = restore;
  const task = restoreTask(restore, caller, ports);
  await ports.catalog.tasks.create(task);
  try {
    await refuseOthers(task, ports);
    await awaitRestore(backup, ports);
  } catch (error) {
    await endRefused(task, error, ports);
    throw error;
  }
  await startJob('restore', task, ports);
  return task;
}

function restoreTask(
  { backup, vault, target }: { backup: Backup; vault: Vault; target: Target },
  caller: Caller,
  ports: Pick<ApiPorts, 'clock' | 'ids'>,
): OperationLog {
  const task = taskOfBackup(backup, {
    id: ports.ids.uuid(),
    type: 'restore',
    status: 'waiting',
    requestId: caller.requestId,
    vaultName: vault.name,
    atMs: ports.clock.nowMs(),
  });
  return { ...task, target, totalBytes: backup.disk.sizeBytes };
}

/** Refuses while another restore to the same disk, or of the same backup, has not ended. */
async function refuseOthers(
  task: OperationLog,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<void> {
  for await (const other of catalog.tasks.unfinished()) {
    if (other.type !== 'restore' || other.id === task.id) continue;
    if (other.target?.diskId === task.target?.diskId) {
      throw new HoldfastError('BackupService.2010', { id: task.target?.diskId ?? '' });
    }
    if (other.backupId === task.backupId) {
      const status = 'waiting_restore';
      throw new HoldfastError('BackupService.2005', { id: task.backupId, status });
    }
  }
}

async function awaitRestore(
  { id, projectId }: Backup,
  { catalog, clock }: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<void> {
  try {
    await catalog.backups.setStatus(projectId, id, 'waiting_restore', { atMs: clock.nowMs() });
  } catch (error) {
    if (!isError(error, 'catalog.conflict')) throw error;
    const { status } = await catalog.backups.get(projectId, id);
    throw new HoldfastError('BackupService.2005', { id, status }, { cause: error });
  }
}

/** The caller is told that the restore will not happen, so it must not. */
async function endRefused(task: OperationLog, error: unknown, ports: Ports): Promise<void> {
  const failure = isError(error)
    ? { code: error.code, message: error.message }
    : { code: 'BackupService.9910', message: 'Unknown error.' };
  const end = { status: 'failed', atMs: ports.clock.nowMs(), failure } as const;
  await ports.catalog.tasks.end(task.projectId, task.id, end).catch((cause: unknown) => {
    ports.probe.problem('restore.not-ended', cause, { taskId: task.id });
  });
}
