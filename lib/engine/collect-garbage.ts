import { HoldfastError, isError } from '../errors.ts';
import { deriveIndexKey, indexName } from '../format/keys.ts';
import { packKey } from '../format/object-keys.ts';
import type { Backup } from '../model/backup.ts';
import type { BlockLocation } from '../model/block.ts';
import type { BlockIndex } from '../ports/block-index.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Cycle } from '../ports/garbage-catalog.ts';
import type { Probe } from '../ports/probe.ts';
import type { GarbagePlan, PackStep } from './plan-garbage.ts';
import { readPackTable } from './read-pack-table.ts';
import { PACK_DAMAGE } from './read-packs.ts';
import { runLanes } from './run-lanes.ts';
import { type PackRewriting, type ShrunkPack, shrinkPack } from './shrink-pack.ts';

/** Packs at once: two copies of each are in memory while it shrinks. */
export const COLLECT_LIMITS = { lanes: 4, deleteKeys: 1000 };

export interface Collecting extends PackRewriting {
  cycle: Cycle;
  m0: number;
  /** The key that names of blocks in the index are made with: the vault's first. */
  indexKeyId: string;
  hiddenBeforeMs: number;
  /** Gives up what a root keeps elsewhere, before it is removed; false: it has to stay for now. */
  release: (root: Backup) => Promise<boolean>;
  catalog: Pick<Catalog, 'garbage'>;
  index: BlockIndex;
  probe: Probe;
  /** True when it is time to stop; what is left is for the next cycle. */
  isLate: () => boolean;
}

/** What a cycle did. */
export interface Collected {
  condemned: number;
  revived: number;
  deleted: number;
  shrunk: number;
  rootsRemoved: number;
  leftoversDeleted: number;
  sessionsRemoved: number;
  /** Steps that the state forbade by now, that met damage, or for which there was no time. */
  skipped: number;
  /** Bytes of packs and segments that are no longer stored. */
  freedBytes: number;
}

/**
 * Executes a plan: objects that nobody names, then packs, then roots and sessions. Each step is
 * conditional on the cycle and on m0 and may be repeated. One damaged pack does not keep the
 * others; an outage, or another run (`cycle.superseded`), ends it.
 */
export const collectGarbage = async (plan: GarbagePlan, run: Collecting): Promise<Collected> => {
  const done: Collected = {
    condemned: 0,
    revived: 0,
    deleted: 0,
    shrunk: 0,
    rootsRemoved: 0,
    leftoversDeleted: 0,
    sessionsRemoved: 0,
    skipped: 0,
    freedBytes: 0,
  };
  await deleteLeftovers(plan, run, done);
  await runLanes(plan.steps.values(), COLLECT_LIMITS.lanes, async (step) => {
    if (run.isLate() || !(await STEPS[step.kind](step, run, done))) done.skipped++;
  });
  await removeRoots(plan, run, done);
  for (const sessionId of plan.sessions) {
    if (run.isLate()) break;
    await run.catalog.garbage.removeSession(run.cycle, sessionId);
    done.sessionsRemoved++;
  }
  return done;
};

const deleteLeftovers = async (
  { leftovers }: GarbagePlan,
  run: Collecting,
  done: Collected,
): Promise<void> => {
  for (let at = 0; at < leftovers.length && !run.isLate(); at += COLLECT_LIMITS.deleteKeys) {
    const some = leftovers.slice(at, at + COLLECT_LIMITS.deleteKeys);
    await run.objects.delete(some.map(({ key }) => key));
    done.leftoversDeleted += some.length;
    for (const { random, sizeBytes } of some)
      if (random !== undefined) done.freedBytes += sizeBytes;
  }
};

type Step = (step: PackStep, run: Collecting, done: Collected) => Promise<boolean>;

/** True when the step was done; false when the state forbids it by now. */
const STEPS: Record<PackStep['kind'], Step> = {
  condemn: async ({ packId }, { catalog, cycle, m0 }, done) => {
    if (!(await catalog.garbage.condemn(cycle, packId, m0))) return false;
    done.condemned++;
    return true;
  },

  revive: async ({ packId }, { catalog, cycle, probe }, done) => {
    // A session would have revived it when it pinned it: whatever names it now did not.
    const error = new HoldfastError('pack.live-again', { packId });
    probe.problem('pack.live-again', error, { packId });
    if (!(await catalog.garbage.revive(cycle, packId))) return false;
    done.revived++;
    return true;
  },

  delete: async (step, run, done) => {
    const { garbage } = run.catalog;
    if (!(await garbage.startDeleting(run.cycle, step.packId, run.m0))) return false;
    await deletePack(step, run, done);
    return true;
  },

  orphan: async (step, run, done) => {
    if (!(await run.catalog.garbage.startDeletingOrphan(run.cycle, step.packId))) return false;
    await deletePack(step, run, done);
    return true;
  },

  shrink: (step, run, done) =>
    orDamaged(step, run, async () => {
      // Made before the pack is marked: a damaged one is never begun.
      const shrunk = await shrinkPack(step.packId, step.live, run);
      if (!(await run.catalog.garbage.startShrinking(run.cycle, step.packId, run.m0))) return false;
      return storeShrunk(step, shrunk, run, done);
    }),

  rewrite: (step, run, done) =>
    orDamaged(step, run, async () =>
      storeShrunk(step, await shrinkPack(step.packId, step.live, run), run, done),
    ),
};

/** Index, object, item, in this order: whoever resumes finds the table until all of it is used. */
const deletePack = async (
  { packId, freedBytes }: PackStep,
  run: Collecting,
  done: Collected,
): Promise<void> => {
  await forgetBlocks(packId, await blocksOf(packId, run), run);
  await run.objects.delete([packKey(run, packId)]);
  await run.catalog.garbage.removePack(run.cycle, packId);
  done.deleted++;
  done.freedBytes += freedBytes;
};

/**
 * Block ids of a pack by slot, from its table. A pack without a readable one leaves entries in the
 * index: hints that nobody can pin.
 */
const blocksOf = async (packId: string, run: Collecting): Promise<Map<number, Uint8Array>> => {
  const table = await readPackTable(packId, run);
  return 'damage' in table ? new Map() : table.blocks;
};

const forgetBlocks = async (
  packId: string,
  blocks: Map<number, Uint8Array>,
  { vaultId, index, vaultKeys, indexKeyId }: Collecting,
): Promise<void> => {
  if (blocks.size === 0) return;
  const indexKey = deriveIndexKey(await vaultKeys.get(indexKeyId));
  const entries = new Map<string, BlockLocation>();
  for (const [slot, blockId] of blocks) entries.set(indexName(indexKey, blockId), { packId, slot });
  await index.remove(vaultId, entries);
};

/**
 * R10: PUT in the place of exactly the version that was read, then SEALED. When somebody's late PUT
 * was quicker the pack stays SHRINKING, and the next cycle writes it with its own mark.
 */
const storeShrunk = async (
  { packId }: PackStep,
  { bytes, etag, freedBytes, present, dropped }: ShrunkPack,
  run: Collecting,
  done: Collected,
): Promise<boolean> => {
  try {
    await run.objects.replace(packKey(run, packId), bytes, etag);
  } catch (error) {
    if (isError(error, 'store.object-changed')) return false;
    throw error;
  }
  const shrunk = { present, storedBytes: bytes.length };
  if (!(await run.catalog.garbage.finishShrinking(run.cycle, packId, shrunk))) return false;
  await forgetBlocks(packId, dropped, run);
  done.shrunk++;
  done.freedBytes += freedBytes;
  return true;
};

/**
 * A pack that cannot be written anew is damaged: it is reported, and no backup relies on it. With
 * nothing live in it, it goes as every damaged one does: condemned, then deleted. The verdict is
 * the run's: one that was superseded may have met what another has written anew.
 */
const orDamaged = async (
  { packId, kind, live }: PackStep,
  { catalog: { garbage }, cycle, m0, probe }: Collecting,
  run: () => Promise<boolean>,
): Promise<boolean> => {
  try {
    return await run();
  } catch (error) {
    if (!isError(error, ...PACK_DAMAGE)) throw error;
    const isOwn = kind === 'rewrite' || (await garbage.startShrinking(cycle, packId, m0));
    const { message: reason } = error;
    if (isOwn) await garbage.quarantineShrinking(cycle, packId, { live, reason });
    probe.problem('pack.not-shrunk', error, { packId });
    return false;
  }
};

const removeRoots = async (
  { roots }: GarbagePlan,
  { catalog, cycle, m0, hiddenBeforeMs, isLate, release }: Collecting,
  done: Collected,
): Promise<void> => {
  const when = { m0, hiddenBeforeMs };
  for (const root of roots) {
    if (isLate()) return;
    const isRemoved =
      (await release(root)) && (await catalog.garbage.removeRoot(cycle, root, when));
    if (isRemoved) done.rootsRemoved++;
    else done.skipped++;
  }
};
