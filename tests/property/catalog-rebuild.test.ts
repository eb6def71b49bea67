import { expect, it } from '@jest/globals';
import type { MemoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import {
  bytesOf,
  collect,
  collectAll,
  collectorWorld,
  expectRestored,
  findLoss,
  hide,
  storedBytes,
} from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import { beginBackup, type DataWorld, PROJECT, runJob } from '../support/data-world.ts';
import {
  dying,
  type Interrupt,
  interruptedPorts,
  seededNumbers,
  toItsDeath,
} from '../support/interrupted-ports.ts';
import {
  bindAgain,
  copyOfCatalog,
  expectConsistent,
  fenceAll,
  loseCatalog,
  reconcileAfterDeath,
  visibleBackups,
} from '../support/lost-catalog.ts';

const SEEDS = Number(process.env['HOLDFAST_REBUILD_SEEDS'] ?? 6);
const FIRST_SEED = Number(process.env['HOLDFAST_REBUILD_SEED'] ?? 1);
const ACTIONS = 60;
const BLOCKS = 6;
const KEPT_MAX = 6;
const COPIES_MAX = 12;

/** A vault whose every backup is known, and its catalog as it was after each action. */
interface History {
  world: DataWorld;
  below: (limit: number) => number;
  /** The oracle: what each backup must restore to, deleted ones too. */
  contents: Map<string, Uint8Array>;
  /** Committed and not deleted: none of these may ever be lost. */
  kept: Set<string>;
  copies: MemoryCatalogState[];
}

const pick = ({ below }: History, from: Iterable<string>): string | undefined => {
  const ids = [...from];
  return ids[below(ids.length)];
};

/** Nothing happens at the call, but the catalog is copied: a backup of DynamoDB asks nobody. */
const copying =
  ({ world, copies }: History): Interrupt =>
  async (run, isFirst) => {
    if (isFirst) copies.push(copyOfCatalog(world));
    return run();
  };

/** A backup that is interrupted at some call, before or after its commit. */
const backUpOnce = async (history: History, interrupt: Interrupt): Promise<void> => {
  const { world, contents, kept } = history;
  const content = await bytesOf(world);
  const { backupId, event } = await beginBackup(world);
  contents.set(backupId, content);
  const ports = interruptedPorts(world.ports, 1 + history.below(60), interrupt, ['backups']);
  await toItsDeath(() => runJob('backup', event, ports));
  if ((await visibleBackups(world)).has(backupId)) kept.add(backupId);
  // The watchdog ends the task and gives the disk back.
  const { sessions } = world.ports.catalog;
  for (const { id } of await sessions.listOpen(world.vaultId))
    await sessions.end(world.vaultId, id, 'FENCED');
  freeDisk(world);
};

const freeDisk = ({ state }: DataWorld): void => {
  for (const binding of state.bindings.values()) delete binding.protectingTaskId;
};

const ACTIONS_OF: ((history: History) => Promise<void>)[] = [
  async ({ world, below }) => writeBlock(world, below(BLOCKS), `text ${below(12)}`),
  async ({ world, below }) => writeBlock(world, below(BLOCKS), `text ${below(12)}`),
  async (history) => {
    if (history.kept.size < KEPT_MAX) await backUpOnce(history, copying(history));
  },
  (history) => backUpOnce(history, dying([])),
  async (history) => {
    const id = pick(history, history.kept);
    if (id === undefined) return;
    await hide(history.world, { id });
    history.kept.delete(id);
  },
  async (history) => {
    const { world, contents, kept } = history;
    const hidden = [...world.state.backups.values()].filter(({ root }) => root === 'HIDDEN');
    const id = pick(
      history,
      hidden.filter((one) => one.manifest && contents.has(one.id)).map((one) => one.id),
    );
    if (id === undefined) return;
    await world.ports.catalog.garbage.undelete(PROJECT, id, world.clock.nowMs());
    kept.add(id);
  },
  async (history) => {
    const { world, below } = history;
    await collect(world, interruptedPorts(world.ports, 1 + below(40), copying(history)));
  },
  async ({ world }) => void (await collect(world)),
  async ({ world, below }) => {
    await toItsDeath(() => collect(world, interruptedPorts(world.ports, 1 + below(40), dying([]))));
  },
  disaster,
];

/** The catalog is lost or of an earlier time, and reconciled by a process that dies once. */
async function disaster(history: History): Promise<void> {
  const { world, below, copies, contents, kept } = history;
  const copy = below(3) === 0 ? undefined : copies[below(copies.length)];
  loseCatalog(world, copy);
  world.clock.advance(1000);
  if (below(2) === 0) await fenceAll(world);
  await reconcileAfterDeath(world, 1 + below(80));
  await bindAgain(world);
  freeDisk(world);
  await expectConsistent(world);
  const { garbage } = world.ports.catalog;
  for (const id of kept) {
    // An undelete that the catalog has forgotten: it can be repeated.
    if (world.state.backups.get(id)?.root !== 'HIDDEN') continue;
    await garbage.undelete(PROJECT, id, world.clock.nowMs());
  }
  const visible = await visibleBackups(world);
  for (const id of kept) expect([id, visible.get(id)]).toEqual([id, 'available']);
  // What says that it is available restores, whether anybody relied on it or not.
  for (const [id, status] of visible) {
    if (status !== 'available') continue;
    await expectRestored(world, id, contents.get(id)!);
    kept.add(id);
  }
  const { usedBytes } = await world.ports.catalog.vaults.usage(world.vaultId);
  expect(usedBytes).toBe(storedBytes(world));
  expect(await collect(world)).toMatchObject({ blocked: [] });
  copies.length = 0;
}

it.each(Array.from({ length: SEEDS }, (_, n) => FIRST_SEED + n))(
  'loses no backup with its catalog: history %i',
  async (seed) => {
    const world = await collectorWorld(BLOCKS);
    const below = seededNumbers(seed * 7919);
    const history: History = { world, below, contents: new Map(), kept: new Set(), copies: [] };
    for (let action = 1; action <= ACTIONS; action++) {
      world.clock.advance(1000);
      await ACTIONS_OF[below(ACTIONS_OF.length)]!(history);
      history.copies.push(copyOfCatalog(world));
      if (history.copies.length > COPIES_MAX) history.copies.splice(below(COPIES_MAX), 1);
      expect([action, await findLoss(world)]).toEqual([action, null]);
    }
    await disaster(history);
    for (const id of history.kept) await expectRestored(world, id, history.contents.get(id)!);
    for (const id of (await visibleBackups(world)).keys()) await hide(world, { id });
    await collectAll(world);
    expect(storedBytes(world)).toBe(0);
  },
  120_000,
);
