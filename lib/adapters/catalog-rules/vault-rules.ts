import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '../../errors.ts';
import type { ProjectId, VaultId } from '../../model/ids.ts';
import { mayBecome } from '../../model/state-table.ts';
import {
  type Binding,
  keepsBackups,
  VAULT_LIMITS,
  VAULT_TRANSITIONS,
  type Vault,
  type VaultUsage,
} from '../../model/vault.ts';
import { refuse } from './refusal.ts';

/** What a vault holds; a vault is deleted only when it holds nothing. */
export interface VaultContents {
  bindingCount: number;
  /** Backups that were begun and not hidden: the ones a caller sees in lists. */
  heldCount: number;
}

/** `known` = the vault's epoch exists: it outlives the vault, so an id is used once. */
export const isVaultToCreate = (stored: Vault | null, known: boolean, vault: Vault): boolean => {
  if (stored !== null) return isSameVault(stored, vault) ? false : refuseVault(vault.id);
  return known ? refuseVault(vault.id) : true;
};

const isSameVault = (a: Vault, b: Vault): boolean =>
  a.projectId === b.projectId && a.keyId === b.keyId && a.createdAtMs === b.createdAtMs;

const refuseVault = (id: VaultId): never => refuse(`vault ${id}`, 'the id is taken');

/** The vault when it is the project's, else `BackupService.6105`. */
export const ownVault = (stored: Vault | null, projectId: ProjectId, id: VaultId): Vault => {
  if (stored?.projectId !== projectId) throw new HoldfastError('BackupService.6105', { id });
  return stored;
};

export const isVaultToUpdate = (stored: Vault, vault: Vault): boolean => {
  if (isDeletingVault(stored))
    throw new HoldfastError('BackupService.6110', { reason: 'it is being deleted' });
  if (stored.revision === vault.revision) return true;
  if (isDeepStrictEqual(stored, { ...vault, revision: vault.revision + 1 })) return false;
  return refuse(`vault ${vault.id}`, `it was changed: revision ${stored.revision}`);
};

export const isDeletingVault = ({ status }: Vault): boolean => status === 'deleting';

/** Spec sections 3.3 and 3.6. */
export const isToStartDeleting = (
  vault: Vault,
  contents: Pick<VaultContents, 'bindingCount'> & Pick<VaultUsage, 'backupCount'>,
): boolean => {
  const { status } = vault;
  if (status === 'deleting') return false;
  if (!mayBecome(VAULT_TRANSITIONS, status, 'deleting'))
    throw new HoldfastError('BackupService.6111', { reason: `it is ${status}` });
  if (contents.bindingCount > 0)
    throw new HoldfastError('BackupService.6111', { reason: 'it has resources' });
  if (keepsBackups(vault, contents))
    throw new HoldfastError('BackupService.6111', { reason: 'it is locked and has backups' });
  return true;
};

/** Refuses the end of a vault of which something is left that others may look for. */
export const checkVaultIsEmpty = (
  id: VaultId,
  left: { hasPacks: boolean; hasBackups: boolean; hasOpenSessions: boolean },
): void => {
  if (left.hasPacks) refuse(`vault ${id}`, 'it has packs');
  if (left.hasBackups) refuse(`vault ${id}`, 'it has backups');
  if (left.hasOpenSessions) refuse(`vault ${id}`, 'it has open sessions');
};

export const isVaultToDelete = (
  stored: Vault | null,
  projectId: ProjectId,
  id: VaultId,
  contents: VaultContents | null,
): boolean => {
  if (stored === null) return false;
  ownVault(stored, projectId, id);
  if (contents !== null && contents.bindingCount > 0) refuse(`vault ${id}`, 'it has bindings');
  if (contents !== null && contents.heldCount > 0) refuse(`vault ${id}`, 'it has backups');
  return true;
};

/** Which binding of a disk it is. */
export type BoundDisk = Pick<Binding, 'projectId' | 'vaultId' | 'diskId' | 'createdAtMs'>;

/** `stored`: the disk's binding in whatever vault and project; `contents`: the wanted vault's. */
export const isToBind = (
  stored: BoundDisk | null,
  vault: Vault | null,
  binding: Binding,
  contents: Pick<VaultContents, 'bindingCount'> | null,
): boolean => {
  if (stored !== null) {
    if (isSameBinding(stored, binding)) return false;
    throw new HoldfastError('BackupService.7006', { id: binding.diskId });
  }
  const { id, status } = ownVault(vault, binding.projectId, binding.vaultId);
  if (status === 'deleting') throw new HoldfastError('BackupService.6112', { id, status });
  if (contents !== null && contents.bindingCount >= VAULT_LIMITS.resourcesMax)
    throw new HoldfastError('BackupService.6100', { max: VAULT_LIMITS.resourcesMax });
  return true;
};

export const isSameBinding = (a: BoundDisk, b: BoundDisk): boolean =>
  a.projectId === b.projectId && a.vaultId === b.vaultId && a.createdAtMs === b.createdAtMs;

/** `stored`: the disk's binding, in the wanted vault or not. */
export const isToUnbind = (
  stored: Binding | null,
  { projectId, vaultId }: Pick<Binding, 'projectId' | 'vaultId'>,
): boolean => {
  if (stored?.projectId !== projectId || stored.vaultId !== vaultId) return false;
  if (stored.protectingTaskId === undefined) return true;
  return refuse(`disk ${stored.diskId}`, `task ${stored.protectingTaskId} protects it`);
};

/** `stored`: the disk's binding in whatever vault; the others: the vault that it is to join. */
export const isToRebind = (
  stored: Binding | null,
  { projectId, diskId }: Pick<Binding, 'projectId' | 'diskId'>,
  { fromVaultId, toVaultId }: { fromVaultId: VaultId; toVaultId: VaultId },
  vault: Vault | null,
  contents: Pick<VaultContents, 'bindingCount'> | null,
): stored is Binding => {
  const own = stored?.projectId === projectId ? stored : null;
  if (own?.vaultId === toVaultId) return false;
  if (own?.vaultId !== fromVaultId) return refuse(`disk ${diskId}`, 'its vault is another one');
  return isToUnbind(own, own) && isToBind(null, vault, { ...own, vaultId: toVaultId }, contents);
};

/** `stored`: the disk's binding, in the wanted vault or not. */
export const isToSuspend = (
  stored: Binding | null,
  { projectId, vaultId, diskId }: Pick<Binding, 'projectId' | 'vaultId' | 'diskId'>,
  suspended: boolean,
): boolean => {
  if (stored?.projectId !== projectId || stored.vaultId !== vaultId)
    throw new HoldfastError('BackupService.6135', { id: diskId, vaultId });
  return (stored.suspended ?? false) !== suspended;
};
