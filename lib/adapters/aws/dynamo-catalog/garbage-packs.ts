import type { PackId } from '../../../model/ids.ts';
import { commonSlots, type Pack } from '../../../model/pack.ts';
import type { Cycle, GarbageCatalog } from '../../../ports/garbage-catalog.ts';
import {
  condemning,
  deleting,
  deletingOrphan,
  isPackToRemove,
  orphanOf,
  quarantiningShrinking,
  resealing,
  revivedState,
  reviving,
  shrinking,
  type Verdict,
} from '../../catalog-rules/garbage-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import { sessionCodec } from './codecs.ts';
import type { Change, Condition, Write } from './expression.ts';
import { checkRun, readRun } from './garbage-runs.ts';
import { keys } from './keys.ts';
import { packCodec, quarantinedPackCodec } from './pack-codecs.ts';
import { settle } from './settle.ts';

type PackMethods = Pick<
  GarbageCatalog,
  | 'condemn'
  | 'revive'
  | 'startDeleting'
  | 'startDeletingOrphan'
  | 'removePack'
  | 'startShrinking'
  | 'finishShrinking'
  | 'quarantineShrinking'
>;

/** How the collector moves packs: each method is one transaction with the check of its run. */
export const garbagePacks = (table: CatalogTable): PackMethods => {
  const read = ({ vaultId }: Cycle, id: PackId) => table.get(packCodec, keys.pack(vaultId, id));

  /** Changes the pack when the verdict on what is stored says so. */
  const move = (
    operation: string,
    { cycle, packId, m0 }: { cycle: Cycle; packId: PackId; m0?: number },
    decide: (pack: Pack | null) => Verdict | Promise<Verdict>,
    writesOf: (pack: Pack) => Write[],
  ) =>
    settle(`garbage.${operation}`, table.limits, async () => {
      await readRun(table, cycle, m0);
      const pack = await read(cycle, packId);
      const verdict = await decide(pack);
      if (pack === null || verdict !== 'write') return { done: verdict === 'done' };
      const writes = [checkRun(cycle, m0), ...writesOf(pack)];
      return { write: () => table.transact(writes).then(() => true) };
    });

  return {
    condemn: (cycle, packId, m0) =>
      move(
        'condemn',
        { cycle, packId, m0 },
        (pack) => condemning(pack, cycle, m0),
        (pack) => [update(pack, { set: { state: 'CONDEMNED', condemnedEpoch: cycle.epoch } })],
      ),

    revive: (cycle, packId) =>
      move('revive', { cycle, packId }, reviving, (pack) => [
        update(pack, { set: { state: revivedState(pack) }, remove: ['condemnedEpoch'] }),
      ]),

    startDeleting: (cycle, packId, m0) =>
      move(
        'startDeleting',
        { cycle, packId, m0 },
        async (pack) => {
          if (pack?.state !== 'OPEN') return deleting(pack, null, m0);
          const session = keys.session(cycle.vaultId, pack.sessionId);
          return deleting(pack, await table.get(sessionCodec, session), m0);
        },
        (pack) => [
          update(pack, { set: { state: 'DELETING' }, remove: ['condemnedEpoch'] }),
          ...(pack.state === 'OPEN' ? [writerHasEnded(pack)] : []),
        ],
      ),

    async startDeletingOrphan(cycle, packId) {
      return settle('garbage.startDeletingOrphan', table.limits, async () => {
        await readRun(table, cycle);
        const verdict = deletingOrphan(await read(cycle, packId));
        if (verdict !== 'write') return { done: verdict === 'done' };
        const put = packCodec.encode(orphanOf(cycle.vaultId, packId));
        const writes = [checkRun(cycle), { put, when: { exists: false } }];
        return { write: () => table.transact(writes).then(() => true) };
      });
    },

    async removePack(cycle, packId) {
      await settle('garbage.removePack', table.limits, async () => {
        await readRun(table, cycle);
        const pack = await read(cycle, packId);
        if (pack === null || !isPackToRemove(pack, packId)) return { done: undefined };
        return { write: () => table.transact([checkRun(cycle), ...removeWrites(pack)]) };
      });
    },

    startShrinking: (cycle, packId, m0) =>
      move(
        'startShrinking',
        { cycle, packId, m0 },
        (pack) => shrinking(pack, m0),
        (pack) => [update(pack, { set: { state: 'SHRINKING' } })],
      ),

    finishShrinking: (cycle, packId, { present, storedBytes }) =>
      move(
        'finishShrinking',
        { cycle, packId },
        (pack) => resealing(pack, { present, storedBytes }),
        (pack) => [update(pack, { set: { state: 'SEALED', present, storedBytes } })],
      ),

    quarantineShrinking: (cycle, packId, { live, reason }) =>
      move('quarantineShrinking', { cycle, packId }, quarantiningShrinking, (pack) => {
        const present = commonSlots(pack.present, live);
        const { vaultId, id } = pack;
        return [
          update(pack, { set: { state: 'QUARANTINED', present, reason } }),
          { put: quarantinedPackCodec.encode({ vaultId, id }) },
        ];
      }),
  };
};

/** The pack is what the verdict was on: no session has pinned it meanwhile. */
const unmoved = ({ state, lastRefEpoch }: Pack): Condition => ({ equal: { state, lastRefEpoch } });

const update = (pack: Pack, change: Change): Write => ({
  update: keys.pack(pack.vaultId, pack.id),
  change,
  when: unmoved(pack),
});

/** R14. A session that is gone has ended: packs are opened after their session. */
const writerHasEnded = ({ vaultId, sessionId }: Pack): Write => ({
  check: keys.session(vaultId, sessionId),
  when: { not: { state: 'OPEN' } },
});

const removeWrites = (pack: Pack): Write[] => [
  { remove: keys.pack(pack.vaultId, pack.id), when: { equal: { state: 'DELETING' } } },
  ...(pack.reason === undefined ? [] : [{ remove: keys.quarantinedPack(pack.vaultId, pack.id) }]),
];
