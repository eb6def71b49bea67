import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import type { Claim } from '../../lib/model/applied-policy.ts';
import { all, expectCode, many, race } from '../support/catalog-assertions.ts';
import { AT_MS, givenVault } from '../support/catalog-records.ts';
import { appliedOf, givenApplied, givenPolicy, somePolicy } from '../support/policy-records.ts';
import type { Subject } from './catalog.suite.ts';

export const policyCases = (subject: Subject): void => {
  recordCases(subject);
  applicationCases(subject);
  claimCases(subject);
};

const recordCases = (subject: Subject): void => {
  it('gives back a policy as it was put, with and without its optional fields', async () => {
    const { policies } = subject().catalog;
    const full = somePolicy({
      operationType: 'replication',
      retention: {
        durationDays: 30,
        dayBackups: 1,
        weekBackups: 2,
        monthBackups: 3,
        yearBackups: 4,
        timezone: 'UTC+05:30',
      },
      fullBackupInterval: 7,
      destination: { region: 'eu-de', projectId: 'p2' },
    });
    for (const policy of [somePolicy(), full]) {
      await policies.create(policy);
      expect(await policies.get(policy.projectId, policy.id)).toStrictEqual(policy);
    }
  });

  it('shows a policy to its project alone', async () => {
    const { policies } = subject().catalog;
    const { id, projectId } = await givenPolicy(subject().catalog);
    await expectCode(policies.get(randomUUID(), id), 'BackupService.6000');
    await expectCode(policies.get(projectId, randomUUID()), 'BackupService.6000');
    expect(await policies.list(randomUUID())).toStrictEqual([]);
    await policies.delete(randomUUID(), id);
    expect(await policies.list(projectId)).toHaveLength(1);
  });

  it('lists the policies of a project, newest first', async () => {
    const { catalog } = subject();
    const projectId = randomUUID();
    const made = await Promise.all(
      [3, 1, 2].map((n) => givenPolicy(catalog, { projectId, createdAtMs: AT_MS + n })),
    );
    expect(await catalog.policies.list(projectId)).toStrictEqual([made[0], made[2], made[1]]);
  });

  it('takes 32 policies of each type, however many come at once', async () => {
    const { catalog } = subject();
    const projectId = randomUUID();
    await many(28, () => givenPolicy(catalog, { projectId }));
    const { winners, codes } = await race(
      Array.from({ length: 6 }, () => () => givenPolicy(catalog, { projectId })),
    );
    expect(winners).toBe(4);
    expect(codes).toStrictEqual(['BackupService.6001', 'BackupService.6001']);
    await givenPolicy(catalog, { projectId, operationType: 'replication' });
    const policies = await catalog.policies.list(projectId);
    expect(policies).toHaveLength(33);
    const { id } = policies.find((policy) => policy.operationType === 'backup')!;
    await catalog.policies.delete(projectId, id);
    await catalog.policies.delete(projectId, id);
    await givenPolicy(catalog, { projectId });
    await expectCode(givenPolicy(catalog, { projectId }), 'BackupService.6001');
  }, 60_000);

  it('refuses an id that is taken', async () => {
    const { catalog } = subject();
    const { id, projectId } = await givenPolicy(catalog);
    const other = somePolicy({ id, projectId });
    await expectCode(catalog.policies.create(other), 'catalog.conflict');
  });

  it('replaces a policy and counts its revision; one of many at once wins', async () => {
    const { policies } = subject().catalog;
    const policy = await givenPolicy(subject().catalog);
    const { winners, codes } = await race(
      ['a', 'b', 'c'].map((name) => () => policies.update({ ...policy, name })),
    );
    expect(winners).toBe(1);
    expect(codes).toStrictEqual(['catalog.conflict', 'catalog.conflict']);
    const updated = await policies.get(policy.projectId, policy.id);
    expect(updated).toStrictEqual({ ...policy, name: updated.name, revision: 2 });
    const foreign = { ...policy, projectId: randomUUID() };
    await expectCode(policies.update(foreign), 'BackupService.6000');
  });
};

const applicationCases = (subject: Subject): void => {
  it('applies a policy to a vault and shows it there, in its project and among all', async () => {
    const { policies } = subject().catalog;
    const { vault, applied } = await givenApplied(subject().catalog);
    const { projectId } = vault;
    expect(await policies.appliedTo(projectId, vault.id)).toStrictEqual([applied]);
    expect(await policies.appliedTo(randomUUID(), vault.id)).toStrictEqual([]);
    expect(await all(policies.applied(projectId))).toStrictEqual([applied]);
    expect(await all(policies.applied(randomUUID()))).toStrictEqual([]);
    expect(await all(policies.applied())).toContainEqual(applied);
  });

  it('a second policy of a type takes the place of the first; one of each type stays', async () => {
    const { catalog } = subject();
    const { vault, applied } = await givenApplied(catalog);
    const { projectId } = vault;
    const second = appliedOf(vault, await givenPolicy(catalog, { projectId }));
    const replication = appliedOf(
      vault,
      await givenPolicy(catalog, { projectId, operationType: 'replication' }),
      { destinationVaultId: 'v9' },
    );
    await catalog.policies.apply(replication);
    await catalog.policies.apply(second);
    expect(await catalog.policies.appliedTo(projectId, vault.id)).toStrictEqual([
      second,
      replication,
    ]);
    await catalog.policies.unapply(projectId, vault.id, applied.policyId);
    await catalog.policies.unapply(randomUUID(), vault.id, second.policyId);
    expect(await catalog.policies.appliedTo(projectId, vault.id)).toHaveLength(2);
    await catalog.policies.unapply(projectId, vault.id, second.policyId);
    await catalog.policies.unapply(projectId, vault.id, second.policyId);
    expect(await catalog.policies.appliedTo(projectId, vault.id)).toStrictEqual([replication]);
  });

  it('applies only what exists, to what exists, in one project', async () => {
    const { catalog } = subject();
    const { vault, policy } = await givenApplied(catalog);
    const { projectId } = vault;
    const apply = (vaultId: string, policyId: string, project = projectId) =>
      catalog.policies.apply({
        ...appliedOf(vault, policy, { appliedAtMs: AT_MS + 1 }),
        projectId: project,
        vaultId,
        policyId,
      });
    await expectCode(apply(randomUUID(), policy.id), 'BackupService.6105');
    await expectCode(apply(vault.id, randomUUID()), 'BackupService.6000');
    await expectCode(apply(vault.id, policy.id, randomUUID()), 'BackupService.6105');
    const foreign = await givenPolicy(catalog);
    await expectCode(apply(vault.id, foreign.id), 'BackupService.6000');
  });

  it('never leaves a policy applied that was deleted before', async () => {
    const { catalog } = subject();
    for (let round = 0; round < 5; round++) {
      const vault = await givenVault(catalog);
      const { projectId } = vault;
      const policy = await givenPolicy(catalog, { projectId });
      await race([
        () => catalog.policies.apply(appliedOf(vault, policy)),
        () => catalog.policies.delete(projectId, policy.id),
      ]);
      await expectCode(
        catalog.policies.apply(appliedOf(vault, policy, { appliedAtMs: AT_MS + 1 })),
        'BackupService.6000',
      );
    }
  });
};

const claimCases = (subject: Subject): void => {
  const POINT_MS = AT_MS + 60_000;
  const someClaim = (fields: Partial<Claim> = {}): Claim => ({
    id: randomUUID(),
    pointMs: POINT_MS,
    untilMs: POINT_MS + 1000,
    ...fields,
  });

  it('gives a time point to one of many, and to nobody once it is settled', async () => {
    const { policies } = subject().catalog;
    const { vault, applied } = await givenApplied(subject().catalog);
    const claims = await Promise.all(
      Array.from({ length: 6 }, () => policies.claim(applied, someClaim(), POINT_MS)),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
    await policies.settle(applied, POINT_MS);
    const settled = { ...applied, settledUntilMs: POINT_MS };
    expect(await policies.appliedTo(vault.projectId, vault.id)).toStrictEqual([settled]);
    for (const seen of [applied, settled])
      expect(await policies.claim(seen, someClaim(), POINT_MS + 5000)).toBe(false);
    const next = someClaim({ pointMs: POINT_MS + 1 });
    expect(await policies.claim(applied, next, POINT_MS + 1)).toBe(true);
  });

  it('lets a claim that ran out be taken over, also for a later time point', async () => {
    const { policies } = subject().catalog;
    const { vault, applied } = await givenApplied(subject().catalog);
    const claim = someClaim();
    expect(await policies.claim(applied, claim, POINT_MS)).toBe(true);
    const late = someClaim({ pointMs: POINT_MS + 9, untilMs: POINT_MS + 9000 });
    expect(await policies.claim(applied, late, claim.untilMs - 1)).toBe(false);
    expect(await policies.claim(applied, late, claim.untilMs)).toBe(true);
    expect(await policies.appliedTo(vault.projectId, vault.id)).toStrictEqual([
      { ...applied, claim: late },
    ]);
    await policies.settle(applied, late.pointMs);
    await policies.settle(applied, POINT_MS);
    const [stored] = await policies.appliedTo(vault.projectId, vault.id);
    expect(stored).toStrictEqual({ ...applied, settledUntilMs: late.pointMs });
  });

  it('claims and settles nothing of a policy that was applied anew, or taken off', async () => {
    const { policies } = subject().catalog;
    const { vault, policy, applied } = await givenApplied(subject().catalog);
    const anew = appliedOf(vault, policy, { appliedAtMs: AT_MS + 5, settledUntilMs: AT_MS + 5 });
    await policies.apply(anew);
    expect(await policies.claim(applied, someClaim(), POINT_MS)).toBe(false);
    await policies.settle(applied, POINT_MS);
    expect(await policies.appliedTo(vault.projectId, vault.id)).toStrictEqual([anew]);
    await policies.unapply(vault.projectId, vault.id, policy.id);
    expect(await policies.claim(anew, someClaim(), POINT_MS)).toBe(false);
    await policies.settle(anew, POINT_MS);
    expect(await policies.appliedTo(vault.projectId, vault.id)).toStrictEqual([]);
  });
};
