import { randomUUID } from 'node:crypto';
import type { AppliedPolicy } from '../../lib/model/applied-policy.ts';
import type { Policy } from '../../lib/model/policy.ts';
import type { Vault } from '../../lib/model/vault.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { AT_MS, givenVault } from './catalog-records.ts';

/** Every night at two, the newest three. */
export const somePolicy = (fields: Partial<Policy> = {}): Policy => ({
  id: randomUUID(),
  projectId: randomUUID(),
  name: 'nightly',
  enabled: true,
  operationType: 'backup',
  patterns: ['FREQ=DAILY;BYHOUR=02;BYMINUTE=00'],
  retention: { maxBackups: 3, dayBackups: 0, weekBackups: 0, monthBackups: 0, yearBackups: 0 },
  triggerId: randomUUID(),
  retentionSinceMs: AT_MS,
  scheduleSinceMs: AT_MS,
  revision: 1,
  createdAtMs: AT_MS,
  updatedAtMs: AT_MS,
  ...fields,
});

export const appliedOf = (
  vault: Pick<Vault, 'id' | 'projectId'>,
  policy: Pick<Policy, 'id' | 'operationType'>,
  fields: Partial<AppliedPolicy> = {},
): AppliedPolicy => ({
  projectId: vault.projectId,
  vaultId: vault.id,
  type: policy.operationType,
  policyId: policy.id,
  settledUntilMs: AT_MS,
  appliedAtMs: AT_MS,
  ...fields,
});

/** A policy that is in the catalog. */
export const givenPolicy = async (catalog: Catalog, fields: Partial<Policy> = {}) => {
  const policy = somePolicy(fields);
  await catalog.policies.create(policy);
  return policy;
};

/** A policy that is applied to a vault of its own. */
export const givenApplied = async (catalog: Catalog) => {
  const vault = await givenVault(catalog);
  const policy = await givenPolicy(catalog, { projectId: vault.projectId });
  const applied = appliedOf(vault, policy);
  await catalog.policies.apply(applied);
  return { vault, policy, applied };
};
