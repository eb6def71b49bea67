import type { PolicyId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { showPolicy } from './show-policy.ts';

/**
 * Deletes a policy and takes it off its vaults; a run that is under way completes. Gone first, it
 * can be applied nowhere any more; vaults that a crash leaves behind are freed when it would run.
 */
export async function deletePolicy(
  { policyId }: { policyId: PolicyId },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<void> {
  const { policies } = ports.catalog;
  const { applied } = await showPolicy({ policyId }, caller, ports);
  await policies.delete(caller.projectId, policyId);
  for (const { vaultId } of applied) await policies.unapply(caller.projectId, vaultId, policyId);
}
