import { describe, expect, it } from '@jest/globals';
import {
  type MemoryObjectStore,
  memoryObjectStore,
} from '../../../lib/adapters/memory/memory-object-store.ts';
import { inlinePool } from '../../../lib/engine/pool/block-pool.ts';
import { READ_LIMITS, readPackBlocks } from '../../../lib/engine/read-packs.ts';
import { hashBlock } from '../../../lib/format/block.ts';
import { packKey } from '../../../lib/format/object-keys.ts';
import { PACK_TAIL_BYTES_MAX } from '../../../lib/format/pack.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import { randomBlock, SOME, somePack, textBlock } from '../../support/some-stored.ts';

const { packId, vaultId, vaultKey } = SOME;
const PLACE = { projectId: 'project-1', vaultId };
const KEY = packKey(PLACE, packId);

/** Sealed, they take 0.1, 512, 0.1, 0.1, 512 and 0.1 KiB. */
const BLOCKS = [
  textBlock('zero'),
  randomBlock('one'),
  textBlock('two'),
  textBlock('three'),
  randomBlock('four'),
  textBlock('five'),
];
const PACK = somePack(BLOCKS).bytes;

/** A store that holds the pack and writes down what is asked of it. */
const givenStore = (bytes: Uint8Array = PACK) => {
  const objects = memoryObjectStore();
  objects.objects.set(KEY, bytes);
  const asked: string[] = [];
  const store: MemoryObjectStore = {
    ...objects,
    get: (key, room) => (asked.push('whole'), objects.get(key, room)),
    getTail: (key, count) => (asked.push(`tail ${count}`), objects.getTail(key, count)),
    getRange: (key, from, to, etag) => {
      asked.push(`range of ${Math.round((to - from) / 1024)} KiB`);
      return objects.getRange(key, from, to, etag);
    },
  };
  return { store, asked };
};

const readingOf = (objects: MemoryObjectStore, limits: Partial<typeof READ_LIMITS> = {}) => ({
  ...PLACE,
  objects,
  vaultKeys: { get: async () => vaultKey },
  pool: inlinePool(),
  limits: { ...READ_LIMITS, ...limits },
});

const wantedOf = (slots: number[], idOf = (slot: number) => hashBlock(BLOCKS[slot]!)) =>
  new Map(slots.map((slot) => [slot, idOf(slot)]));

const read = async (
  objects: MemoryObjectStore,
  slots: number[],
  limits: Partial<typeof READ_LIMITS> = {},
  idOf?: (slot: number) => Uint8Array,
) => {
  const wanted = wantedOf(slots, idOf);
  const reading = readingOf(objects, limits);
  const found = new Map<number, Uint8Array>();
  for await (const { slots: opened, blocks } of readPackBlocks(packId, wanted, reading))
    for (const [n, slot] of opened.entries())
      found.set(slot, blocks.slice(n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES));
  return found;
};

const expectBlocks = (found: Map<number, Uint8Array>, slots: number[]) => {
  expect([...found.keys()]).toEqual(slots);
  const different = slots.filter((slot) => Buffer.compare(found.get(slot)!, BLOCKS[slot]!) !== 0);
  expect(different).toEqual([]);
};

const TAIL = `tail ${PACK_TAIL_BYTES_MAX}`;
const ALL = 'range of 1024 KiB';

describe('blocks of a pack', () => {
  it.each([
    ['at once when there are many', [0, 1, 2, 5], { wholeSlots: 4 }, ['whole']],
    ['by their table when there are fewer', [0, 2, 5], { wholeSlots: 4 }, [TAIL, ...apart(3)]],
    ['at once when they are most of the pack', [1, 4], {}, [TAIL, 'whole']],
    ['together when they are neighbours', [0, 1], { gapBytes: 0 }, [TAIL, 'range of 512 KiB']],
    ['together with a gap that costs less', [2, 5, 0], { gapBytes: 2 ** 20 }, [TAIL, ALL]],
    ['a few at a time', [0, 2, 3], { openBlocks: 2, gapBytes: 0 }, [TAIL, ...apart(2)]],
  ])('are read %s', async (_, slots, limits, requests) => {
    const { store, asked } = givenStore();
    expectBlocks(
      await read(store, slots, limits),
      slots.toSorted((a, b) => a - b),
    );
    expect(asked).toEqual(requests);
  });

  it.each([
    ['whole', { wholeSlots: 1 }],
    ['in ranges', { gapBytes: 0, wholeShare: 2 }],
  ])('are read %s from a pack for which there is no room', async (_, limits) => {
    const { store } = givenStore();
    expectBlocks(await read(store, [0, 1, 4], { ...limits, roomBytes: 1000 }), [0, 1, 4]);
  });

  it('are read from a pack that shrinks between two requests', async () => {
    const { store, asked } = givenStore();
    const getRange = store.getRange.bind(store);
    const shrunk = somePack(BLOCKS.map((block, slot) => (slot === 1 ? null : block))).bytes;
    store.getRange = async (...request) => {
      store.objects.set(KEY, shrunk);
      return getRange(...request);
    };
    expectBlocks(await read(store, [2, 3], { gapBytes: 0 }), [2, 3]);
    expect(asked).toEqual([TAIL, 'range of 0 KiB', TAIL, 'range of 0 KiB']);
  });

  it('gives up on a pack that changes at every reading', async () => {
    const { store, asked } = givenStore();
    const getRange = store.getRange.bind(store);
    let changes = 0;
    store.getRange = async (...request) => {
      // Not for ever, so that a reader without a limit is found out.
      if (++changes < 20) store.objects.set(KEY, Uint8Array.from(PACK));
      return getRange(...request);
    };
    await expect(read(store, [2], { attempts: 3 })).rejects.toMatchObject({
      code: 'store.object-changed',
    });
    expect(asked).toHaveLength(6);
  });

  it.each([
    ['whole', { wholeSlots: 1 }],
    ['in ranges', {}],
  ])('are those that the map names, or damaged: %s', async (_, limits) => {
    const { store } = givenStore();
    const another = read(store, [0], limits, () => hashBlock(BLOCKS[2]!));
    await expect(another).rejects.toMatchObject({ code: 'pack.damaged', details: { packId } });
    const beyond = read(store, [6], limits, () => hashBlock(BLOCKS[2]!));
    await expect(beyond).rejects.toMatchObject({ code: 'pack.damaged' });
  });

  it('are damaged when a bit of them is flipped, or the pack is gone', async () => {
    const flipped = Uint8Array.from(PACK);
    flipped[600]! ^= 1;
    await expect(read(givenStore(flipped).store, [1])).rejects.toMatchObject({
      code: 'pack.damaged',
      details: { packId, reason: 'the block of slot 1 does not open' },
    });
    const { store } = givenStore();
    store.objects.clear();
    await expect(read(store, [0])).rejects.toMatchObject({ code: 'pack.damaged' });
  });

  it('are read into the same memory pack after pack', async () => {
    const reading = readingOf(givenStore().store);
    const memory = new Set<ArrayBufferLike>();
    for (let round = 0; round < 3; round++)
      for await (const { blocks } of readPackBlocks(packId, wantedOf([0, 1]), reading))
        memory.add(blocks.buffer);
    expect(memory.size).toBe(1);
  });

  it('stay what they are when the caller stops early, which may still be writing them', async () => {
    const reading = readingOf(givenStore().store);
    let kept: Uint8Array = new Uint8Array();
    for await (const { blocks } of readPackBlocks(packId, wantedOf([0]), reading)) {
      kept = blocks;
      break;
    }
    for await (const _ of readPackBlocks(packId, wantedOf([1]), reading));
    expect(Buffer.compare(kept, BLOCKS[0]!)).toBe(0);
  });
});

function apart(count: number): string[] {
  return Array.from({ length: count }, () => 'range of 0 KiB');
}
