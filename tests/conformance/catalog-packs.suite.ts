import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { allSlots, hasSlot } from '../../lib/model/pack.ts';
import type { Vault } from '../../lib/model/vault.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { expectCode, many, race } from '../support/catalog-assertions.ts';
import {
  givenOpenPack,
  givenVault,
  givenWriter,
  packOf,
  somePackId,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

const SEALED = { slotCount: 11, storedBytes: 4242, startEpoch: 3 };

export const packCases = (subject: Subject): void => {
  sealingCases(subject);
  pinningCases(subject);
  quarantineCases(subject);
};

const sealingCases = (subject: Subject): void => {
  it('opens a pack once', async () => {
    const { catalog } = subject();
    const { packs } = catalog;
    const pack = await somePack(catalog);
    await packs.open(pack);
    await packs.open(pack);
    expect(await packs.get(pack.vaultId, pack.id)).toStrictEqual({
      ...pack,
      state: 'OPEN',
      slotCount: 0,
      present: new Uint8Array(),
      lastRefEpoch: 0,
      storedBytes: 0,
    });
    const { sessionId } = await somePack(catalog, pack);
    await expectCode(packs.open({ ...pack, sessionId }), 'catalog.conflict');
    expect(await packs.get(randomUUID(), pack.id)).toBeNull();
  });

  it('opens no pack for a session that has ended or never was, a known one excepted', async () => {
    const { catalog } = subject();
    const { packs, sessions } = catalog;
    const pack = await somePack(catalog);
    await packs.open(pack);
    await sessions.end(pack.vaultId, pack.sessionId, 'FENCED');
    await packs.open(pack);
    const late = { ...pack, id: somePackId() };
    await expectCode(packs.open(late), 'session.not-open');
    await expectCode(packs.open({ ...late, sessionId: randomUUID() }), 'catalog.conflict');
    expect(await packs.get(late.vaultId, late.id)).toBeNull();
  });

  it('seals a pack with all its slots; repeated it changes nothing', async () => {
    const { packs } = subject().catalog;
    const pack = await givenSealed(subject().catalog);
    const expected = {
      ...pack,
      state: 'SEALED',
      slotCount: 11,
      present: allSlots(11),
      lastRefEpoch: 3,
      storedBytes: 4242,
    };
    expect(await packs.get(pack.vaultId, pack.id)).toStrictEqual(expected);
    await packs.pin(pack.vaultId, pack.id, 7);
    await packs.seal(pack.vaultId, pack.id, SEALED);
    await packs.open(pack);
    expect(await packs.get(pack.vaultId, pack.id)).toStrictEqual({ ...expected, lastRefEpoch: 7 });
  });

  it('refuses to seal what is not OPEN', async () => {
    const { catalog, setPackState } = subject();
    await expectCode(catalog.packs.seal(randomUUID(), somePackId(), SEALED), 'catalog.conflict');
    const pack = await givenSealed(catalog);
    const other = { ...SEALED, slotCount: 12 };
    await expectCode(catalog.packs.seal(pack.vaultId, pack.id, other), 'catalog.conflict');
    await setPackState(pack.vaultId, pack.id, 'DELETING');
    await expectCode(catalog.packs.seal(pack.vaultId, pack.id, SEALED), 'catalog.conflict');
    expect(await catalog.packs.get(pack.vaultId, pack.id)).toMatchObject({ slotCount: 11 });
  });
};

const pinningCases = (subject: Subject): void => {
  it('pins a SEALED pack at the largest epoch that asked', async () => {
    const { packs } = subject().catalog;
    const { vaultId, id } = await givenSealed(subject().catalog);
    const pinned = await packs.pin(vaultId, id, 5);
    expect(pinned).toMatchObject({ state: 'SEALED', lastRefEpoch: 5, slotCount: 11 });
    expect(hasSlot(pinned!, 10)).toBe(true);
    expect(await packs.pin(vaultId, id, 5)).toStrictEqual(pinned);
    expect(await packs.pin(vaultId, id, 4)).toStrictEqual(pinned);
    expect(await packs.get(vaultId, id)).toStrictEqual(pinned);
  });

  it('keeps the largest epoch of many pins at once', async () => {
    const { packs } = subject().catalog;
    const { vaultId, id } = await givenSealed(subject().catalog);
    const epochs = [9, 4, 12, 7, 11, 5, 10, 6];
    const { winners } = await race(epochs.map((epoch) => () => packs.pin(vaultId, id, epoch)));
    expect(winners).toBe(epochs.length);
    expect(await packs.get(vaultId, id)).toMatchObject({ lastRefEpoch: 12 });
  });

  it.each([2, 8])('revives a CONDEMNED pack, pinned at epoch %i', async (epoch) => {
    const { catalog, setPackState } = subject();
    const { vaultId, id } = await givenSealed(catalog);
    await setPackState(vaultId, id, 'CONDEMNED');
    const expected = { state: 'SEALED', lastRefEpoch: Math.max(3, epoch) };
    expect(await catalog.packs.pin(vaultId, id, epoch)).toMatchObject(expected);
    expect(await catalog.packs.get(vaultId, id)).toMatchObject(expected);
  });

  it('misses packs that are OPEN, QUARANTINED, DELETING or not there', async () => {
    const { catalog, setPackState } = subject();
    const { packs } = catalog;
    const opened = await givenOpenPack(catalog, await givenVault(catalog));
    const quarantined = await givenSealed(catalog);
    await packs.quarantine(quarantined.vaultId, quarantined.id, 'damaged');
    const deleted = await givenSealed(catalog);
    await setPackState(deleted.vaultId, deleted.id, 'DELETING');
    for (const { vaultId, id } of [opened, quarantined, deleted, await somePack(catalog)]) {
      const before = await packs.get(vaultId, id);
      expect(await packs.pin(vaultId, id, 9)).toBeNull();
      expect(await packs.get(vaultId, id)).toStrictEqual(before);
    }
  });
};

const quarantineCases = (subject: Subject): void => {
  it('quarantines a pack and releases it; both idempotent', async () => {
    const { packs } = subject().catalog;
    const pack = await givenSealed(subject().catalog);
    const { vaultId, id } = pack;
    const sealed = await packs.get(vaultId, id);
    await packs.quarantine(vaultId, id, 'slot 4 is damaged');
    await packs.quarantine(vaultId, id, 'slot 5 is damaged');
    expect(await packs.get(vaultId, id)).toStrictEqual({
      ...sealed,
      state: 'QUARANTINED',
      reason: 'slot 4 is damaged',
    });
    expect(await packs.quarantined(vaultId)).toStrictEqual([id]);
    await packs.release(vaultId, id);
    await packs.release(vaultId, id);
    expect(await packs.get(vaultId, id)).toStrictEqual(sealed);
    expect(await packs.quarantined(vaultId)).toStrictEqual([]);
  });

  it('refuses both in states that do not allow them', async () => {
    const { catalog, setPackState } = subject();
    const { packs } = catalog;
    const opened = await givenOpenPack(catalog, await givenVault(catalog));
    const deleted = await givenSealed(catalog);
    await setPackState(deleted.vaultId, deleted.id, 'DELETING');
    for (const { vaultId, id } of [opened, deleted, await somePack(catalog)]) {
      await expectCode(packs.quarantine(vaultId, id, 'damaged'), 'catalog.conflict');
      await expectCode(packs.release(vaultId, id), 'catalog.conflict');
      expect(await packs.quarantined(vaultId)).toStrictEqual([]);
    }
  });

  it('lists the quarantined packs of one vault, sorted, more than a page of them', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const vaultId = vault.id;
    const ids: string[] = [];
    await many(130, async () => {
      const pack = await givenSealed(catalog, vault);
      ids.push(pack.id);
      await catalog.packs.quarantine(vaultId, pack.id, 'damaged');
    });
    expect(await catalog.packs.quarantined(vaultId)).toStrictEqual(ids.toSorted());
  });
};

/** A pack that may be opened: its session is OPEN. */
const somePack = async (catalog: Catalog, vault?: { vaultId: string; keyId: string }) => {
  const { vaultId, keyId } = vault ?? (await newVault(catalog));
  const { id: sessionId } = await givenWriter(catalog, vaultId);
  return packOf({ id: vaultId, keyId }, somePackId(), sessionId);
};

const newVault = async (catalog: Catalog) => {
  const { id, keyId } = await givenVault(catalog);
  return { vaultId: id, keyId };
};

const givenSealed = async (catalog: Catalog, vault?: Vault) => {
  const pack = await givenOpenPack(catalog, vault ?? (await givenVault(catalog)));
  await catalog.packs.seal(pack.vaultId, pack.id, SEALED);
  return pack;
};
