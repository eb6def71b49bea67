import { HoldfastError } from '../errors.ts';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { PolicyId, VaultId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';

export interface AssociatePolicyCommand {
  vaultId: VaultId;
  /** Each takes the place of the vault's policy of its type. */
  policyIds: PolicyId[];
  destinationVaultId?: VaultId | undefined;
}

type Ports = Pick<ApiPorts, 'catalog' | 'clock'>;

/**
 * Applies policies to a vault; they run from now on. Refused in this order: no such vault (6105),
 * not available (6112), no such policy (6000), not for this vault (6127).
 */
export async function associatePolicy(
  { vaultId, policyIds }: AssociatePolicyCommand,
  { projectId }: Caller,
  ports: Ports,
): Promise<AppliedPolicy> {
  const vault = await ports.catalog.vaults.get(projectId, vaultId);
  checkVaultStatus(vault, 'applyPolicy');
  const policies: Policy[] = [];
  for (const id of policyIds) policies.push(await ports.catalog.policies.get(projectId, id));
  for (const policy of policies) checkFits(policy, vault);

  let applied: AppliedPolicy | undefined;
  for (const policy of policies) applied = await applyTo(vault, policy, ports);
  if (!applied) throw new HoldfastError('bug', { reason: 'no policy was asked for' });
  return applied;
}

/** `BackupService.6127`: spec section 4.1, a disk vault takes no replication policy. */
export function checkFits({ id, operationType }: Policy, { id: vaultId, objectType }: Vault): void {
  if (operationType === 'backup') return;
  const reason = `a ${objectType} vault takes no ${operationType} policy`;
  throw new HoldfastError('BackupService.6127', { id, vaultId, reason });
}

/** Applies a policy that fits; one that is applied already goes on as it is. */
export async function applyTo(
  { id: vaultId, projectId }: Pick<Vault, 'id' | 'projectId'>,
  { id: policyId, operationType: type }: Pick<Policy, 'id' | 'operationType'>,
  { catalog, clock }: Ports,
): Promise<AppliedPolicy> {
  const present = await catalog.policies.appliedTo(projectId, vaultId);
  const same = present.find((one) => one.policyId === policyId);
  if (same) return same;
  const nowMs = clock.nowMs();
  const applied = { projectId, vaultId, type, policyId, settledUntilMs: nowMs, appliedAtMs: nowMs };
  await catalog.policies.apply(applied);
  return applied;
}
