import { readManifest } from '../engine/read-manifest.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { HoldfastError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { DataPorts } from './data-ports.ts';

/**
 * The manifest of the backup that another one is a copy of, and how its blocks are read. The
 * copying attempt's READ session in the source's vault keeps what it names.
 */
export const readSource = async ({ id, projectId, movedFrom }: Backup, ports: DataPorts) => {
  if (movedFrom === undefined)
    throw new HoldfastError('bug', { reason: `backup ${id} is not a copy` });
  const { vaultId, backupId } = movedFrom;
  const keys = vaultKeys(vaultId, { vaults: ports.catalog.vaults, keys: ports.keys });
  const { objects, pool } = ports;
  const reading = { objects, pool, projectId, vaultId, vaultKeys: keys };
  const source = await ports.catalog.backups.get(projectId, backupId);
  return { manifest: await readManifest(source, reading), reading };
};
