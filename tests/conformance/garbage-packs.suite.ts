import { expect, it } from '@jest/globals';
import { all, expectCode } from '../support/catalog-assertions.ts';
import {
  givenOpenPack,
  givenProtecting,
  givenVault,
  givenWriter,
  packOf,
  somePackId,
} from '../support/catalog-records.ts';
import {
  givenCondemned,
  givenCycle,
  givenSealedPack,
  without,
} from '../support/garbage-records.ts';
import type { Subject } from './catalog.suite.ts';

export const garbagePackCases = (subject: Subject): void => {
  condemnCases(subject);
  deleteCases(subject);
  damageCases(subject);
  shrinkCases(subject);
};

const condemnCases = (subject: Subject): void => {
  it('lists the packs of one vault, ascending', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    await givenSealedPack(catalog, await givenVault(catalog));
    const ids = [await givenSealedPack(catalog, vault), await givenSealedPack(catalog, vault)];
    const packs = await all(catalog.garbage.packs(vault.id));
    expect(packs.map(({ id }) => id)).toStrictEqual(ids.toSorted());
    expect(packs[0]).toStrictEqual(await catalog.packs.get(vault.id, packs[0]!.id));
  });

  it('condemns a sealed pack that no session since the horizon has stamped (R8)', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const [old, young] = [
      await givenSealedPack(catalog, vault, 1),
      await givenSealedPack(catalog, vault, 2),
    ];
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    const sealed = await catalog.packs.get(vault.id, old);
    expect(await catalog.garbage.condemn(cycle, old, m0)).toBe(true);
    expect(await catalog.garbage.condemn(cycle, old, m0)).toBe(true);
    expect(await catalog.packs.get(vault.id, old)).toStrictEqual({
      ...sealed,
      state: 'CONDEMNED',
      condemnedEpoch: 2,
    });
    expect(await catalog.garbage.condemn(cycle, young, m0)).toBe(false);
    expect((await catalog.packs.get(vault.id, young))?.state).toBe('SEALED');
    expect(await catalog.garbage.condemn(cycle, somePackId(), m0)).toBe(false);
    const next = await givenCycle(catalog, vault.id);
    expect(await catalog.garbage.condemn(next.cycle, old, next.m0)).toBe(false);
  });

  it('revives a condemned pack for a session (R3) and for the collector (R9)', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const [pinned, revived] = [
      await givenCondemned(catalog, vault),
      await givenCondemned(catalog, vault),
    ];
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    const { condemnedEpoch, ...rest } = (await catalog.packs.get(vault.id, pinned))!;
    expect(condemnedEpoch).toBe(2);
    expect(await catalog.packs.pin(vault.id, pinned, 4)).toStrictEqual({
      ...rest,
      state: 'SEALED',
      lastRefEpoch: 4,
    });
    expect(await catalog.garbage.revive(cycle, revived)).toBe(true);
    expect(await catalog.garbage.revive(cycle, revived)).toBe(true);
    const pack = await catalog.packs.get(vault.id, revived);
    expect([pack?.state, pack?.lastRefEpoch, pack?.condemnedEpoch]).toEqual([
      'SEALED',
      1,
      undefined,
    ]);
    for (const id of [pinned, revived])
      expect(await catalog.garbage.startDeleting(cycle, id, m0)).toBe(false);
    expect(await catalog.garbage.revive(cycle, somePackId())).toBe(false);
  });
};

const deleteCases = (subject: Subject): void => {
  it('deletes only what an earlier cycle condemned before the horizon (R9)', async () => {
    const { catalog } = subject();
    const { garbage, packs } = catalog;
    const vault = await givenVault(catalog);
    const id = await givenSealedPack(catalog, vault);
    const first = await givenCycle(catalog, vault.id);
    await garbage.condemn(first.cycle, id, first.m0);
    expect(await garbage.startDeleting(first.cycle, id, first.m0)).toBe(false);
    const held = await givenCycle(catalog, vault.id, 2);
    expect(await garbage.startDeleting(held.cycle, id, held.m0)).toBe(false);
    await expectCode(garbage.removePack(held.cycle, id), 'catalog.conflict');
    expect((await packs.get(vault.id, id))?.state).toBe('CONDEMNED');

    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    for (let n = 0; n < 2; n++) expect(await garbage.startDeleting(cycle, id, m0)).toBe(true);
    expect(await packs.pin(vault.id, id, 9)).toBeNull();
    expect(await garbage.revive(cycle, id)).toBe(false);
    for (let n = 0; n < 2; n++) await garbage.removePack(cycle, id);
    expect(await packs.get(vault.id, id)).toBeNull();
  });

  it('deletes an open pack once its session has ended or is gone (R14)', async () => {
    const { catalog } = subject();
    const { garbage, packs } = catalog;
    const vault = await givenVault(catalog);
    const { session } = await givenProtecting(catalog, vault);
    const [own, orphaned] = [somePackId(), somePackId()];
    await packs.open(packOf(vault, own, session.id));
    await givenOpenPack(catalog, vault, orphaned);
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    expect(await garbage.startDeleting(cycle, own, m0)).toBe(false);
    expect(await garbage.startDeleting(cycle, orphaned, m0)).toBe(true);
    await catalog.sessions.end(vault.id, session.id, 'FENCED');
    expect(await garbage.startDeleting(cycle, own, m0)).toBe(true);
    const sealed = { slotCount: 1, storedBytes: 1, startEpoch: 1 };
    await expectCode(packs.seal(vault.id, own, sealed), 'catalog.conflict');
  });

  it('claims an object without an item, so that nobody opens its pack (R14)', async () => {
    const { catalog } = subject();
    const { garbage, packs } = catalog;
    const vault = await givenVault(catalog);
    const [orphan, known] = [somePackId(), await givenSealedPack(catalog, vault)];
    const { cycle } = await givenCycle(catalog, vault.id);
    for (let n = 0; n < 2; n++) expect(await garbage.startDeletingOrphan(cycle, orphan)).toBe(true);
    expect(await garbage.startDeletingOrphan(cycle, known)).toBe(false);
    const writer = await givenWriter(catalog, vault.id);
    const late = packOf(vault, orphan, writer.id);
    await expectCode(packs.open(late), 'catalog.conflict');
    await garbage.removePack(cycle, orphan);
    expect(await packs.get(vault.id, orphan)).toBeNull();
  });
};

const damageCases = (subject: Subject): void => {
  it('condemns a damaged pack without hiding its damage', async () => {
    const { catalog } = subject();
    const { garbage, packs } = catalog;
    const vault = await givenVault(catalog);
    const id = await givenSealedPack(catalog, vault);
    await packs.quarantine(vault.id, id, 'slot 4 is damaged');
    const quarantined = await packs.get(vault.id, id);
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    expect(await garbage.condemn(cycle, id, m0)).toBe(true);
    expect(await packs.pin(vault.id, id, 9)).toBeNull();
    expect(await packs.quarantined(vault.id)).toStrictEqual([id]);
    await expectCode(packs.release(vault.id, id), 'catalog.conflict');
    expect(await garbage.revive(cycle, id)).toBe(true);
    expect(await packs.get(vault.id, id)).toStrictEqual(quarantined);

    await garbage.condemn(cycle, id, m0);
    const next = await givenCycle(catalog, vault.id);
    expect(await garbage.startDeleting(next.cycle, id, next.m0)).toBe(true);
    await garbage.removePack(next.cycle, id);
    expect(await packs.quarantined(vault.id)).toStrictEqual([]);
  });

  it('quarantines a condemned pack, which begins anew when it is condemned again', async () => {
    const { catalog } = subject();
    const { garbage, packs } = catalog;
    const vault = await givenVault(catalog);
    const id = await givenCondemned(catalog, vault);
    await packs.quarantine(vault.id, id, 'damaged');
    expect(await packs.quarantined(vault.id)).toStrictEqual([id]);
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    expect(await garbage.startDeleting(cycle, id, m0)).toBe(false);
    expect(await garbage.condemn(cycle, id, m0)).toBe(true);
    expect(await garbage.startDeleting(cycle, id, m0)).toBe(false);
  });
};

const shrinkCases = (subject: Subject): void => {
  it('shrinks a sealed pack: reuse misses it meanwhile, and dropped slots stay so (R10)', async () => {
    const { catalog } = subject();
    const { garbage, packs } = catalog;
    const vault = await givenVault(catalog);
    const [id, young] = [
      await givenSealedPack(catalog, vault),
      await givenSealedPack(catalog, vault, 2),
    ];
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    expect(await garbage.startShrinking(cycle, young, m0)).toBe(false);
    for (let n = 0; n < 2; n++) expect(await garbage.startShrinking(cycle, id, m0)).toBe(true);
    expect(await packs.pin(vault.id, id, 9)).toBeNull();
    expect(await garbage.condemn(cycle, id, m0)).toBe(false);

    const shrunk = { present: without(2, 8), storedBytes: 700 };
    for (let n = 0; n < 2; n++) expect(await garbage.finishShrinking(cycle, id, shrunk)).toBe(true);
    const pack = await packs.get(vault.id, id);
    expect(pack).toMatchObject({ state: 'SEALED', slotCount: 9, lastRefEpoch: 1, ...shrunk });
    expect(await garbage.finishShrinking(cycle, id, { ...shrunk, storedBytes: 1 })).toBe(false);
    expect(await garbage.finishShrinking(cycle, young, shrunk)).toBe(false);

    await garbage.startShrinking(cycle, id, m0);
    const grown = { present: without(8), storedBytes: 800 };
    await expectCode(garbage.finishShrinking(cycle, id, grown), 'catalog.conflict');
  });

  it('quarantines a shrinking pack with what is live in it, and it never shrinks again', async () => {
    const { catalog } = subject();
    const { garbage, packs } = catalog;
    const vault = await givenVault(catalog);
    const [id, sealed] = [
      await givenSealedPack(catalog, vault),
      await givenSealedPack(catalog, vault),
    ];
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    await garbage.startShrinking(cycle, id, m0);
    await expectCode(packs.quarantine(vault.id, id, 'verified'), 'catalog.conflict');
    const damage = { live: Uint8Array.of(0b1010_0101, 0, 0, 0), reason: 'it is not there' };
    for (let n = 0; n < 2; n++)
      expect(await garbage.quarantineShrinking(cycle, id, damage)).toBe(true);
    const pack = await packs.get(vault.id, id);
    const present = Uint8Array.of(0b1010_0101, 0);
    expect(pack).toMatchObject({ state: 'QUARANTINED', present, reason: damage.reason });
    expect(await packs.quarantined(vault.id)).toStrictEqual([id]);
    expect(await garbage.startShrinking(cycle, id, m0)).toBe(false);
    expect(await garbage.quarantineShrinking(cycle, sealed, damage)).toBe(false);
    expect(await garbage.quarantineShrinking(cycle, somePackId(), damage)).toBe(false);
  });
};
