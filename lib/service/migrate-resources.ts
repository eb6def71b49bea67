import { HoldfastError, isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { DiskId, ProjectId, VaultId } from '../model/ids.ts';
import { type Binding, GIBIBYTE, VAULT_LIMITS, type Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { beginMove, checkMayMove } from './begin-move.ts';
import { refuseDuplicates } from './bind-disks.ts';
import type { Caller } from './caller.ts';
import { refuseReconciling } from './refuse-reconciling.ts';
import { startJob } from './start-job.ts';

export interface MigrateResourcesCommand {
  vaultId: VaultId;
  destinationVaultId: VaultId;
  diskIds: DiskId[];
}

type Ports = Pick<ApiPorts, 'catalog' | 'jobs' | 'clock' | 'ids' | 'probe'>;

/**
 * Moves disks to another vault, with their backups (spec section 3.5). The disks are the other
 * vault's at once, so its policy protects them; the backups follow one after the other, oldest
 * first, each by a job. Refused in this order: no such vault (6105, the destination 6120), not
 * available (6112), locked (6110), of another kind (6102), too small (6129), a disk that is not in
 * the vault (6135), a running task (6125). One whose backups are left counts as in the vault: a
 * request may be repeated, and goes on with what is left.
 */
export async function migrateResources(
  { vaultId, destinationVaultId, diskIds }: MigrateResourcesCommand,
  { projectId, requestId }: Caller,
  ports: Ports,
): Promise<DiskId[]> {
  const source = await ports.catalog.vaults.get(projectId, vaultId);
  const destination = await findDestination(projectId, destinationVaultId, source, ports);
  for (const vault of [source, destination]) {
    checkMayMove(vault);
    await refuseReconciling(vault.id, 'BackupService.6112', ports);
  }
  checkKind(source, destination);
  refuseDuplicates(diskIds);
  const backups = await backupsOf(vaultId, diskIds, ports);
  await checkRoom(destination, backups, ports);
  const moving = await checkDisks(source, destination, diskIds, backups, ports);

  for (const disk of moving) {
    const { diskId } = disk;
    await rebind(disk, source, destination, ports);
    const move = { projectId, diskId, from: vaultId, to: destination.id, requestId };
    const task = await beginMove(move, ports);
    if (task) await startJob('move', task, ports);
  }
  return diskIds;
}

async function findDestination(
  projectId: ProjectId,
  id: VaultId,
  source: Vault,
  { catalog }: Ports,
): Promise<Vault> {
  if (id === source.id)
    throw new HoldfastError('BackupService.6120', { id, reason: 'it is the vault itself' });
  try {
    return await catalog.vaults.get(projectId, id);
  } catch (error) {
    if (!isError(error, 'BackupService.6105')) throw error;
    throw new HoldfastError('BackupService.6120', { id, reason: 'the project has no such vault' });
  }
}

function checkKind(source: Vault, destination: Vault): void {
  for (const field of ['objectType', 'protectType', 'consistentLevel'] as const) {
    const [type, accepted] = [source[field], destination[field]];
    if (type !== accepted) throw new HoldfastError('BackupService.6102', { type, accepted });
  }
}

async function backupsOf(
  vaultId: VaultId,
  diskIds: DiskId[],
  { catalog }: Ports,
): Promise<Backup[]> {
  const found: Backup[] = [];
  for await (const backup of catalog.backups.ofVault(vaultId))
    if (diskIds.includes(backup.disk.id)) found.push(backup);
  return found;
}

/** The destination's free capacity must be larger than what the backups added to their vault. */
async function checkRoom(
  { id, sizeGib }: Vault,
  backups: readonly Backup[],
  { catalog }: Ports,
): Promise<void> {
  const { usedBytes } = await catalog.vaults.usage(id);
  const freeBytes = sizeGib * GIBIBYTE - usedBytes;
  const neededBytes = backups.reduce((sum, { stats }) => sum + (stats?.storedBytes ?? 0), 0);
  if (freeBytes <= neededBytes)
    throw new HoldfastError('BackupService.6129', { id, freeBytes, neededBytes });
}

/** What is known of a disk that is to move, before anything is changed. */
interface Moving {
  diskId: DiskId;
  /** In the vault that it leaves, in the other (a request before got so far), or in none. */
  binding: Binding | null;
  backups: Backup[];
}

async function checkDisks(
  { id, projectId }: Vault,
  destination: Vault,
  diskIds: readonly DiskId[],
  backups: readonly Backup[],
  { catalog }: Ports,
): Promise<Moving[]> {
  const moving: Moving[] = [];
  for (const diskId of diskIds) {
    const binding = await catalog.vaults.binding(projectId, diskId);
    const own = backups.filter(({ disk }) => disk.id === diskId);
    const isLeft = own.length > 0 && (binding === null || binding.vaultId === destination.id);
    if (binding?.vaultId !== id && !isLeft)
      throw new HoldfastError('BackupService.6135', { id: diskId, vaultId: id });
    const isBusy = own.some(({ status }) => status === 'waiting_restore' || status === 'restoring');
    if (isBusy || binding?.protectingTaskId !== undefined)
      throw new HoldfastError('BackupService.6125', { id });
    moving.push({ diskId, binding, backups: own });
  }
  const coming = moving.filter(({ binding }) => binding?.vaultId !== destination.id);
  const max = VAULT_LIMITS.resourcesMax;
  if ((await catalog.vaults.bindings(destination.id)).length + coming.length > max)
    throw new HoldfastError('BackupService.6100', { max });
  return moving;
}

/** The disk leaves one vault and joins the other in one step. */
async function rebind(
  { diskId, binding, backups }: Moving,
  source: Vault,
  destination: Vault,
  { catalog: { vaults }, clock }: Ports,
): Promise<void> {
  const { projectId } = source;
  const disk = backups.at(-1)?.disk;
  const atMs = clock.nowMs();
  if (binding === null && disk) {
    const { name, sizeBytes } = disk;
    const bound = { projectId, diskId, name, sizeBytes, createdAtMs: atMs };
    await vaults.bind({ ...bound, vaultId: destination.id });
    return;
  }
  const move = { fromVaultId: source.id, toVaultId: destination.id, atMs };
  try {
    await vaults.rebind({ projectId, diskId }, move);
  } catch (error) {
    if (!isError(error, 'catalog.conflict')) throw error;
    throw new HoldfastError('BackupService.6125', { id: source.id }, { cause: error });
  }
}
