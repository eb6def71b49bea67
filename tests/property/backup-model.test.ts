import { fc } from '@fast-check/jest';
import { expect, it } from '@jest/globals';
import { readManifest, readSegment } from '../../lib/engine/read-manifest.ts';
import { vaultKeys } from '../../lib/engine/vault-keys.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import { expectIdle, runRestore, runVerify, smallWorld } from '../support/data-scenario.ts';
import {
  backUp,
  beginBackup,
  bindDisk,
  type DataWorld,
  DISK,
  PROJECT,
  runJob,
} from '../support/data-world.ts';
import { Crash, engineContext, type Journal } from '../support/engine-context.ts';
import { textBlock } from '../support/some-stored.ts';

const RUNS = Number(process.env['HOLDFAST_MODEL_RUNS'] ?? 40);

interface Kept {
  id: string;
  content: Uint8Array;
  /** Packs that were known to be damaged when the backup began: it must not name them. */
  damaged: string[];
}

/** What everything must look like: the disk as one array of bytes, and a copy of it a backup. */
interface Model {
  disk: Uint8Array;
  kept: Kept[];
  destroyed: string[];
}

type Command = fc.AsyncCommand<Model, DataWorld>;

class Do implements Command {
  readonly #name: string;
  readonly #run: (model: Model, world: DataWorld) => Promise<void>;
  readonly #when: (model: Model) => boolean;

  constructor(name: string, run: Command['run'], when: (model: Model) => boolean = () => true) {
    this.#name = name;
    this.#run = run;
    this.#when = when;
  }

  check = (model: Model): boolean => this.#when(model);
  run = (model: Model, world: DataWorld): Promise<void> => this.#run(model, world);
  toString = (): string => this.#name;
}

const hasBackups = ({ kept }: Model): boolean => kept.length > 0;
const pick = <T>(items: T[], n: number): T => items[n % items.length] as T;

const write = (at: number, count: number, text: string) =>
  new Do(`write ${count} at ${at} '${text}'`, async (model, world) => {
    const from = at % model.disk.length;
    const bytes = text === '' ? new Uint8Array(count) : textBlock(text).subarray(0, count);
    const part = bytes.subarray(0, model.disk.length - from);
    model.disk.set(part, from);
    await world.disks.write(DISK, from, part);
  });

const resize = (sizeBytes: number) =>
  new Do(`resize ${sizeBytes}`, async (model, world) => {
    const disk = new Uint8Array(sizeBytes);
    disk.set(model.disk.subarray(0, sizeBytes));
    model.disk = disk;
    await world.disks.resize(DISK, sizeBytes);
  });

const keep = (model: Model, id: string) =>
  model.kept.push({ id, content: model.disk.slice(), damaged: [...model.destroyed] });

const takeBackup = (incremental: boolean) =>
  new Do(`backup ${incremental ? 'incremental' : 'full'}`, async (model, world) => {
    world.clock.advance(1000);
    const backup = await backUp(world, DISK, incremental);
    expect(backup.status).toBe('available');
    keep(model, backup.id);
  });

const loseSnapshot = () =>
  new Do('lose snapshots', async (_, world) => {
    for (const { id } of await world.disks.listSnapshots(DISK)) world.disks.loseSnapshot(id);
  });

const destroyPack = (n: number) =>
  new Do(
    `destroy pack ${n}`,
    async (model, world) => {
      const packs = [...world.objects.objects.keys()].filter((key) => key.includes('/packs/'));
      if (packs.length === 0) return;
      const key = pick(packs, n);
      const id = key.split('/').at(-1) ?? '';
      world.objects.objects.delete(key);
      await world.ports.catalog.packs.quarantine(world.vaultId, id, 'destroyed');
      model.destroyed.push(id);
    },
    hasBackups,
  );

const hide = (n: number) =>
  new Do(
    `delete backup ${n}`,
    async (model, world) => {
      const { id } = pick(model.kept, n);
      await world.ports.catalog.backups.hide(PROJECT, id, world.clock.nowMs());
      model.kept = model.kept.filter((kept) => kept.id !== id);
    },
    hasBackups,
  );

const checkBackup = (n: number) =>
  new Do(
    `restore ${n}`,
    async (model, world) => expectKept(pick(model.kept, n), model, world),
    hasBackups,
  );

const cancel = (nth: number) =>
  new Do(`cancel at read ${nth}`, async (model, world) => {
    world.clock.advance(1000);
    const { backupId, event } = await beginBackup(world);
    const { catalog, disks } = world.ports;
    let reads = 0;
    const readBlocks: typeof disks.readBlocks = async (...args) => {
      if (++reads === nth) await catalog.tasks.requestCancel(PROJECT, event.operationLogId, 0);
      return disks.readBlocks(...args);
    };
    const patched = Object.create(disks, { readBlocks: { value: readBlocks } });
    const ports = { ...world.ports, disks: bound(disks, patched) };
    await runJob('backup', event, ports);
    const { status } = await catalog.backups.get(PROJECT, backupId);
    // A disk with less to read than that is backed up before anybody asks to stop.
    expect(status).toBe(reads >= nth ? 'deleted' : 'available');
    if (status === 'available') keep(model, backupId);
  });

/** `patched` for what it has itself, the methods of `target` for the rest. */
const bound = <T extends object>(target: T, patched: object): T =>
  new Proxy(target, {
    get: (_, property) => {
      if (Object.hasOwn(patched, property)) return Reflect.get(patched, property);
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** The process dies at a step; the watchdog fences and restarts; then the dead one wakes up. */
const crash = (nth: number, when: 'ran' | 'kept', zombieFirst: boolean) =>
  new Do(
    `crash at ${nth} ${when}, zombie ${zombieFirst ? 'first' : 'last'}`,
    async (model, world) => {
      world.clock.advance(1000);
      const { ports } = world;
      const { backupId, event } = await beginBackup(world);
      const journal: Journal = new Map();
      const dying = engineContext(ports, { journal, crash: { nth, when } });
      await runJob('backup', event, ports, dying).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      for (let sweep = 0; sweep < 2; sweep++) {
        world.clock.advance(ports.settings.leaseMs + 1);
        await watchJobs(ports);
      }
      const zombie = () => runJob('backup', event, ports, engineContext(ports, { journal }));
      if (zombieFirst) await zombie();
      for (const { name } of world.jobs.started.filter(
        (job) => job.operationLogId === event.operationLogId,
      )) {
        const attempt = Number(/-r(\d+)$/.exec(name)?.[1] ?? 0);
        if (attempt > 0) await runJob('backup', { ...event, attempt }, ports);
      }
      await zombie();
      expect(await ports.catalog.backups.get(PROJECT, backupId)).toMatchObject({
        status: 'available',
      });
      keep(model, backupId);
    },
  );

/** A backup that names no destroyed pack is whole; any other says so, and nothing is made up. */
const expectKept = async ({ id, content, damaged }: Kept, model: Model, world: DataWorld) => {
  const named = await packsOf(id, world);
  for (const pack of damaged) expect(named).not.toContain(pack);
  if (model.destroyed.some((pack) => named.has(pack))) {
    expect(await runVerify(world, id)).toMatchObject({
      status: 'failed',
      failure: { code: 'Holdfast.Damaged' },
    });
    return;
  }
  expect(await runVerify(world, id)).toMatchObject({ status: 'success' });
  const { diskId, task } = await runRestore(world, id);
  expect(task).toMatchObject({ status: 'success' });
  const found = await world.disks.read(diskId, 0, content.length);
  expect(Buffer.compare(found, content)).toBe(0);
  await world.disks.deleteDisk(diskId);
};

const packsOf = async (backupId: string, { vaultId, ports }: DataWorld): Promise<Set<string>> => {
  const keys = vaultKeys(vaultId, { vaults: ports.catalog.vaults, keys: ports.keys });
  const reading = { objects: ports.objects, vaultKeys: keys };
  const manifest = await readManifest(await ports.catalog.backups.get(PROJECT, backupId), reading);
  const segments = await Promise.all(
    manifest.segments.map((_, number) => readSegment(manifest, number, reading)),
  );
  return new Set(segments.flat().flatMap((entry) => entry?.packId ?? []));
};

const someBlock = fc.nat({ max: 6 }).map((block) => block * BLOCK_BYTES);
const someSize = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.constantFrom(0, 1, 777, BLOCK_BYTES - 1))
  .map(([blocks, odd]) => blocks * BLOCK_BYTES - odd);

const someWrite = fc
  .tuple(
    someBlock,
    fc.constantFrom(0, 5, BLOCK_BYTES - 9),
    fc.constantFrom(10, BLOCK_BYTES),
    fc.constantFrom('', 'a', 'b', 'c', 'd', 'e'),
  )
  .map(([at, offset, count, text]) => write(at + offset, count, text));

const someCommands = fc.commands(
  [
    someWrite,
    someWrite,
    someSize.map(resize),
    fc.boolean().map(takeBackup),
    fc.constant(takeBackup(true)),
    fc.constant(loseSnapshot()),
    fc.nat().map(destroyPack),
    fc.nat().map(hide),
    fc.nat().map(checkBackup),
    fc.integer({ min: 1, max: 3 }).map(cancel),
    fc
      .tuple(
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('ran' as const, 'kept' as const),
        fc.boolean(),
      )
      .map((args) => crash(...args)),
  ],
  { maxCommands: 14 },
);

const newWorld = async (sizeBytes: number) => {
  const world = await smallWorld();
  await world.disks.addDisk({ id: DISK, name: 'disk', sizeBytes });
  await bindDisk(world);
  const model: Model = { disk: new Uint8Array(sizeBytes), kept: [], destroyed: [] };
  return { model, real: world };
};

it('whatever happens to a disk, every backup that is available restores byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(someSize, someCommands, async (sizeBytes, commands) => {
      const { model, real } = await newWorld(sizeBytes);
      await fc.asyncModelRun(() => ({ model, real }), commands);
      for (const kept of model.kept) await expectKept(kept, model, real);
      // One snapshot at most stays, and nothing runs any more.
      expect((await real.disks.listSnapshots(DISK)).length).toBeLessThanOrEqual(1);
      await expectIdle(real);
    }),
    { numRuns: RUNS, endOnFailure: false },
  );
}, 120_000);
