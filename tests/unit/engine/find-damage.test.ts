import { describe, expect, it } from '@jest/globals';
import { memoryCatalog } from '../../../lib/adapters/memory/memory-catalog.ts';
import { inVault, memoryCatalogState } from '../../../lib/adapters/memory/memory-catalog-state.ts';
import { memoryObjectStore } from '../../../lib/adapters/memory/memory-object-store.ts';
import { findDamage } from '../../../lib/engine/find-damage.ts';
import { packKey, vaultKeyKey } from '../../../lib/format/object-keys.ts';
import type { Pack, PackState } from '../../../lib/model/pack.ts';
import { SOME } from '../../support/some-stored.ts';

const { vaultId, packId, keyId, sessionId } = SOME;
const ADDRESS = { projectId: 'p', vaultId };

const pack = (change: Partial<Pack>): Pack => ({
  vaultId,
  id: packId,
  state: 'SEALED',
  keyId,
  sessionId,
  slotCount: 4,
  present: Uint8Array.of(15),
  lastRefEpoch: 1,
  storedBytes: 100,
  ...change,
});

/** A survey that did not see the object of a pack, which `stored` bytes of are there now. */
const given = async (stored: number | null) => {
  const state = memoryCatalogState();
  const objects = memoryObjectStore();
  const catalog = memoryCatalog(state);
  const key = packKey(ADDRESS, packId);
  await objects.put(vaultKeyKey(ADDRESS, keyId), new Uint8Array(1));
  if (stored !== null) await objects.put(key, new Uint8Array(stored));
  const keep = (change: Partial<Pack>) => state.packs.set(inVault(vaultId, packId), pack(change));
  keep({});
  const facts = {
    epoch: 1,
    m0: 1,
    nowMs: 0,
    objects: { packs: new Map(), sessions: new Map() },
    sessions: { open: [], ended: [] },
    mark: {
      live: new Map(),
      segments: new Set<string>(),
      manifests: new Set<string>(),
      hidden: [],
      unreadable: [],
    },
    packs: [pack({})],
  };
  const vaultKeys = { get: async () => SOME.vaultKey };
  return {
    keep,
    dropKey: () => objects.objects.delete(vaultKeyKey(ADDRESS, keyId)),
    /** `meanwhile` happens right after the object was asked for. */
    find: (meanwhile = () => {}) => {
      const head: typeof objects.head = (one) => objects.head(one).finally(meanwhile);
      const ports = { catalog, objects: { ...objects, head }, vaultKeys };
      return findDamage(facts, { ...ADDRESS, ...ports });
    },
  };
};

describe('a pack whose object looks wrong', () => {
  it.each([
    [null, 'object-missing'],
    [99, 'object-size'],
  ])('is damaged when it holds blocks before and after: %s bytes', async (stored, kind) => {
    const { find } = await given(stored);
    expect(await find()).toMatchObject([{ kind, id: packId }]);
  });

  it('is no longer of interest when it is gone, nor is its key', async () => {
    const { find, keep, dropKey } = await given(100);
    dropKey();
    expect(await find()).toMatchObject([{ kind: 'key-missing', id: keyId }]);
    keep({ state: 'DELETING' });
    expect(await find()).toEqual([]);
  });

  it('is whole when it is there after all', async () => {
    const { find } = await given(100);
    expect(await find()).toEqual([]);
  });

  it.each<PackState>(['DELETING', 'OPEN'])('is none when it is %s by then', async (state) => {
    const { find, keep } = await given(null);
    expect(await find(() => void keep({ state }))).toEqual([]);
    expect(await find()).toEqual([]);
  });

  it.each<[string, Partial<Pack>]>([
    ['is being written anew', { state: 'SHRINKING' }],
    ['was written anew', { present: Uint8Array.of(7), storedBytes: 80 }],
  ])('has another size when it %s', async (_, change) => {
    const { find, keep } = await given(99);
    expect(await find(() => void keep(change))).toEqual([]);
  });
});
