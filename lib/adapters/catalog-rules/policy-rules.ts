import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '../../errors.ts';
import type { AppliedPolicy, Claim } from '../../model/applied-policy.ts';
import type { PolicyId, ProjectId } from '../../model/ids.ts';
import { POLICY_LIMITS, type Policy } from '../../model/policy.ts';
import type { Vault } from '../../model/vault.ts';
import { refuse } from './refusal.ts';
import { ownVault } from './vault-rules.ts';

/** `count`: how many policies of its type the project has. */
export const isPolicyToCreate = (
  stored: Policy | null,
  count: number,
  { id, operationType: type, triggerId, createdAtMs }: Policy,
): boolean => {
  if (stored?.triggerId === triggerId && stored.createdAtMs === createdAtMs) return false;
  if (stored !== null) return refuse(`policy ${id}`, 'the id is taken');
  const max = POLICY_LIMITS.policiesMax;
  if (count >= max) throw new HoldfastError('BackupService.6001', { max, type });
  return true;
};

/** The policy when it is the project's, else `BackupService.6000`. */
export const ownPolicy = (stored: Policy | null, projectId: ProjectId, id: PolicyId): Policy => {
  if (stored?.projectId !== projectId) throw new HoldfastError('BackupService.6000', { id });
  return stored;
};

export const isPolicyToUpdate = (stored: Policy, policy: Policy): boolean => {
  if (stored.revision === policy.revision) return true;
  if (isDeepStrictEqual(stored, { ...policy, revision: policy.revision + 1 })) return false;
  return refuse(`policy ${policy.id}`, `it was changed: revision ${stored.revision}`);
};

export const isToApply = (
  found: { vault: Vault | null; policy: Policy | null; stored: AppliedPolicy | null },
  applied: AppliedPolicy,
): boolean => {
  const { projectId, vaultId, policyId } = applied;
  ownVault(found.vault, projectId, vaultId);
  ownPolicy(found.policy, projectId, policyId);
  return found.stored === null || !isSameApplied(found.stored, applied);
};

/** True when nobody has applied a policy to the vault since. */
export const isSameApplied = (a: AppliedPolicy, b: AppliedPolicy): boolean =>
  a.policyId === b.policyId && a.appliedAtMs === b.appliedAtMs;

/** What becomes of a claim: it is made, was made by this very call, or cannot be. */
export const claiming = (
  stored: AppliedPolicy | null,
  applied: AppliedPolicy,
  claim: Claim,
  atMs: number,
): 'write' | 'done' | 'refused' => {
  if (stored === null || !isSameApplied(stored, applied)) return 'refused';
  if (stored.claim?.id === claim.id) return 'done';
  if (stored.settledUntilMs >= claim.pointMs) return 'refused';
  return stored.claim !== undefined && stored.claim.untilMs > atMs ? 'refused' : 'write';
};

export const isToSettle = (
  stored: AppliedPolicy | null,
  applied: AppliedPolicy,
  pointMs: number,
): boolean => stored !== null && isSameApplied(stored, applied) && stored.settledUntilMs < pointMs;
