import { isError } from '../errors.ts';
import { derivedUuid, type OperationLogId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';

type Ports = Pick<ApiPorts, 'catalog' | 'clock' | 'probe'>;

const taskIdOf = (vaultId: string): OperationLogId => derivedUuid('vault-delete', vaultId);

/**
 * Logs that a vault is being deleted (spec section 5.9). The task outlives the vault; logged again,
 * the deletion keeps the task that it has.
 */
export async function beginDeletionTask(
  { id, projectId, name }: Vault,
  requestId: string,
  { catalog, clock, probe }: Ports,
): Promise<void> {
  const atMs = clock.nowMs();
  const { backupCount } = await catalog.vaults.usage(id);
  const task: OperationLog = {
    id: taskIdOf(id),
    projectId,
    type: 'vault_delete',
    status: 'running',
    vaultId: id,
    vaultName: name,
    // It is about no backup and no disk.
    backupId: '',
    backupName: '',
    disk: { id: '', name: '' },
    totalBytes: 0,
    cancelRequested: false,
    restarts: 0,
    outcome: { backups: backupCount },
    requestId,
    createdAtMs: atMs,
    startedAtMs: atMs,
    updatedAtMs: atMs,
  };
  try {
    await catalog.tasks.create(task);
  } catch (error) {
    // It has its task already, or goes on without one: the vault is being deleted all the same.
    if (!isError(error, 'catalog.conflict'))
      probe.problem('vault.deletion-not-logged', error, { vaultId: id });
  }
}

/** Ends the task of a vault that is gone; of a vault without one there is nothing to end. */
export async function endDeletionTask(
  projectId: string,
  vaultId: string,
  { catalog, clock }: Pick<Ports, 'catalog' | 'clock'>,
): Promise<void> {
  try {
    await catalog.tasks.end(projectId, taskIdOf(vaultId), {
      status: 'success',
      atMs: clock.nowMs(),
    });
  } catch (error) {
    if (!isError(error, 'BackupService.6500')) throw error;
  }
}
