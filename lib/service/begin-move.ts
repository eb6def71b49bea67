import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { DiskId, ProjectId, VaultId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Vault } from '../model/vault.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import { checkVaultStatus } from './check-vault-status.ts';
import { taskOfBackup } from './task-of-backup.ts';

/** A disk whose backups go from one vault to another. */
export interface Move {
  projectId: ProjectId;
  diskId: DiskId;
  from: VaultId;
  to: VaultId;
  requestId: string;
}

interface Ports {
  catalog: Catalog;
  clock: Clock;
  ids: Ids;
}

/**
 * Begins the copy of the oldest backup of a disk that is still in the vault it leaves; `null` when
 * none is. To be repeated until then: one that is begun already is returned, and one whose copy was
 * committed is hidden. `BackupService.6125` while another task of the disk runs, `6112` or `6110`
 * when the vault that it leaves was frozen or locked since.
 */
export async function beginMove(move: Move, ports: Ports): Promise<OperationLog | null> {
  const { catalog, clock } = ports;
  const { projectId, diskId, from, to } = move;
  const copies = new Map<string, Backup>();
  for await (const backup of catalog.backups.ofVault(to))
    if (backup.movedFrom && backup.status !== 'error')
      copies.set(backup.movedFrom.backupId, backup);
  for await (const source of catalog.backups.ofVault(from)) {
    if (source.disk.id !== diskId || !mayMove(source)) continue;
    const copy = copies.get(source.id);
    if (copy?.root === 'NONE') return catalog.tasks.get(projectId, copy.operationLogId);
    checkMayMove(await catalog.vaults.get(projectId, from));
    if (copy === undefined) return begin(source, move, ports);
    await catalog.backups.hide(projectId, source.id, clock.nowMs());
  }
  return null;
}

/** `BackupService.6112` unless its status allows a move, `6110` when it is locked. */
export function checkMayMove(vault: Vault): void {
  checkVaultStatus(vault, 'migrate');
  if (vault.locked) throw new HoldfastError('BackupService.6110', { reason: 'it is locked' });
}

/** It is whole. One that is being restored is copied meanwhile, and hidden after. */
export const mayMove = ({ root, status }: Backup): boolean =>
  root === 'VISIBLE' && status !== 'error';

/**
 * The copy is another backup, in a restore point of its own: an id is in one vault. The rest of
 * what callers and retention know of it stays.
 */
async function begin(source: Backup, move: Move, ports: Ports): Promise<OperationLog> {
  const { projectId, to, requestId } = move;
  const { catalog, clock, ids } = ports;
  const vault = await catalog.vaults.get(projectId, to);
  const binding = await catalog.vaults.binding(projectId, source.disk.id);
  if (binding?.protectingTaskId !== undefined)
    throw new HoldfastError('BackupService.6125', { id: to });
  const [id, checkpointId, operationLogId] = [ids.uuid(), ids.uuid(), ids.uuid()];
  const { policyId, retention, expiresAtMs, undeletedAtMs, snapshotId } = source;
  const copy: Backup = {
    id,
    projectId,
    vaultId: to,
    checkpointId,
    operationLogId,
    name: source.name,
    description: source.description,
    disk: source.disk,
    status: 'waiting_protect',
    root: 'NONE',
    incremental: source.incremental,
    autoTrigger: source.autoTrigger,
    movedFrom: { vaultId: source.vaultId, backupId: source.id },
    ...(snapshotId === undefined ? {} : { snapshotId }),
    ...(policyId === undefined ? {} : { policyId }),
    ...(retention === undefined ? {} : { retention }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(undeletedAtMs === undefined ? {} : { undeletedAtMs }),
    createdAtMs: source.createdAtMs,
    updatedAtMs: clock.nowMs(),
  };
  const { disk, name, description, createdAtMs } = copy;
  const atMs = clock.nowMs();
  const base = { id: operationLogId, requestId, vaultName: vault.name, atMs };
  const task = taskOfBackup(copy, { ...base, type: 'sync', status: 'waiting' });
  await catalog.backups.putCheckpoint({
    id: checkpointId,
    projectId,
    vaultId: to,
    vaultName: vault.name,
    name,
    description,
    backups: [{ backupId: id, diskId: disk.id, diskName: disk.name, sizeBytes: disk.sizeBytes }],
    skipped: [],
    createdAtMs,
  });
  await catalog.backups.begin(copy, task);
  return task;
}
