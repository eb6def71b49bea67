import { HoldfastError } from '../errors.ts';
import type { Page } from '../model/details.ts';
import type { PolicyId, VaultId } from '../model/ids.ts';
import { checkRetention, type RetentionRule } from '../model/policy.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { LIST_SCAN_MAX, type PageRequest } from './list-page.ts';
import { type PlannedBackup, planVaultRetention } from './plan-vault-retention.ts';
import { showPolicy } from './show-policy.ts';

export interface PreviewRetentionCommand {
  policyId: PolicyId;
  /** In place of the policy's own rule: one that is not saved yet. */
  rule?: RetentionRule | undefined;
  /** One vault, also one that the policy is not applied to yet. */
  vaultId?: VaultId | undefined;
  action?: 'keep' | 'delete' | undefined;
  page: PageRequest;
}

export interface RetentionPreview {
  policyId: PolicyId;
  rule: RetentionRule;
  /** Of all vaults looked at, whatever `action` selects. */
  keepCount: number;
  deleteCount: number;
  backups: Page<PlannedBackup>;
}

/**
 * What a policy would keep and delete in its vaults, and why, once the next backup completes; also
 * under a rule that is not saved yet. Nothing is changed.
 */
export async function previewRetention(
  { policyId, rule, vaultId, action, page }: PreviewRetentionCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<RetentionPreview> {
  const { policy, applied } = await showPolicy({ policyId }, caller, ports);
  if (policy.operationType !== 'backup') {
    throw new HoldfastError('Holdfast.NotImplemented', { feature: 'Retention of replicas' });
  }
  const previewed = rule ?? policy.retention;
  checkRetention(previewed);
  const vaultIds = vaultId === undefined ? applied.map((one) => one.vaultId) : [vaultId];
  const plan: PlannedBackup[] = [];
  for (const id of vaultIds) {
    const vault = await ports.catalog.vaults.get(caller.projectId, id);
    // As if it were in force: the next completed backup makes it so.
    const inForce = { rule: previewed, sinceMs: null };
    for (const one of await planVaultRetention({ vault, inForce }, ports)) plan.push(one);
    if (plan.length > LIST_SCAN_MAX) {
      throw new HoldfastError('Holdfast.ListTooLong', { max: LIST_SCAN_MAX });
    }
  }
  const deleteCount = plan.filter(({ decision }) => decision.action === 'delete').length;
  const shown = action ? plan.filter(({ decision }) => decision.action === action) : plan;
  const { limit, offset } = page;
  const items = shown.slice(offset, offset + limit);
  return {
    policyId,
    rule: previewed,
    keepCount: plan.length - deleteCount,
    deleteCount,
    backups: { items, count: shown.length, limit, offset },
  };
}
