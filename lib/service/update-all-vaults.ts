import { isError } from '../errors.ts';
import type { VaultId } from '../model/ids.ts';
import { allows } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { changeVault } from './change-vault.ts';
import { listAll } from './list-page.ts';
import { mapLimited } from './map-limited.ts';

/** What is absent stays as it is. */
export interface UpdateAllVaultsCommand {
  smnNotify?: boolean | undefined;
  threshold?: number | undefined;
}

/**
 * Changes the notifications of every vault of the project whose status allows a change. Returns the
 * ids of these vaults; a repetition changes nothing more.
 */
export async function updateAllVaults(
  command: UpdateAllVaultsCommand,
  { projectId }: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<VaultId[]> {
  const vaults = await listAll(ports.catalog.vaults.list(projectId));
  const updated = await mapLimited(vaults, async ({ id }) => {
    try {
      const { status } = await changeOne(id);
      return allows(status, 'change') ? [id] : [];
    } catch (error) {
      // Deleted since it was listed.
      if (isError(error, 'BackupService.6105')) return [];
      throw error;
    }
  });
  return updated.flat();

  function changeOne(id: VaultId) {
    return changeVault(
      projectId,
      id,
      async (vault) => {
        const smnNotify = command.smnNotify ?? vault.smnNotify;
        const threshold = command.threshold ?? vault.threshold;
        const isSame = smnNotify === vault.smnNotify && threshold === vault.threshold;
        if (isSame || !allows(vault.status, 'change')) return null;
        return { ...vault, smnNotify, threshold, updatedAtMs: ports.clock.nowMs() };
      },
      ports,
    );
  }
}
