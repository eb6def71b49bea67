import type { Backup } from '../model/backup.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { taskOfBackup } from './task-of-backup.ts';

/**
 * Hides a backup from callers (rule R6) and logs the deletion; its blocks are collected later.
 * `BackupService.6201` when its state forbids it.
 */
export async function hideBackup(
  backup: Backup,
  vault: Vault,
  requestId: string,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'ids' | 'probe'>,
): Promise<void> {
  const { id: backupId, projectId } = backup;
  await ports.catalog.backups.hide(projectId, backupId, ports.clock.nowMs());
  try {
    await ports.catalog.tasks.create(deletionTask(backup, vault, requestId, ports));
  } catch (error) {
    // The backup is deleted all the same: failing now would make the caller delete it again.
    ports.probe.problem('backup.deletion-not-logged', error, { backupId });
  }
}

/** The record of a deletion that has happened. */
function deletionTask(
  backup: Backup,
  vault: Vault,
  requestId: string,
  ports: Pick<ApiPorts, 'clock' | 'ids'>,
): OperationLog {
  const atMs = ports.clock.nowMs();
  const task = taskOfBackup(backup, {
    id: ports.ids.uuid(),
    type: 'delete',
    status: 'success',
    requestId,
    vaultName: vault.name,
    atMs,
  });
  return { ...task, startedAtMs: atMs, endedAtMs: atMs };
}
