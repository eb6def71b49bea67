import type { Backup } from '../model/backup.ts';
import type { DiskId } from '../model/ids.ts';
import {
  planRetention,
  type RetentionContext,
  type RetentionDecision,
} from '../model/retention.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';

export interface PlannedBackup {
  backup: Backup;
  decision: RetentionDecision;
}

/**
 * What retention decides on each backup of a vault, or of one of its disks: disk by disk, oldest
 * first; also of disks that have left the vault. Nothing is deleted here.
 */
export async function planVaultRetention(
  { vault, diskId, inForce }: Pick<RetentionContext, 'inForce'> & { vault: Vault; diskId?: DiskId },
  { catalog, clock }: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<PlannedBackup[]> {
  const byDisk = new Map<DiskId, Map<string, Backup>>();
  for await (const backup of catalog.backups.ofVault(vault.id)) {
    const { id } = backup.disk;
    if (diskId !== undefined && id !== diskId) continue;
    byDisk.set(id, (byDisk.get(id) ?? new Map<string, Backup>()).set(backup.id, backup));
  }
  const context = {
    nowMs: clock.nowMs(),
    inForce,
    locked: vault.locked,
    // No image can be made of a backup in this release.
    imageBound: new Set<string>(),
  };
  return [...byDisk.values()].flatMap((backups) =>
    planRetention([...backups.values()], context).map((decision) => ({
      backup: backups.get(decision.backupId) as Backup,
      decision,
    })),
  );
}
