import { describe, expect, it } from '@jest/globals';
import { STORE_LIMITS, storeBlocks } from '../../../lib/engine/store-blocks.ts';
import { HoldfastError } from '../../../lib/errors.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import { givenWriter } from '../../support/catalog-records.ts';
import { dataWorld, PROJECT } from '../../support/data-world.ts';
import { SOME, textBlock } from '../../support/some-stored.ts';

/** A disk of four blocks in a world that writes down, by name, what becomes durable when. */
const given = async (failing?: string) => {
  const world = await dataWorld();
  const disk = await world.disks.addDisk({ id: 'disk', name: 'disk', sizeBytes: 4 * BLOCK_BYTES });
  for (const [n, text] of ['a', 'b', 'a', 'c'].entries())
    await world.disks.write(disk.id, n * BLOCK_BYTES, textBlock(text));
  const { id: snapshotId } = await world.disks.createSnapshot(disk.id, 'token');
  const { objects, index } = world.ports;
  const { packs } = world.ports.catalog;
  const written: string[] = [];
  const note = async (name: string, write: () => Promise<void>) => {
    if (name === failing)
      throw new HoldfastError('store.unavailable', { operation: name, key: '' });
    await write();
    written.push(name);
  };
  const nameOf = (key: string) => (key.includes('/segments/') ? 'segment' : 'pack');
  const ports = {
    ...world.ports,
    objects: {
      ...objects,
      put: (key: string, bytes: Uint8Array, sha256?: Uint8Array) =>
        note(nameOf(key), () => objects.put(key, bytes, sha256)),
    },
    index: {
      ...index,
      put: (...args: Parameters<typeof index.put>) => note('index', () => index.put(...args)),
    },
    packs: {
      ...packs,
      open: (pack: Parameters<typeof packs.open>[0]) => note('open', () => packs.open(pack)),
      seal: (...args: Parameters<typeof packs.seal>) => note('seal', () => packs.seal(...args)),
    },
  };
  const { vaultKey, keyId } = SOME;
  const { id: sessionId } = await givenWriter(world.ports.catalog, world.vaultId);
  const target = { projectId: PROJECT, vaultId: world.vaultId, sessionId, keyId, vaultKey };
  const source = {
    snapshotId,
    sizeBytes: disk.sizeBytes,
    parent: null,
    trackChanges: true,
    quarantined: new Set<string>(),
  };
  const options = {
    limits: { ...STORE_LIMITS, slotsMax: 2, chunkBlocks: 1 },
    mayContinue: () => true,
    onProgress: () => {},
  };
  const store = () =>
    storeBlocks({ from: 0, to: 1 }, source, { ...target, startEpoch: 1 }, ports, options);
  return { store, written };
};

describe('storing blocks', () => {
  it('makes packs durable, then the index, and the map of the disk last', async () => {
    const { store, written } = await given();
    const { segments, stats } = await store();
    expect(segments).toHaveLength(1);
    expect(stats).toMatchObject({
      newBytes: 3 * BLOCK_BYTES,
      deduplicatedBytes: BLOCK_BYTES,
    });
    // Two packs, side by side: each in this order, and the segment after both.
    for (const nth of [1, 2]) {
      const places = ['open', 'pack', 'seal', 'index'].map((name) => nthIndex(written, name, nth));
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(places).not.toContain(-1);
    }
    expect(written.indexOf('segment')).toBe(written.length - 1);
    expect(written).toHaveLength(9);
  });

  it.each([
    ['open', ['pack', 'seal', 'index', 'segment']],
    ['pack', ['seal', 'index', 'segment']],
    ['seal', ['index', 'segment']],
    ['index', ['segment']],
  ])('writes nothing behind a failure of %s', async (failing, never) => {
    const { store, written } = await given(failing);
    await expect(store()).rejects.toMatchObject({ code: 'store.unavailable' });
    for (const name of never) expect(written).not.toContain(name);
  });
});

const nthIndex = (names: string[], name: string, nth: number): number =>
  names.flatMap((one, at) => (one === name ? [at] : []))[nth - 1] ?? -1;
