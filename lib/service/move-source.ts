import { isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { DataPorts } from './data-ports.ts';

/**
 * Hides the backup that was copied, once its copy is committed: from now on it is in one vault
 * alone, and the collector frees what only it named. It stays when its vault was locked since.
 * False while it is being restored: to be asked again.
 */
export const hideSource = async (
  { projectId, movedFrom }: Backup,
  { catalog, clock }: Pick<DataPorts, 'catalog' | 'clock'>,
): Promise<boolean> => {
  if (movedFrom === undefined) return true;
  try {
    const { locked } = await catalog.vaults.get(projectId, movedFrom.vaultId);
    if (locked) return true;
    await catalog.backups.hide(projectId, movedFrom.backupId, clock.nowMs());
    return true;
  } catch (error) {
    // Somebody deleted it meanwhile, or all of its vault, and the collector has forgotten it.
    if (isError(error, 'BackupService.6105', 'BackupService.6200')) return true;
    if (isError(error, 'BackupService.6201')) return false;
    throw error;
  }
};
