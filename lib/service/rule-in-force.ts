import type { ProjectId, VaultId } from '../model/ids.ts';
import type { RetentionContext } from '../model/retention.ts';
import type { ApiPorts } from './api-ports.ts';
import { orNull } from './or-null.ts';

/**
 * The retention rule of the enabled backup policy that is applied to the vault, and since when both
 * are as they are; null when there is none.
 */
export async function ruleInForce(
  projectId: ProjectId,
  vaultId: VaultId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<RetentionContext['inForce']> {
  const all = await catalog.policies.appliedTo(projectId, vaultId);
  const applied = all.find(({ type }) => type === 'backup');
  if (!applied) return null;
  // A policy that is being deleted goes before what it is applied to.
  const found = catalog.policies.get(projectId, applied.policyId);
  const policy = await orNull(found, 'BackupService.6000');
  if (!policy?.enabled) return null;
  const sinceMs = Math.max(policy.retentionSinceMs, applied.appliedAtMs);
  return { rule: policy.retention, sinceMs };
}
