import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { all, expectCode, race } from '../support/catalog-assertions.ts';
import { givenVault, somePackId } from '../support/catalog-records.ts';
import { givenCycle } from '../support/garbage-records.ts';
import type { CatalogUnderTest, Subject } from './catalog.suite.ts';
import { garbagePackCases } from './garbage-packs.suite.ts';
import { garbageRootCases } from './garbage-roots.suite.ts';
import { garbageVaultCases } from './garbage-vaults.suite.ts';

/** The promises of `lib/ports/garbage-catalog.ts`. */
export const garbageCatalogSuite = (name: string, start: () => Promise<CatalogUnderTest>): void => {
  describe(`garbage catalog: ${name}`, () => {
    let subject: CatalogUnderTest;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(async () => {
      await subject.close();
    });
    const get: Subject = () => subject;

    describe('runs', () => runCases(get));
    describe('packs', () => garbagePackCases(get));
    describe('roots', () => garbageRootCases(get));
    describe('sessions, counts and vaults', () => garbageVaultCases(get));
  });
};

const runCases = (subject: Subject): void => {
  it('begins a cycle one epoch later, and gives a resumed run its cycle again', async () => {
    const { catalog } = subject();
    const { id: vaultId } = await givenVault(catalog);
    const first = await catalog.garbage.begin(vaultId, 'run-1');
    expect(first).toStrictEqual({ vaultId, runId: 'run-1', epoch: 2 });
    expect(await catalog.garbage.begin(vaultId, 'run-1')).toStrictEqual(first);
    expect((await catalog.garbage.begin(vaultId, 'run-2')).epoch).toBe(3);
    await expectCode(catalog.garbage.begin(randomUUID(), 'run'), 'BackupService.6105');
  });

  it('keeps the first horizon of a run, and none for the next one', async () => {
    const { garbage } = subject().catalog;
    const { id: vaultId } = await givenVault(subject().catalog);
    const cycle = await garbage.begin(vaultId, 'run-1');
    expect(await garbage.horizon(cycle)).toBeNull();
    await expectCode(garbage.setHorizon(cycle, cycle.epoch + 1), 'catalog.conflict');
    expect(await garbage.setHorizon(cycle, 1)).toBe(1);
    expect(await garbage.setHorizon(cycle, 2)).toBe(1);
    expect(await garbage.horizon(await garbage.begin(vaultId, 'run-1'))).toBe(1);
    expect(await garbage.horizon(await garbage.begin(vaultId, 'run-2'))).toBeNull();
  });

  it('lets one of many runs go on: every write of the others is refused', async () => {
    const { catalog } = subject();
    const { garbage } = catalog;
    const vault = await givenVault(catalog);
    const begun = await Promise.all(
      Array.from({ length: 4 }, (_, n) => garbage.begin(vault.id, `run-${n}`)),
    );
    expect(begun.map(({ epoch }) => epoch).toSorted((a, b) => a - b)).toStrictEqual([2, 3, 4, 5]);
    const last = begun.find(({ epoch }) => epoch === 5)!;
    const { winners, codes } = await race(begun.map((cycle) => () => garbage.horizon(cycle)));
    expect([winners, new Set(codes)]).toStrictEqual([1, new Set(['cycle.superseded'])]);
    expect(await garbage.horizon(last)).toBeNull();
  });

  it('refuses every write of a superseded run, and one under another horizon', async () => {
    const { catalog } = subject();
    const { garbage } = catalog;
    const vault = await givenVault(catalog);
    const { cycle } = await givenCycle(catalog, vault.id, 1);
    const id = somePackId();
    const backup = { projectId: vault.projectId, id: randomUUID() };
    const underHorizon = (m0: number) => [
      () => garbage.condemn(cycle, id, m0),
      () => garbage.startDeleting(cycle, id, m0),
      () => garbage.startShrinking(cycle, id, m0),
      () => garbage.removeRoot(cycle, backup, { m0, hiddenBeforeMs: 0 }),
    ];
    for (const write of underHorizon(2)) await expectCode(write(), 'catalog.conflict');
    await garbage.begin(vault.id, 'another');
    // The same run again is another cycle: what an earlier one still has under way is refused.
    await garbage.begin(vault.id, cycle.runId);
    const shrunk = { present: new Uint8Array(), storedBytes: 0 };
    const writes = [
      ...underHorizon(1),
      () => garbage.setHorizon(cycle, 1),
      () => garbage.revive(cycle, id),
      () => garbage.startDeletingOrphan(cycle, id),
      () => garbage.removePack(cycle, id),
      () => garbage.finishShrinking(cycle, id, shrunk),
      () => garbage.quarantineShrinking(cycle, id, { live: new Uint8Array(), reason: 'r' }),
      () => garbage.removeSession(cycle, randomUUID()),
      () => garbage.setUsed(cycle, 1, { usedBytes: 0, endedSessions: [] }),
      () => garbage.removeVaultItems(cycle),
    ];
    for (const write of writes) await expectCode(write(), 'cycle.superseded');
    expect(await all(garbage.packs(vault.id))).toStrictEqual([]);
    expect((await catalog.vaults.usage(vault.id)).usedBytes).toBe(0);
  });
};
