import { HoldfastError, isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import { HOUR_MS } from '../model/duration.ts';
import type { BackupId, DiskId, VaultId } from '../model/ids.ts';
import { type Binding, keepsBackups, type Vault } from '../model/vault.ts';
import type { BackupCatalog } from '../ports/catalog.ts';
import type { ApiPorts } from './api-ports.ts';
import { mayMove } from './begin-move.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';
import { takeOffPolicies } from './dissociate-policy.ts';
import { beginDeletionTask } from './log-vault-deletion.ts';
import { collectionName } from './start-collections.ts';

/**
 * Deletes a vault with all of its backups (spec section 3.3): its disks are released, it is
 * `deleting` from then on, and the collector removes what it holds and at last the vault itself.
 * `BackupService.6111` while a disk is being backed up or moves out of it with its backups, and
 * while it is locked and holds backups (spec sections 3.3 and 3.6).
 */
export async function deleteVault(
  { vaultId }: { vaultId: VaultId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'jobs' | 'probe'>,
): Promise<void> {
  const { catalog, clock, jobs, probe } = ports;
  const { projectId } = caller;
  const { vaults, garbage } = catalog;
  const vault = await vaults.get(projectId, vaultId);
  // `deleting`: a request that is repeated.
  if (vault.status !== 'deleting') checkVaultStatus(vault, 'delete');
  await refuseLocked(vault, ports);
  const bindings = await vaults.bindings(vaultId);
  const busy = bindings.find((binding) => binding.protectingTaskId !== undefined);
  if (busy) throw beingBackedUp(busy.diskId);
  await refuseMoving(vault, ports);
  try {
    for (const { diskId } of bindings) await release({ projectId, vaultId, diskId }, ports);
    await garbage.startDeletingVault(projectId, vaultId, clock.nowMs());
  } catch (error) {
    await bindAgain(bindings, ports);
    throw error;
  }
  await beginDeletionTask(vault, caller.requestId, ports);
  await takeOffPolicies(projectId, vaultId, ports);
  try {
    // The hour: a repeated request starts it again if it ended without finishing.
    const hour = String(Math.floor(clock.nowMs() / HOUR_MS));
    await jobs.collect({ name: collectionName(vaultId, `delete-${hour}`), projectId, vaultId });
  } catch (error) {
    // The schedule starts it some hours later: the vault is deleted for its callers all the same.
    probe.problem('collection.not-started', error, { vaultId });
  }
}

function beingBackedUp(diskId: DiskId, cause?: unknown): HoldfastError {
  const reason = `disk ${diskId} is being backed up into it`;
  return new HoldfastError('BackupService.6111', { reason }, { cause });
}

/** A backup of the disk may have begun since it was looked at. */
async function release(
  disk: Pick<Binding, 'projectId' | 'vaultId' | 'diskId'>,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<void> {
  try {
    await catalog.vaults.unbind(disk);
  } catch (error) {
    if (!isError(error, 'catalog.conflict')) throw error;
    throw beingBackedUp(disk.diskId, error);
  }
}

/** The vault stays, and goes on protecting its disks. */
async function bindAgain(
  bindings: readonly Binding[],
  { catalog, probe }: Pick<ApiPorts, 'catalog' | 'probe'>,
): Promise<void> {
  for (const binding of bindings)
    await catalog.vaults.bind(binding).catch((cause: unknown) => {
      const { vaultId, diskId } = binding;
      probe.problem('vault.disk-released', cause, { vaultId, diskId });
    });
}

/**
 * A disk that moves has left the vault already, and its backups follow one after the other: refused
 * while one of a disk is copied or was, and another is left that can be. So also between two of
 * them, while the disk is backed up in its new vault, and after a move that was given up half-way.
 */
async function refuseMoving(
  { id, projectId }: Vault,
  { catalog: { vaults, backups } }: Pick<ApiPorts, 'catalog'>,
): Promise<void> {
  const newVaultOf = new Map<DiskId, VaultId>();
  for (const { diskId } of await vaults.backupCounts(id)) {
    const binding = await vaults.binding(projectId, diskId);
    if (binding !== null && binding.vaultId !== id) newVaultOf.set(diskId, binding.vaultId);
  }
  for (const to of new Set(newVaultOf.values())) {
    const copies = await copiesIn(to, id, backups);
    const moving = new Set([...copies.values()].map(({ disk }) => disk.id));
    for await (const source of backups.ofVault(id)) {
      const { disk } = source;
      const isLeaving = newVaultOf.get(disk.id) === to && moving.has(disk.id) && mayMove(source);
      if (!isLeaving || copies.get(source.id)?.root === 'VISIBLE') continue;
      const reason = `backups of disk ${disk.id} are moving out of it`;
      throw new HoldfastError('BackupService.6111', { reason });
    }
  }
}

/** What a vault has, had, or is about to have of another one's backups, by what they copy. */
async function copiesIn(
  to: VaultId,
  from: VaultId,
  backups: BackupCatalog,
): Promise<Map<BackupId, Backup>> {
  const copies = new Map<BackupId, Backup>();
  for (const own of [backups.ofVault(to), backups.roots(to)])
    for await (const backup of own) {
      const { movedFrom, root, manifest } = backup;
      if (movedFrom?.vaultId === from && (manifest || root === 'NONE'))
        copies.set(movedFrom.backupId, backup);
    }
  return copies;
}

async function refuseLocked(vault: Vault, { catalog }: Pick<ApiPorts, 'catalog'>): Promise<void> {
  if (vault.locked && keepsBackups(vault, await catalog.vaults.usage(vault.id)))
    throw new HoldfastError('BackupService.6111', { reason: 'it is locked and has backups' });
}
