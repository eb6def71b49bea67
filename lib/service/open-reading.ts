import { readManifest } from '../engine/read-manifest.ts';
import { type VaultKeys, vaultKeys } from '../engine/vault-keys.ts';
import type { Backup } from '../model/backup.ts';
import type { SessionId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { DataPorts } from './data-ports.ts';

export interface Reading {
  backup: Backup;
  manifest: Awaited<ReturnType<typeof readManifest>>;
  vaultKeys: VaultKeys;
}

/** Opens the READ session of a task's attempt (R13), then the manifest that the session keeps. */
export const openReading = async (
  { id: operationLogId, projectId, vaultId, backupId }: OperationLog,
  sessionId: SessionId,
  ports: DataPorts,
): Promise<Reading> => {
  const { catalog, clock, settings } = ports;
  const nowMs = clock.nowMs();
  await catalog.sessions.open({
    vaultId,
    id: sessionId,
    kind: 'read',
    backupId,
    operationLogId,
    quarantined: [],
    leaseUntilMs: nowMs + settings.leaseMs,
    createdAtMs: nowMs,
  });
  const backup = await catalog.backups.get(projectId, backupId);
  const keys = vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys });
  const manifest = await readManifest(backup, { ...ports, vaultKeys: keys });
  return { backup, manifest, vaultKeys: keys };
};
