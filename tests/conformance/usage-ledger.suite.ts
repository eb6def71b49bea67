import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../lib/model/duration.ts';
import { dayOf } from '../../lib/model/usage-ledger.ts';
import type { Vault } from '../../lib/model/vault.ts';
import { all, expectCode, many, race } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  givenBinding,
  givenVault,
  someKey,
  someSample,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

export const ledgerCases = (subject: Subject): void => {
  changeCases(subject);
  endCases(subject);
  sampleCases(subject);
};

const specOf = ({ name, sizeGib, tags, enterpriseProjectId }: Vault) => ({
  name,
  sizeGib,
  tags,
  enterpriseProjectId,
});

const changeOf = (vault: Vault, atMs: number) => ({
  projectId: vault.projectId,
  vaultId: vault.id,
  revision: vault.revision,
  atMs,
  spec: specOf(vault),
});

const changeCases = (subject: Subject): void => {
  it('begins with the vault, also when its creation is repeated', async () => {
    const { vaults, ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    await vaults.create(vault, someKey(vault));
    expect(await all(ledger.changes(vault.projectId))).toStrictEqual([
      changeOf(vault, vault.createdAtMs),
    ]);
  });

  it('knows what an update changes, once, and nothing of one that is refused', async () => {
    const { vaults, ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const larger = { ...vault, sizeGib: vault.sizeGib + 1, updatedAtMs: AT_MS + 5 };
    const second = await vaults.update(larger);
    await vaults.update(larger);
    await expectCode(vaults.update({ ...larger, sizeGib: 7 }), 'catalog.conflict');
    const tags = [{ key: 'tier', value: 'gold' }];
    const third = await vaults.update({ ...second, tags, updatedAtMs: AT_MS + 9 });
    expect(await all(ledger.changes(vault.projectId))).toStrictEqual([
      changeOf(vault, vault.createdAtMs),
      changeOf(second, AT_MS + 5),
      changeOf(third, AT_MS + 9),
    ]);
  });

  it('has one change for one of many updates at once', async () => {
    const { vaults, ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const sizes = [201, 202, 203, 204, 205, 206];
    await race(sizes.map((sizeGib) => () => vaults.update({ ...vault, sizeGib })));
    const { sizeGib } = await vaults.get(vault.projectId, vault.id);
    const [, ...changes] = await all(ledger.changes(vault.projectId));
    expect(changes.map(({ spec }) => spec?.sizeGib)).toStrictEqual([sizeGib]);
  });

  it('knows nothing of an update that changes nothing metered', async () => {
    const { vaults, ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    await vaults.update({ ...vault, threshold: 7, updatedAtMs: AT_MS + 5 });
    expect(await all(ledger.changes(vault.projectId))).toHaveLength(1);
  });

  it('begins to meter a vault that has no change, and no other', async () => {
    const { ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const [first] = await all(ledger.changes(vault.projectId));
    await ledger.begin({ ...vault, sizeGib: 7 });
    expect(await all(ledger.changes(vault.projectId))).toStrictEqual([first]);
    await ledger.removeChange(first!);
    for (let round = 0; round < 2; round++) await ledger.begin(vault);
    expect(await all(ledger.changes(vault.projectId))).toStrictEqual([first]);
  });

  it('tells the changes of a project, or of all of them, vault by vault', async () => {
    const { catalog } = subject();
    const [one, other] = [await givenVault(catalog), await givenVault(catalog)];
    const second = await givenVault(catalog, { projectId: one.projectId });
    for (const vault of [one, second, other])
      await catalog.vaults.update({ ...vault, name: 'renamed' });
    const ids = [one.id, second.id].toSorted();
    const namesOf = async (projectId?: string) =>
      (await all(catalog.ledger.changes(projectId))).map(({ vaultId, revision }) => [
        vaultId,
        revision,
      ]);
    const expected = ids.flatMap((id) => [
      [id, 1],
      [id, 2],
    ]);
    expect(await namesOf(one.projectId)).toStrictEqual(expected);
    expect(await namesOf()).toEqual(expect.arrayContaining([...expected, [other.id, 2]]));
  });
};

const endCases = (subject: Subject): void => {
  it('ends when the deletion of a vault begins, and not again', async () => {
    const { ledger, garbage, vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const { projectId, id: vaultId } = vault;
    const binding = await givenBinding(subject().catalog, vault);
    await expectCode(garbage.startDeletingVault(projectId, vaultId, AT_MS), 'BackupService.6111');
    expect(await all(ledger.changes(projectId))).toHaveLength(1);
    await vaults.unbind(binding);
    await garbage.startDeletingVault(projectId, vaultId, AT_MS + 50);
    await garbage.startDeletingVault(projectId, vaultId, AT_MS + 90);
    const [, ...ends] = await all(ledger.changes(projectId));
    expect(ends).toStrictEqual([{ projectId, vaultId, revision: 2, atMs: AT_MS + 50 }]);
  });

  it('ends with a vault that is taken back, and stays after it', async () => {
    const { ledger, vaults } = subject().catalog;
    const { projectId, id: vaultId } = await givenVault(subject().catalog, { updatedAtMs: AT_MS });
    await vaults.delete(projectId, vaultId);
    await vaults.delete(projectId, vaultId);
    const [, ...ends] = await all(ledger.changes(projectId));
    expect(ends).toStrictEqual([{ projectId, vaultId, revision: 2, atMs: AT_MS }]);
  });

  it('forgets a change, idempotently', async () => {
    const { ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const [change] = await all(ledger.changes(vault.projectId));
    await ledger.removeChange(change!);
    await ledger.removeChange(change!);
    expect(await all(ledger.changes(vault.projectId))).toStrictEqual([]);
  });
};

const sampleCases = (subject: Subject): void => {
  it('keeps one sample of an hour, the first', async () => {
    const { ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const { projectId } = vault;
    const dayMs = dayOf(AT_MS);
    const at = (atMs: number, usedBytes: number) => someSample(vault, { atMs, usedBytes });
    await ledger.addSample(at(dayMs + HOUR_MS - 1, 1));
    await ledger.addSample(at(dayMs, 2));
    await ledger.addSample(at(dayMs + HOUR_MS, 3));
    await ledger.addSample(at(dayMs + HOUR_MS, 4));
    await ledger.addSample(at(dayMs + DAY_MS, 5));
    expect(await all(ledger.samples(projectId, dayMs))).toStrictEqual([
      at(dayMs + HOUR_MS - 1, 1),
      at(dayMs + HOUR_MS, 3),
    ]);
    expect(await all(ledger.samples(projectId, dayMs + DAY_MS))).toHaveLength(1);
    expect(await all(ledger.samples(projectId, dayMs - DAY_MS))).toHaveLength(0);
    expect(await all(ledger.samples(randomUUID(), dayMs))).toHaveLength(0);
  });

  it('loses none of many at once, and tells a vault in order', async () => {
    const { ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const dayMs = dayOf(AT_MS);
    const hours = [5, 0, 3, 3, 1, 4, 2];
    await Promise.all(
      hours.map((n) => ledger.addSample(someSample(vault, { atMs: dayMs + n * HOUR_MS }))),
    );
    const stored = await all(ledger.samples(vault.projectId, dayMs));
    expect(stored.map(({ atMs }) => (atMs - dayMs) / HOUR_MS)).toStrictEqual([0, 1, 2, 3, 4, 5]);
  });

  it('forgets the samples of earlier days, and no others', async () => {
    const { ledger } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const { projectId } = vault;
    const other = await givenVault(subject().catalog);
    const dayMs = dayOf(AT_MS);
    await many(5, (n) => ledger.addSample(someSample(vault, { atMs: dayMs + n * DAY_MS })));
    await ledger.addSample(someSample(other, { atMs: dayMs }));
    for (let round = 0; round < 2; round++)
      await ledger.removeSamples(projectId, dayMs + 3 * DAY_MS);
    const counts = [0, 1, 2, 3, 4].map(
      async (n) => (await all(ledger.samples(projectId, dayMs + n * DAY_MS))).length,
    );
    expect(await Promise.all(counts)).toStrictEqual([0, 0, 0, 1, 1]);
    expect(await all(ledger.samples(other.projectId, dayMs))).toHaveLength(1);
  });
};
