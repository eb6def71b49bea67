import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { PolicyDetails } from '../model/details.ts';
import type { PolicyId, VaultId } from '../model/ids.ts';
import type { PolicyType } from '../model/policy.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

export interface ListPoliciesCommand {
  operationType?: PolicyType | undefined;
  /** Policies that are applied to this vault. */
  vaultId?: VaultId | undefined;
}

/** The project's policies that match, newest first. There are so few that they need no pages. */
export async function listPolicies(
  { operationType, vaultId }: ListPoliciesCommand,
  { projectId }: Caller,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<PolicyDetails[]> {
  const ofPolicy = new Map<PolicyId, AppliedPolicy[]>();
  for await (const one of catalog.policies.applied(projectId)) {
    ofPolicy.set(one.policyId, [...(ofPolicy.get(one.policyId) ?? []), one]);
  }
  const policies = await catalog.policies.list(projectId);
  return policies
    .map((policy) => ({ policy, applied: ofPolicy.get(policy.id) ?? [] }))
    .filter(
      ({ policy, applied }) =>
        (operationType ?? policy.operationType) === policy.operationType &&
        (vaultId === undefined || applied.some((one) => one.vaultId === vaultId)),
    );
}
