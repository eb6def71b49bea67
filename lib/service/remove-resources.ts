import { HoldfastError, isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { DiskId, VaultId } from '../model/ids.ts';
import type { Binding } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { refuseDuplicates } from './bind-disks.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';
import { hideBackup } from './hide-backup.ts';
import { mapLimited } from './map-limited.ts';

type Ports = Pick<ApiPorts, 'catalog' | 'clock' | 'ids' | 'probe'>;

/**
 * Takes disks out of a vault and deletes all of their backups in it (spec section 3.5). All of them
 * must be in the vault and idle, else nothing is changed: `BackupService.6135`, `6125`, `6216`; a
 * locked vault refuses with `6110`. A disk goes first, so that no new backup of it begins. One
 * whose backups are left counts as in the vault: a request that ended between may be repeated.
 */
export async function removeResources(
  { vaultId, diskIds }: { vaultId: VaultId; diskIds: DiskId[] },
  { projectId, requestId }: Caller,
  ports: Ports,
): Promise<DiskId[]> {
  const { vaults } = ports.catalog;
  const vault = await vaults.get(projectId, vaultId);
  checkVaultStatus(vault, 'dissociate');
  if (vault.locked) throw new HoldfastError('BackupService.6110', { reason: 'it is locked' });
  refuseDuplicates(diskIds);
  const bindings = await vaults.bindings(vaultId);
  checkIdle(vaultId, diskIds, bindings, await backupsOf(vaultId, diskIds, ports));
  for (const diskId of diskIds) await unbind(projectId, vaultId, diskId, ports);
  // Read again: one may have been made in between, and none can be from now on.
  const backups = await backupsOf(vaultId, diskIds, ports);
  await mapLimited(backups, (backup) => hideBackup(backup, vault, requestId, ports));
  return diskIds;
}

async function backupsOf(
  vaultId: VaultId,
  diskIds: DiskId[],
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Backup[]> {
  const found: Backup[] = [];
  for await (const backup of catalog.backups.ofVault(vaultId))
    if (diskIds.includes(backup.disk.id)) found.push(backup);
  return found;
}

function checkIdle(
  vaultId: VaultId,
  diskIds: DiskId[],
  bindings: Binding[],
  backups: Backup[],
): void {
  for (const diskId of diskIds) {
    const bound = bindings.find((binding) => binding.diskId === diskId);
    const own = backups.filter((backup) => backup.disk.id === diskId);
    if (bound === undefined && own.length === 0)
      throw new HoldfastError('BackupService.6135', { id: diskId, vaultId });
    if (bound?.protectingTaskId !== undefined)
      throw new HoldfastError('BackupService.6125', { id: vaultId });
    const used = own.find(({ status }) => status === 'waiting_restore' || status === 'restoring');
    if (used) throw new HoldfastError('BackupService.6216', { id: used.id });
  }
}

/** A disk that has gone to another vault meanwhile stays there. */
async function unbind(
  projectId: string,
  vaultId: VaultId,
  diskId: DiskId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<void> {
  try {
    await catalog.vaults.unbind({ projectId, vaultId, diskId });
  } catch (error) {
    if (!isError(error, 'catalog.conflict')) throw error;
    throw new HoldfastError('BackupService.6125', { id: vaultId }, { cause: error });
  }
}
