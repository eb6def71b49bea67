import { HoldfastError } from '../errors.ts';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { PolicyId, ProjectId, VaultId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/**
 * Takes a policy off a vault; a run that is under way completes. `BackupService.6105` without the
 * vault, `BackupService.6002` when the policy is not applied to it.
 */
export async function dissociatePolicy(
  { vaultId, policyId: id }: { vaultId: VaultId; policyId: PolicyId },
  { projectId }: Caller,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<AppliedPolicy> {
  await catalog.vaults.get(projectId, vaultId);
  const present = await catalog.policies.appliedTo(projectId, vaultId);
  const applied = present.find(({ policyId }) => policyId === id);
  if (!applied) throw new HoldfastError('BackupService.6002', { id, vaultId });
  await catalog.policies.unapply(projectId, vaultId, id);
  return applied;
}

/** Takes all policies off a vault that is gone. */
export async function takeOffPolicies(
  projectId: ProjectId,
  vaultId: VaultId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<void> {
  const applied = await catalog.policies.appliedTo(projectId, vaultId);
  for (const { policyId } of applied) await catalog.policies.unapply(projectId, vaultId, policyId);
}
