import { createHash } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { memoryObjectStore } from '../../../lib/adapters/memory/memory-object-store.ts';
import { locateBlocks } from '../../../lib/engine/locate-blocks.ts';
import { inlinePool } from '../../../lib/engine/pool/block-pool.ts';
import { segmentKey } from '../../../lib/format/object-keys.ts';
import { encodeSegment, type SegmentEntry } from '../../../lib/format/segment.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import { SOME, someBytes, someManifest } from '../../support/some-stored.ts';

const entry = (slot: number, text: string, packId: string = SOME.packId) => ({
  packId,
  slot,
  blockId: someBytes(text, 32),
});

/** A stored segment of the entries, and the manifest that names it. */
const stored = async (entries: SegmentEntry[]) => {
  const { vaultKey, keyId, sessionId, salt, vaultId } = SOME;
  const objects = memoryObjectStore();
  const bytes = encodeSegment({ vaultKey, keyId, sessionId, salt, number: 0, entries });
  const random = '0'.repeat(32);
  await objects.put(segmentKey({ projectId: 'project-1', vaultId }, sessionId, 0, random), bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const manifest = someManifest(entries.length * BLOCK_BYTES, {
    segments: [{ sessionId, random, sha256 }],
  });
  const vaultKeys = { get: async () => vaultKey };
  const reading = { objects, vaultKeys, projectId: 'project-1', vaultId, pool: inlinePool() };
  return { manifest, reading };
};

it('turns a map round: packs with their slots, slots with the blocks they fill', async () => {
  const { manifest, reading } = await stored([
    entry(1, 'a'),
    null,
    entry(0, 'b'),
    entry(1, 'a'),
    entry(1, 'c', SOME.otherPackId),
  ]);
  const { packs, zeroBytes } = await locateBlocks(manifest, { from: 0, to: 1 }, reading);
  expect(zeroBytes).toBe(BLOCK_BYTES);
  expect([...packs.keys()]).toEqual([SOME.packId, SOME.otherPackId]);
  expect(packs.get(SOME.packId)?.numbers).toEqual(
    new Map([
      [1, [0, 3]],
      [0, [2]],
    ]),
  );
  expect(packs.get(SOME.packId)?.wanted.get(1)).toEqual(someBytes('a', 32));
  expect(packs.get(SOME.otherPackId)?.numbers).toEqual(new Map([[1, [4]]]));
});

it('locates the chosen blocks alone', async () => {
  const { manifest, reading } = await stored([entry(0, 'a'), entry(1, 'b'), null]);
  const range = { from: 0, to: 1 };
  const { packs } = await locateBlocks(manifest, range, reading, (number) => number === 1);
  expect([...(packs.get(SOME.packId)?.numbers ?? [])]).toEqual([[1, [1]]]);
});

it('refuses a map that names a slot as two blocks: one would get the bytes of the other', async () => {
  const { manifest, reading } = await stored([entry(0, 'a'), entry(0, 'b')]);
  await expect(locateBlocks(manifest, { from: 0, to: 1 }, reading)).rejects.toMatchObject({
    code: 'backup.damaged',
    message: expect.stringContaining('block 1 names slot 0'),
  });
});
