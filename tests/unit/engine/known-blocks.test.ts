import { describe, expect, it } from '@jest/globals';
import { memoryBlockIndex } from '../../../lib/adapters/memory/memory-block-index.ts';
import { memoryCatalog } from '../../../lib/adapters/memory/memory-catalog.ts';
import { inVault, memoryCatalogState } from '../../../lib/adapters/memory/memory-catalog-state.ts';
import { KnownBlocks } from '../../../lib/engine/known-blocks.ts';
import type { PackState } from '../../../lib/model/pack.ts';
import { SOME } from '../../support/some-stored.ts';

const { vaultId, packId, keyId, sessionId } = SOME;
const SESSION = { vaultId, startEpoch: 5 };

/** An index of four blocks in a pack of four slots, of which the third is no longer there. */
const givenPack = async (packState: PackState) => {
  const state = memoryCatalogState();
  const { packs, sessions } = memoryCatalog(state);
  const index = memoryBlockIndex();
  state.epochs.set(vaultId, 1);
  const writer = { vaultId, id: sessionId, kind: 'write', backupId: 'b' } as const;
  const lease = { operationLogId: 't', quarantined: [], leaseUntilMs: 9, createdAtMs: 0 };
  await sessions.open({ ...writer, ...lease });
  await packs.open({ vaultId, id: packId, keyId, sessionId });
  await packs.seal(vaultId, packId, { slotCount: 4, storedBytes: 99, startEpoch: 1 });
  const stored = state.packs.get(inVault(vaultId, packId))!;
  stored.state = packState;
  stored.present = Uint8Array.of(0b1011);
  const names = ['a', 'b', 'c', 'd'];
  await index.put(vaultId, new Map(names.map((name, slot) => [name, { packId, slot }])));
  return { packs, index, stored };
};

describe('blocks that the index names', () => {
  it.each(['SEALED', 'CONDEMNED'] as const)('are found in a %s pack, once pinned', async (was) => {
    const { packs, index, stored } = await givenPack(was);
    let pins = 0;
    const counted = {
      ...packs,
      pin: (...args: Parameters<typeof packs.pin>) => (pins++, packs.pin(...args)),
    };
    const known = new KnownBlocks(SESSION, { index, packs: counted });
    expect(await known.find(['a', 'd', 'nowhere'])).toEqual(
      new Map([
        ['a', { packId, slot: 0 }],
        ['d', { packId, slot: 3 }],
      ]),
    );
    expect(stored).toMatchObject({ state: 'SEALED', lastRefEpoch: 5 });
    await known.find(['b']);
    expect(pins).toBe(1);
  });

  it('are missing when their slot is', async () => {
    const { packs, index } = await givenPack('SEALED');
    const known = new KnownBlocks(SESSION, { index, packs });
    expect([...(await known.find(['b', 'c'])).keys()]).toEqual(['b']);
  });

  it.each(['OPEN', 'SHRINKING', 'QUARANTINED', 'DELETING'] as const)(
    'are missing in a pack that is %s',
    async (was) => {
      const { packs, index } = await givenPack(was);
      const known = new KnownBlocks(SESSION, { index, packs });
      expect(await known.find(['a', 'd'])).toEqual(new Map());
    },
  );
});
