import type { MemoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import { allSlots } from '../../lib/model/pack.ts';
import type { Bending, Drop } from './collector-actors.ts';
import type { Script } from './interleaving.ts';

const sessionOf = ({ state, vaultId }: Bending, id: string) =>
  state.sessions.get(`${vaultId}/${id}`)!;
const packOf = ({ state, vaultId }: Bending, id: string) => state.packs.get(`${vaultId}/${id}`);

/** Sessions that a dropped rule hides from the collector, by world. */
const unseen = new WeakMap<MemoryCatalogState, Set<string>>();
const unseenOf = ({ state }: Bending): Set<string> => {
  const known = unseen.get(state) ?? new Set<string>();
  unseen.set(state, known);
  return known;
};
const listSeen = (world: Bending) => async (vaultId: string) =>
  (await world.catalog.sessions.listOpen(vaultId)).filter(({ id }) => !unseenOf(world).has(id));

const horizonNow = async ({ catalog, state, vaultId }: Bending): Promise<number> => {
  const open = await catalog.sessions.listOpen(vaultId);
  const m0 = Math.min(state.epochs.get(vaultId)!, ...open.map(({ startEpoch }) => startEpoch));
  state.runs.get(vaultId)!.horizon = m0;
  return m0;
};

/** The collector has decided to shrink, a backup reuses and commits, and then it shrinks. */
const SHRINK_AROUND_A: Script = [['GC1', 'garbage.startShrinking'], ['A'], ['GC1']];

/**
 * Each rule of the protocol that safety needs: ports that do without it, and an order of events in
 * which data is lost then.
 */
export const DROPPED: Record<string, { script: Script; drop: Drop }> = {
  'R1: a session opens with the epoch that is the vault`s at that moment': {
    script: [['user'], ['GC1', 'garbage.begin', 2], ['A', 'rule.pause'], ...SHRINK_AROUND_A],
    drop: (world) => ({
      sessions: {
        open: async (session) => {
          const startEpoch = world.state.epochs.get(world.vaultId)!;
          await world.pause();
          await world.catalog.sessions.open(session);
          sessionOf(world, session.id).startEpoch = startEpoch;
          return world.catalog.sessions.get(world.vaultId, session.id);
        },
      },
    }),
  },

  'R3: reusing a pack raises its lastRef': {
    script: [['user'], ...SHRINK_AROUND_A],
    drop: (world) => ({
      packs: {
        pin: async (vaultId, id, startEpoch) => {
          const lastRefEpoch = packOf(world, id)?.lastRefEpoch ?? 0;
          const pinned = await world.catalog.packs.pin(vaultId, id, startEpoch);
          if (pinned !== null) packOf(world, id)!.lastRefEpoch = lastRefEpoch;
          return pinned;
        },
      },
    }),
  },

  'R3: a pack is pinned by a conditional write': {
    script: [['user'], ...SHRINK_AROUND_A],
    drop: (world) => ({
      packs: { pin: (vaultId, id) => world.catalog.packs.get(vaultId, id) },
    }),
  },

  'R3: a pack that shrinks is not reused': {
    script: [['user'], ['GC1', 'objects.replace'], ['A'], ['GC1']],
    drop: (world) => ({
      packs: {
        pin: async (vaultId, id, startEpoch) => {
          const pack = packOf(world, id);
          if (pack?.state !== 'SHRINKING') return world.catalog.packs.pin(vaultId, id, startEpoch);
          pack.lastRefEpoch = Math.max(pack.lastRefEpoch, startEpoch);
          return { ...pack };
        },
      },
    }),
  },

  'R3: a slot is reused only while it is present': {
    script: [['user'], ['GC1'], ['A']],
    drop: (world) => ({
      packs: {
        pin: async (...args) => {
          const pack = await world.catalog.packs.pin(...args);
          return pack && { ...pack, present: allSlots(pack.slotCount) };
        },
      },
      index: { remove: async () => {} },
    }),
  },

  'R5: a session that was fenced commits nothing': {
    script: [['GC2'], ['A', 'sessions.commit'], ['watchdog'], ['user'], ['GC1'], ['A']],
    drop: (world) => ({
      sessions: {
        end: async (vaultId, id, state) => {
          if (state !== 'FENCED') return world.catalog.sessions.end(vaultId, id, state);
          unseenOf(world).add(id);
          return world.catalog.sessions.get(vaultId, id);
        },
        listOpen: listSeen(world),
      },
    }),
  },

  'R6: a deletion bears the epoch that is the vault`s at that moment': {
    script: [
      ['user', 'rule.pause'],
      ['GC2'],
      ['A', 'sessions.commit'],
      ['user', 'garbage.undelete'],
      ['GC1'],
      ['A'],
    ],
    drop: (world) => ({
      backups: {
        hide: async (projectId, id, atMs) => {
          const deletedEpoch = world.state.epochs.get(world.vaultId)!;
          await world.pause();
          await world.catalog.backups.hide(projectId, id, atMs);
          world.state.backups.get(id)!.deletedEpoch = deletedEpoch;
        },
      },
    }),
  },

  'R6: a deleted backup is still a root': {
    script: [['GC2'], ['A', 'sessions.commit'], ['user', 'garbage.undelete'], ['GC1'], ['A']],
    drop: (world) => ({
      backups: {
        hide: async (projectId, id, atMs) => {
          await world.catalog.backups.hide(projectId, id, atMs);
          world.state.backups.delete(id);
        },
      },
    }),
  },

  'R7: OPEN sessions count in m0': {
    script: [['GC2'], ['A', 'sessions.commit'], ['user'], ['GC1'], ['A']],
    drop: () => ({ sessions: { listOpen: async () => [] } }),
  },

  'R7: m0 is fixed for the run': {
    script: [['user'], ['GC1', 'garbage.begin', 2], ['A', 'index.find'], ...SHRINK_AROUND_A],
    drop: (world) => ({
      garbage: {
        condemn: async (cycle, id) =>
          world.catalog.garbage.condemn(cycle, id, await horizonNow(world)),
        startDeleting: async (cycle, id) =>
          world.catalog.garbage.startDeleting(cycle, id, await horizonNow(world)),
        startShrinking: async (cycle, id) =>
          world.catalog.garbage.startShrinking(cycle, id, await horizonNow(world)),
      },
    }),
  },

  'R7: a deleted backup is marked': {
    script: [['user', 'garbage.undelete'], ['GC1']],
    drop: (world) => ({
      backups: {
        async *roots(vaultId) {
          for await (const root of world.catalog.backups.roots(vaultId))
            if (root.root === 'VISIBLE') yield root;
        },
      },
    }),
  },

  'R10: a pack that was left SHRINKING is written anew': {
    script: [
      ['user'],
      ['GC1', 'objects.replace'],
      ['GC2', 'garbage.startShrinking'],
      ['A'],
      ['GC1'],
    ],
    drop: (world) => ({
      garbage: {
        async *packs(vaultId) {
          for await (const pack of world.catalog.garbage.packs(vaultId)) {
            if (pack.state === 'SHRINKING') packOf(world, pack.id)!.state = 'SEALED';
            yield { ...pack, state: pack.state === 'SHRINKING' ? 'SEALED' : pack.state };
          }
        },
      },
    }),
  },

  'R11: a root goes only when nobody who may inherit from it or read it is left': {
    script: [['GC2'], ['A', 'sessions.commit'], ['user'], ['GC1'], ['A']],
    drop: (world) => ({
      garbage: {
        removeRoot: async (_, { id }) => {
          if (world.state.backups.get(id)?.root === 'HIDDEN') world.state.backups.delete(id);
          return true;
        },
      },
      backups: {
        hide: async (...args) => {
          await world.catalog.backups.hide(...args);
          world.state.backups.get(args[1])!.deletedEpoch = 0;
        },
      },
    }),
  },

  'R13: a reader has a session': {
    script: [['GC2'], ['reader', 'objects.getTail'], ['user'], ['GC1'], ['reader']],
    drop: (world) => ({
      sessions: {
        open: async (session) => {
          const opened = await world.catalog.sessions.open(session);
          if (session.kind === 'read') unseenOf(world).add(session.id);
          return opened;
        },
        listOpen: listSeen(world),
      },
    }),
  },
};
