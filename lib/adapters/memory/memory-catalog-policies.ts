import type { AppliedPolicy } from '../../model/applied-policy.ts';
import type { PolicyCatalog } from '../../ports/policy-catalog.ts';
import {
  claiming,
  isPolicyToCreate,
  isPolicyToUpdate,
  isToApply,
  isToSettle,
  ownPolicy,
} from '../catalog-rules/policy-rules.ts';
import { copyOf, inVault, type MemoryCatalogState, newestFirst } from './memory-catalog-state.ts';

export const memoryPolicies = ({
  vaults,
  policies,
  applied,
}: MemoryCatalogState): PolicyCatalog => {
  const listOf = (projectId: string) =>
    [...policies.values()].filter((policy) => policy.projectId === projectId);
  const keyOf = ({ vaultId, type }: AppliedPolicy) => inVault(vaultId, type);
  const appliedWhere = (isWanted: (one: AppliedPolicy) => boolean) =>
    copyOf([...applied.values()].filter(isWanted)).toSorted((a, b) =>
      keyOf(a) < keyOf(b) ? -1 : 1,
    );

  return {
    async create(policy) {
      const { id, projectId, operationType } = policy;
      const ofType = listOf(projectId).filter((one) => one.operationType === operationType);
      if (isPolicyToCreate(policies.get(id) ?? null, ofType.length, policy))
        policies.set(id, copyOf(policy));
    },

    async get(projectId, id) {
      return copyOf(ownPolicy(policies.get(id) ?? null, projectId, id));
    },

    async list(projectId) {
      return copyOf(listOf(projectId)).toSorted(newestFirst);
    },

    async update(policy) {
      const { id, projectId, revision } = policy;
      const stored = ownPolicy(policies.get(id) ?? null, projectId, id);
      if (isPolicyToUpdate(stored, policy))
        policies.set(id, copyOf({ ...policy, revision: revision + 1 }));
      return copyOf(policies.get(id)!);
    },

    async delete(projectId, id) {
      if (policies.get(id)?.projectId === projectId) policies.delete(id);
    },

    async apply(wanted) {
      const found = {
        vault: vaults.get(wanted.vaultId) ?? null,
        policy: policies.get(wanted.policyId) ?? null,
        stored: applied.get(keyOf(wanted)) ?? null,
      };
      if (isToApply(found, wanted)) applied.set(keyOf(wanted), copyOf(wanted));
    },

    async unapply(projectId, vaultId, policyId) {
      for (const [key, one] of applied)
        if (one.projectId === projectId && one.vaultId === vaultId && one.policyId === policyId)
          applied.delete(key);
    },

    async appliedTo(projectId, vaultId) {
      return appliedWhere((one) => one.projectId === projectId && one.vaultId === vaultId);
    },

    async *applied(projectId) {
      yield* appliedWhere((one) => (projectId ?? one.projectId) === one.projectId);
    },

    async claim(wanted, claim, atMs) {
      const stored = applied.get(keyOf(wanted)) ?? null;
      const becomes = claiming(stored, wanted, claim, atMs);
      if (becomes === 'write') stored!.claim = copyOf(claim);
      return becomes !== 'refused';
    },

    async settle(wanted, pointMs) {
      const stored = applied.get(keyOf(wanted)) ?? null;
      if (!isToSettle(stored, wanted, pointMs)) return;
      const { claim: _, ...rest } = stored!;
      applied.set(keyOf(wanted), { ...rest, settledUntilMs: pointMs });
    },
  };
};
