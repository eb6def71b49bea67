import type { MemoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import { memoryIds } from '../../lib/adapters/memory/memory-ids.ts';
import { isError } from '../../lib/errors.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { collectVault } from '../../lib/service/collect-vault.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import { collectorWorld, findLoss } from './collector-scenario.ts';
import { writeBlock } from './data-scenario.ts';
import {
  backUp,
  beginBackup,
  beginTask,
  bindDisk,
  type DataWorld,
  DISK,
  PROJECT,
  runJob,
} from './data-world.ts';
import { type Actor, type Choose, Interleaving } from './interleaving.ts';

/** What a rule is dropped from: `state` is the real catalog's, `pause` lets others go first. */
export interface Bending {
  catalog: Catalog;
  state: MemoryCatalogState;
  vaultId: string;
  pause: () => Promise<void>;
}

/** A rule that is dropped: what ports do without it. */
export type Drop = (world: Bending) => {
  [K in keyof Catalog]?: Partial<Catalog[K]>;
} & { index?: Partial<DataPorts['index']> };

export interface Exploration {
  loss: string | null;
  trace: string[];
  unexpected: unknown[];
}

const OTHER = 'disk-2';

/**
 * The world of `gc_model`: one pack with what only a deleted backup names and what another one
 * still does; the dedup index knows all of it.
 */
const newWorld = async () => {
  const world = await collectorWorld(4, { windowMs: 0 });
  for (const [n, text] of ['x', 'y', 'z'].entries()) await writeBlock(world, n, text);
  const first = await backUp(world);
  await writeBlock(world, 1, 'w');
  await world.disks.addDisk({ id: OTHER, name: 'other', sizeBytes: 2 * BLOCK_BYTES });
  await bindDisk(world, OTHER);
  await writeBlock(world, 0, 'z', OTHER);
  const other = await backUp(world, OTHER);
  await writeBlock(world, 1, 'y', OTHER);
  return { world, first, other };
};

export type ActorName = 'A' | 'B' | 'user' | 'watchdog' | 'reader' | 'GC1' | 'GC2';

export interface ExploreOptions {
  drop?: Drop | undefined;
  /** Who acts; all of them by default. */
  cast?: readonly ActorName[];
  /** Makes one more of them. */
  also?: (world: DataWorld, portsOf: (actor: string) => DataPorts) => Actor;
  /** Is told of each answer that an actor was given, and may look at the world. */
  observe?: (world: DataWorld, actor: string, call: string, answer: unknown) => void;
}

/** Runs the actors at once in the order that `choose` gives, and looks for loss after each call. */
export const explore = async (
  choose: (waiting: Parameters<Choose>[0], world: DataWorld) => number | null,
  { drop, cast, also, observe }: ExploreOptions = {},
): Promise<Exploration> => {
  const { world, first } = await newWorld();
  const order = new Interleaving((...told) => observe?.(world, ...told));
  let loss: string | null = null;
  const portsOf = (actor: string) => gatedPorts(actor, world, order, drop);
  const all = [
    ...['A', 'B'].map((name, n) => backupActor(name, [DISK, OTHER][n]!, world, portsOf(name))),
    userActor(first.id, world, portsOf('user')),
    fenceActor(world, portsOf('watchdog')),
    readerActor(first.id, world, portsOf('reader')),
    ...['GC1', 'GC2'].map((name) => collectorActor(name, world, portsOf(name))),
    ...(also === undefined ? [] : [also(world, portsOf)]),
  ];
  const actors = all.filter(({ name }) => cast?.some((one) => one === name) ?? true);
  const failures = await order.run(
    actors,
    (waiting) => (loss === null ? choose(waiting, world) : null),
    async (call) => {
      if (LOSING.has(call)) loss ??= await findLoss(world);
    },
  );
  loss ??= await findLoss(world);
  return { loss, trace: order.trace, unexpected: [...failures.values()].filter(isUnexpected) };
};

/** After these there may be less than there was, or more that names it. */
const LOSING = new Set([
  'objects.delete',
  'objects.replace',
  'sessions.commit',
  'garbage.undelete',
]);

/** A refusal is a way to end; anything else is a mistake of the code or of the test. */
const isUnexpected = (error: unknown): boolean =>
  !isError(
    error,
    'cycle.superseded',
    'catalog.conflict',
    'session.not-open',
    'BackupService.6200',
    'BackupService.6201',
    'BackupService.6125',
  );

/** A world's ports as an actor uses them: each call waits for its turn. */
export const gatedPorts = (
  actor: string,
  world: DataWorld,
  order: Interleaving,
  drop?: Drop,
): DataPorts => {
  const { catalog, objects, index } = world.ports;
  const { pause } = order.gate(actor, 'rule', { pause: async () => {} });
  const { state, vaultId } = world;
  const bent = drop?.({ catalog, state, vaultId, pause });
  const gate = <T extends object>(name: string, port: T): T => order.gate(actor, name, port);
  return {
    ...world.ports,
    // Of its own: what an actor is called does not depend on who went before.
    ids: memoryIds(actor),
    catalog: {
      ...catalog,
      backups: gate('backups', { ...catalog.backups, ...bent?.backups }),
      sessions: gate('sessions', { ...catalog.sessions, ...bent?.sessions }),
      packs: gate('packs', { ...catalog.packs, ...bent?.packs }),
      vaults: gate('vaults', catalog.vaults),
      garbage: gate('garbage', { ...catalog.garbage, ...bent?.garbage }),
    },
    objects: gate('objects', objects),
    index: gate('index', { ...index, ...bent?.index }),
  };
};

const backupActor = (name: string, diskId: string, world: DataWorld, ports: DataPorts) => ({
  name,
  run: async () => {
    const { event } = await beginBackup({ ...world, ids: ports.ids }, diskId);
    await runJob('backup', event, ports);
  },
});

/** Deletes the first backup, and takes the deletion back when that is still possible. */
const userActor = (backupId: string, world: DataWorld, { catalog }: DataPorts) => ({
  name: 'user',
  run: async () => {
    await catalog.backups.hide(PROJECT, backupId, world.clock.nowMs() - 1);
    await catalog.garbage.undelete(PROJECT, backupId, world.clock.nowMs());
    await catalog.backups.hide(PROJECT, backupId, world.clock.nowMs() - 1);
  },
});

/** Takes the right to write away from whoever has it at that moment. */
const fenceActor = ({ vaultId }: DataWorld, { catalog }: DataPorts) => ({
  name: 'watchdog',
  run: async () => {
    const [open] = await catalog.sessions.listOpen(vaultId);
    if (open !== undefined) await catalog.sessions.end(vaultId, open.id, 'FENCED');
  },
});

/** Reads a backup back while it is deleted; what it may open must stay until it has ended. */
const readerActor = (backupId: string, world: DataWorld, ports: DataPorts) => ({
  name: 'reader',
  run: async () => {
    const task = await beginTask({ ...world, ids: ports.ids }, 'verify', backupId);
    const event = { projectId: PROJECT, operationLogId: task, attempt: 0 };
    await runJob('verify', event, ports);
    const { failure } = await world.ports.catalog.tasks.get(PROJECT, task);
    if (failure?.code === 'Holdfast.Damaged') throw new Error(`a reader lost: ${failure.message}`);
  },
});

const CYCLES = 3;

const collectorActor = (name: string, world: DataWorld, ports: DataPorts) => ({
  name,
  run: async () => {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const vault = { projectId: PROJECT, vaultId: world.vaultId };
      const late = Number.MAX_SAFE_INTEGER;
      try {
        const { blocked } = await collectVault(vault, late, ports);
        if (blocked.length > 0) throw new Error(`blocked: ${blocked[0]}`);
      } catch (error) {
        // Another run has the vault; this one comes again.
        if (!isError(error, 'cycle.superseded', 'catalog.conflict')) throw error;
      }
    }
  },
});

/** A chooser that is a function of its seed; it likes to stay with one actor for a while. */
export const randomChoice = (seed: number): Choose => {
  let state = seed * 2_654_435_761 + 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  let last = '';
  const stay = [0.5, 0.9, 0.97][seed % 3]!;
  return (waiting) => {
    const own = waiting.findIndex(({ actor }) => actor === last);
    const chosen = own >= 0 && random() < stay ? own : Math.floor(random() * waiting.length);
    last = waiting[chosen]!.actor;
    return chosen;
  };
};
