import { deleteVaultObjects } from '../engine/list-vault-objects.ts';
import { isError } from '../errors.ts';
import type { Vault } from '../model/vault.ts';
import type { Cycle } from '../ports/garbage-catalog.ts';
import type { DataPorts } from './data-ports.ts';
import { endDeletionTask } from './log-vault-deletion.ts';

type Ports = Pick<DataPorts, 'catalog' | 'objects' | 'clock' | 'probe'>;

/**
 * Deletes every backup of a vault that is being deleted (spec section 3.3). One that is being made
 * or restored is left for the next cycle: nothing new begins in the vault any more.
 */
export const hideAllBackups = async (
  { id, projectId }: Vault,
  { catalog, clock }: Ports,
): Promise<void> => {
  for await (const { id: backupId } of catalog.backups.ofVault(id)) {
    try {
      await catalog.backups.hide(projectId, backupId, clock.nowMs());
    } catch (error) {
      if (!isError(error, 'BackupService.6200', 'BackupService.6201')) throw error;
    }
  }
};

/**
 * Removes what is left of a vault without backups, packs and OPEN sessions: its file, its keys and
 * its items, the vault itself last. True when nothing is left of it in the object store and in the
 * catalog; its operation logs stay.
 */
export const removeEmptyVault = async (
  { id, projectId }: Vault,
  cycle: Cycle,
  ports: Ports,
): Promise<boolean> => {
  const { catalog, objects, probe } = ports;
  for await (const _ of catalog.garbage.packs(id)) return false;
  for await (const _ of catalog.backups.roots(id)) return false;
  if ((await catalog.sessions.listOpen(id)).length > 0) return false;
  await deleteVaultObjects({ projectId, vaultId: id }, objects);
  try {
    await catalog.garbage.removeVaultItems(cycle);
  } catch (error) {
    // A backup that never came to be has not been hidden yet.
    if (isError(error, 'catalog.conflict')) return false;
    throw error;
  }
  await endDeletionTask(projectId, id, ports);
  probe.note('vault.deleted', { vaultId: id });
  return true;
};
