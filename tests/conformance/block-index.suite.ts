import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BlockLocation } from '../../lib/model/block.ts';
import type { BlockIndex } from '../../lib/ports/block-index.ts';
import { eventually } from '../support/catalog-assertions.ts';
import { somePackId } from '../support/catalog-records.ts';

export interface BlockIndexUnderTest {
  index: BlockIndex;
  close(): Promise<void>;
}

/** The promises of `lib/ports/block-index.ts`. */
export const blockIndexSuite = (name: string, start: () => Promise<BlockIndexUnderTest>): void => {
  describe(`block index: ${name}`, () => {
    let subject: BlockIndexUnderTest;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(async () => {
      await subject.close();
    });

    it('finds the known blocks among many, and no others', async () => {
      const { index } = subject;
      const vaultId = randomUUID();
      const known = someEntries(333);
      const unknown = [...someEntries(250).keys()];
      await index.put(vaultId, known);
      await eventually(async () => {
        expect(await index.find(vaultId, [...unknown, ...known.keys()])).toStrictEqual(known);
      });
      expect(await index.find(vaultId, unknown)).toStrictEqual(new Map());
    });

    it('takes nothing, and a block that is asked for twice', async () => {
      const { index } = subject;
      const vaultId = randomUUID();
      const entries = someEntries(1);
      const [block] = [...entries.keys()];
      await index.put(vaultId, new Map());
      await index.put(vaultId, entries);
      expect(await index.find(vaultId, [])).toStrictEqual(new Map());
      await eventually(async () => {
        expect(await index.find(vaultId, [block!, block!])).toStrictEqual(entries);
      });
    });

    it('keeps the blocks of vaults apart', async () => {
      const { index } = subject;
      const entries = someEntries(3);
      await index.put(randomUUID(), entries);
      expect(await index.find(randomUUID(), [...entries.keys()])).toStrictEqual(new Map());
    });

    it('keeps the last location of a block', async () => {
      const { index } = subject;
      const vaultId = randomUUID();
      const first = someEntries(40);
      await index.put(vaultId, first);
      const last = new Map([...first.keys()].map((block) => [block, someLocation()]));
      await index.put(vaultId, last);
      await index.put(vaultId, last);
      await eventually(async () => {
        expect(await index.find(vaultId, [...first.keys()])).toStrictEqual(last);
      });
    });

    it('removes the entries that still name the given place, and no others', async () => {
      const { index } = subject;
      const vaultId = randomUUID();
      const [dropped, moved, kept] = [someEntries(60), someEntries(2), someEntries(2)];
      for (const entries of [dropped, moved, kept]) await index.put(vaultId, entries);
      const [first, second] = [...moved];
      const elsewhere = new Map([
        [first![0], { ...first![1], packId: somePackId() }],
        [second![0], { ...second![1], slot: 256 }],
      ]);
      await index.put(vaultId, elsewhere);
      const unknown = someEntries(1);
      for (let n = 0; n < 2; n++)
        await index.remove(vaultId, new Map([...dropped, ...moved, ...unknown]));
      await index.remove(randomUUID(), kept);
      await index.remove(vaultId, new Map());
      const left = new Map([...elsewhere, ...kept]);
      await eventually(async () => {
        const blocks = [...dropped.keys(), ...left.keys()];
        expect(await index.find(vaultId, blocks)).toStrictEqual(left);
      });
    });

    it('shares no object with its caller', async () => {
      const { index } = subject;
      const vaultId = randomUUID();
      const location = { packId: somePackId(), slot: 1 };
      await index.put(vaultId, new Map([['aa', location]]));
      location.slot = 2;
      await eventually(async () => {
        expect((await index.find(vaultId, ['aa'])).get('aa')).toMatchObject({ slot: 1 });
      });
    });
  });
};

const someEntries = (count: number): Map<string, BlockLocation> =>
  new Map(Array.from({ length: count }, () => [randomBytes(32).toString('hex'), someLocation()]));

const someLocation = (): BlockLocation => ({
  packId: somePackId(),
  slot: randomBytes(1)[0]!,
});
