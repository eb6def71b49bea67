import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { BackupId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { showBackup } from './show-backup.ts';

/**
 * Hides a backup from callers (rule R6); its blocks are collected later. Safe while a next backup
 * of the disk runs: that one inherits nothing from a backup it has not pinned.
 */
export async function deleteBackup(
  { backupId }: { backupId: BackupId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'ids' | 'probe'>,
): Promise<void> {
  const backup = await showBackup({ backupId }, caller, ports);
  const vault = await ports.catalog.vaults.get(caller.projectId, backup.vaultId);
  checkDeletable(backup, vault);
  await ports.catalog.backups.hide(caller.projectId, backupId, ports.clock.nowMs());
  try {
    await ports.catalog.tasks.create(deletionTask(backup, vault, caller, ports));
  } catch (error) {
    // The backup is deleted all the same: failing now would make the caller delete it again.
    ports.probe.problem('backup.deletion-not-logged', error, { backupId });
  }
}

function checkDeletable({ id, status, autoTrigger }: Backup, vault: Vault): void {
  if (status === 'waiting_restore' || status === 'restoring') {
    throw new HoldfastError('BackupService.6216', { id });
  }
  if (status !== 'available' && status !== 'error') {
    throw new HoldfastError('BackupService.6201', { id, status });
  }
  if (vault.locked && autoTrigger) throw new HoldfastError('BackupService.6220', { id });
}

/** The record of a deletion that has happened. */
function deletionTask(
  backup: Backup,
  vault: Vault,
  caller: Caller,
  ports: Pick<ApiPorts, 'clock' | 'ids'>,
): OperationLog {
  const nowMs = ports.clock.nowMs();
  return {
    id: ports.ids.uuid(),
    projectId: caller.projectId,
    type: 'delete',
    status: 'success',
    vaultId: vault.id,
    vaultName: vault.name,
    checkpointId: backup.checkpointId,
    backupId: backup.id,
    backupName: backup.name,
    disk: { id: backup.disk.id, name: backup.disk.name },
    totalBytes: 0,
    cancelRequested: false,
    restarts: 0,
    requestId: caller.requestId,
    createdAtMs: nowMs,
    startedAtMs: nowMs,
    updatedAtMs: nowMs,
    endedAtMs: nowMs,
  };
}
