import { isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import type { DiskId, ProjectId, VaultId } from '../model/ids.ts';
import { keepsByNumber } from '../model/policy.ts';
import { allows, type Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { hideBackup } from './hide-backup.ts';
import { planVaultRetention } from './plan-vault-retention.ts';
import { ruleInForce } from './rule-in-force.ts';

/** What retention needs of the world. */
export type RetentionPorts = Pick<ApiPorts, 'catalog' | 'clock' | 'ids' | 'probe'>;

export interface RetentionResult {
  deleted: number;
  /** Could not be deleted; the next sweep tries again. */
  failed: number;
}

/**
 * Deletions in one go, so that a run has an end; a sweep deletes the rest. Of 256 disks that are
 * backed up 24 times a day 6,144 backups expire in a day, which has three sweeps.
 */
const DELETIONS_MAX = 3_000;

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
  return execute(await doomedOf({ vault, diskId, inForce }, ports), vault, ports);
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
  const inForce = await ruleInForce(projectId, vaultId, ports);
  return execute(await doomedOf({ vault, inForce }, ports), vault, ports);
}

/** The backups to delete, disk by disk, oldest first. */
async function doomedOf(
  scope: Parameters<typeof planVaultRetention>[0],
  ports: RetentionPorts,
): Promise<Backup[]> {
  const plan = await planVaultRetention(scope, ports);
  return plan.flatMap(({ backup, decision }) => (decision.action === 'delete' ? backup : []));
}

/** One that cannot be deleted is reported and does not keep the others. */
async function execute(
  doomed: readonly Backup[],
  vault: Vault,
  ports: RetentionPorts,
): Promise<RetentionResult> {
  const result = { deleted: 0, failed: 0 };
  if (!allows(vault.status, 'expire')) return result;
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
