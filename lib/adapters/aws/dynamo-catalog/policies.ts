import type { AppliedPolicy } from '../../../model/applied-policy.ts';
import { POLICY_LIMITS, POLICY_TYPES, type Policy } from '../../../model/policy.ts';
import type { PolicyCatalog } from '../../../ports/policy-catalog.ts';
import {
  claiming,
  isPolicyToCreate,
  isPolicyToUpdate,
  isToApply,
  isToSettle,
  ownPolicy,
} from '../../catalog-rules/policy-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import { appliedPolicyCodec, policyCodec, policyCountCodec, vaultCodec } from './codecs.ts';
import type { Condition } from './expression.ts';
import { keys, prefixes } from './keys.ts';
import { settle } from './settle.ts';

export const dynamoPolicies = (table: CatalogTable): PolicyCatalog => {
  const read = (projectId: string, id: string) =>
    table.get(policyCodec, keys.policy(projectId, id));
  const readApplied = (one: AppliedPolicy) => table.get(appliedPolicyCodec, keyOf(one));

  return {
    async create(policy) {
      const { id, projectId, operationType } = policy;
      await settle('policies.create', table.limits, async () => {
        const [stored, counted] = await table.snapshot(
          [policyCodec, keys.policy(projectId, id)],
          [policyCountCodec, keys.policyCount(projectId, operationType)],
        );
        if (!isPolicyToCreate(stored, counted?.count ?? 0, policy)) return { done: undefined };
        return {
          write: () =>
            table.transact([
              { put: policyCodec.encode(policy), when: { exists: false } },
              counted === null ? firstOf(policy) : oneMoreOf(policy),
            ]),
        };
      });
    },

    async get(projectId, id) {
      return ownPolicy(await read(projectId, id), projectId, id);
    },

    async list(projectId) {
      const policies: Policy[] = [];
      for await (const items of table.pages(prefixes.policies(projectId)))
        policies.push(...items.map((item) => policyCodec.decode(item)));
      return policies.toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
    },

    async update(policy) {
      const { id, projectId, revision } = policy;
      const next = { ...policy, revision: revision + 1 };
      return settle('policies.update', table.limits, async () => {
        const stored = ownPolicy(await read(projectId, id), projectId, id);
        if (!isPolicyToUpdate(stored, policy)) return { done: stored };
        const when = { equal: { revision } };
        return { write: () => table.put(policyCodec.encode(next), when).then(() => next) };
      });
    },

    async delete(projectId, id) {
      await settle('policies.delete', table.limits, async () => {
        const stored = await read(projectId, id);
        if (stored === null) return { done: undefined };
        return {
          write: () =>
            table.transact([
              { remove: keys.policy(projectId, id), when: { exists: true } },
              {
                update: keys.policyCount(projectId, stored.operationType),
                change: { add: { count: -1 } },
                when: { exists: true },
              },
            ]),
        };
      });
    },

    async apply(applied) {
      const { projectId, vaultId, policyId } = applied;
      await settle('policies.apply', table.limits, async () => {
        const [vault, policy, stored] = await table.snapshot(
          [vaultCodec, keys.vault(vaultId)],
          [policyCodec, keys.policy(projectId, policyId)],
          [appliedPolicyCodec, keyOf(applied)],
        );
        if (!isToApply({ vault, policy, stored }, applied)) return { done: undefined };
        return {
          write: () =>
            table.transact([
              { check: keys.vault(vaultId), when: { equal: { projectId } } },
              { check: keys.policy(projectId, policyId), when: { exists: true } },
              {
                put: appliedPolicyCodec.encode(applied),
                when: stored === null ? { exists: false } : asRead(stored),
              },
            ]),
        };
      });
    },

    async unapply(projectId, vaultId, policyId) {
      for (const type of POLICY_TYPES) {
        const key = keys.appliedPolicy(projectId, vaultId, type);
        await settle('policies.unapply', table.limits, async () => {
          const stored = await table.get(appliedPolicyCodec, key);
          if (stored?.policyId !== policyId) return { done: undefined };
          const when = { equal: { policyId } };
          return { write: () => table.transact([{ remove: key, when }]) };
        });
      }
    },

    async appliedTo(projectId, vaultId) {
      const found = await Promise.all(
        POLICY_TYPES.map((type) =>
          table.get(appliedPolicyCodec, keys.appliedPolicy(projectId, vaultId, type)),
        ),
      );
      return found.filter((one) => one !== null);
    },

    async *applied(projectId) {
      for await (const items of table.pages(prefixes.appliedPolicies(projectId)))
        yield* items.map((item) => appliedPolicyCodec.decode(item));
    },

    async claim(applied, claim, atMs) {
      return settle('policies.claim', table.limits, async () => {
        const stored = await readApplied(applied);
        const becomes = claiming(stored, applied, claim, atMs);
        if (stored === null || becomes !== 'write') return { done: becomes === 'done' };
        const change = { set: { claim } };
        return {
          write: () => table.update(keyOf(applied), change, asRead(stored)).then(() => true),
        };
      });
    },

    async settle(applied, pointMs) {
      await settle('policies.settle', table.limits, async () => {
        const stored = await readApplied(applied);
        if (stored === null || !isToSettle(stored, applied, pointMs)) return { done: undefined };
        const change = { set: { settledUntilMs: pointMs }, remove: ['claim'] };
        return {
          write: async () => void (await table.update(keyOf(applied), change, asRead(stored))),
        };
      });
    },
  };
};

const keyOf = ({ projectId, vaultId, type }: AppliedPolicy) =>
  keys.appliedPolicy(projectId, vaultId, type);

/** Nobody has changed it since it was read: each of its changes moves one of these. */
const asRead = ({ policyId, appliedAtMs, settledUntilMs, claim }: AppliedPolicy): Condition => ({
  equal: { policyId, appliedAtMs, settledUntilMs, ...(claim && { claim }) },
  ...(claim === undefined && { absent: ['claim'] }),
});

const firstOf = ({ projectId, operationType }: Policy) => ({
  put: policyCountCodec.encode({ projectId, type: operationType, count: 1 }),
  when: { exists: false },
});

const oneMoreOf = ({ projectId, operationType }: Policy) => ({
  update: keys.policyCount(projectId, operationType),
  change: { add: { count: 1 } },
  when: { exists: true, below: { count: POLICY_LIMITS.policiesMax } },
});
