import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { PolicyDetails } from '../model/details.ts';
import type { PolicyId, ProjectId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** A policy and its vaults; `BackupService.6000` when the project has no such policy. */
export async function showPolicy(
  { policyId }: { policyId: PolicyId },
  { projectId }: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<PolicyDetails> {
  const policy = await ports.catalog.policies.get(projectId, policyId);
  return { policy, applied: await vaultsOf(policyId, projectId, ports) };
}

/** Where a policy is applied. */
export async function vaultsOf(
  policyId: PolicyId,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<AppliedPolicy[]> {
  const found: AppliedPolicy[] = [];
  for await (const one of catalog.policies.applied(projectId)) {
    if (one.policyId === policyId) found.push(one);
  }
  return found;
}
