import { isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { DiskId, ProjectId, VaultId } from '../model/ids.ts';
import { keepsByNumber } from '../model/policy.ts';
import { planRetention, type RetentionContext } from '../model/retention.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { hideBackup } from './hide-backup.ts';
import { ruleInForce } from './rule-in-force.ts';

/** What retention needs of the world. */
export type RetentionPorts = Pick<ApiPorts, 'catalog' | 'clock' | 'ids' | 'probe'>;

export interface RetentionResult {
  deleted: number;
  /** Could not be deleted; the next sweep tries again. */
  failed: number;
}

/** Deletions in one go, so that a run has an end; a sweep deletes the rest. */
const DELETIONS_MAX = 1_000;

/** Whose deletions these are, in the task log. */
const REQUEST_ID = 'retention';

/**
 * After a backup of a disk has completed, deletes those of that disk that the rule by number in
 * force keeps no more (spec section 4.3). What expires is the sweep's.
 */
export async function applyRetentionToDisk(
  { projectId, vaultId, diskId }: { projectId: ProjectId; vaultId: VaultId; diskId: DiskId },
  ports: RetentionPorts,
): Promise<RetentionResult> {
  const inForce = await ruleInForce(projectId, vaultId, ports);
  if (inForce === null || !keepsByNumber(inForce.rule)) return { deleted: 0, failed: 0 };
  const vault = await ports.catalog.vaults.get(projectId, vaultId);
  const backups = (await backupsByDisk(vaultId, ports)).get(diskId) ?? [];
  return execute(planFor(backups, vault, inForce, ports), vault, ports);
}

/**
 * Deletes from a vault what has expired, and what neither its rule nor that of failed backups keeps
 * any longer.
 */
export async function applyRetentionToVault(
  { projectId, vaultId }: { projectId: ProjectId; vaultId: VaultId },
  ports: RetentionPorts,
): Promise<RetentionResult> {
  const vault = await ports.catalog.vaults.get(projectId, vaultId);
  if (vault.status === 'deleting') return { deleted: 0, failed: 0 };
  const inForce = await ruleInForce(projectId, vaultId, ports);
  const byDisk = await backupsByDisk(vaultId, ports);
  const doomed = [...byDisk.values()].flatMap((backups) => planFor(backups, vault, inForce, ports));
  return execute(doomed, vault, ports);
}

/** Retention looks at each disk by itself; one that has left the vault, too. */
async function backupsByDisk(
  vaultId: VaultId,
  { catalog }: RetentionPorts,
): Promise<Map<DiskId, Backup[]>> {
  const byDisk = new Map<DiskId, Backup[]>();
  for await (const backup of catalog.backups.ofVault(vaultId)) {
    const backups = byDisk.get(backup.disk.id);
    if (backups) backups.push(backup);
    else byDisk.set(backup.disk.id, [backup]);
  }
  return byDisk;
}

/** The backups to delete, oldest first. */
function planFor(
  backups: readonly Backup[],
  { locked }: Vault,
  inForce: RetentionContext['inForce'],
  { clock }: RetentionPorts,
): Backup[] {
  // No image can be made of a backup in this release.
  const imageBound = new Set<string>();
  const plan = planRetention(backups, { nowMs: clock.nowMs(), inForce, locked, imageBound });
  const doomed = new Set(
    plan.flatMap(({ backupId, action }) => (action === 'delete' ? backupId : [])),
  );
  return backups.filter(({ id }) => doomed.has(id));
}

/** One that cannot be deleted is reported and does not keep the others. */
async function execute(
  doomed: readonly Backup[],
  vault: Vault,
  ports: RetentionPorts,
): Promise<RetentionResult> {
  const result = { deleted: 0, failed: 0 };
  for (const backup of doomed.slice(0, DELETIONS_MAX)) {
    try {
      await hideBackup(backup, vault, REQUEST_ID, ports);
      result.deleted++;
    } catch (error) {
      if (!isError(error)) throw error;
      result.failed++;
      ports.probe.problem('retention.not-deleted', error, { backupId: backup.id });
    }
  }
  if (doomed.length > 0) {
    ports.probe.note('retention.applied', { vaultId: vault.id, ...result });
  }
  return result;
}
