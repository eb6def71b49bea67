import { expect } from '@jest/globals';
import { type ErrorCode, isError } from '../../lib/errors.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import { hasEnded } from '../../lib/model/operation-log.ts';
import type { JobKind } from '../../lib/ports/jobs.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import type { JobEvent } from '../../lib/service/job-context.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import {
  bytesOf,
  collect,
  collectAll,
  collectorWorld,
  expectRestored,
  findLoss,
  hide,
  keysOf,
  storedBytes,
} from './collector-scenario.ts';
import { writeBlock } from './data-scenario.ts';
import {
  beginBackup,
  beginTask,
  bindDisk,
  type DataWorld,
  DISK,
  PROJECT,
  runJob,
} from './data-world.ts';
import { Crash, dying, hanging, interruptedPorts, seededNumbers } from './interrupted-ports.ts';

const OTHER = 'disk-2';
/** Blocks of each disk: packs of four slots, so that most backups fill more than one. */
const BLOCKS = new Map([
  [DISK, 6],
  [OTHER, 4],
]);
const TEXTS = 12;
const KEPT_MAX = 8;
const HUNG_MAX = 3;
const CALLS_MAX = 60;
const CHECK_EVERY = 50;
const LATE_MAX = 4;
/** A session's item outlives whatever may still be written in its name, as it does on AWS. */
const SESSIONS_KEPT_MS = 3_600_000;

/** What a zombie, or a request that comes late, may be told. */
const REFUSALS: ErrorCode[] = [
  'cycle.superseded',
  'catalog.conflict',
  'session.not-open',
  'BackupService.6200',
];

export interface LifeReport {
  actions: number;
  counts: Record<string, number>;
  cycles: number;
  restored: number;
}

/** A backup whose process sleeps in the middle of a call, or a reader, or a collector. */
interface Hung {
  wake: () => void;
  done: Promise<unknown>;
}

/**
 * The life of a vault with two disks: changes, backups, deletions and what may be brought back,
 * collections, and processes that die, hang, come back as zombies or whose last request arrives
 * late; the watchdog starts again what has stopped. The oracle is a flat array of each backup's
 * bytes. Everything is a function of the seed.
 */
export class CollectorLife {
  readonly #world: DataWorld;
  readonly #below: (count: number) => number;
  /** What each backup that callers see must restore to; deleted ones; those not complete yet. */
  readonly #kept = new Map<string, Uint8Array>();
  readonly #hidden = new Map<string, Uint8Array>();
  readonly #begun = new Map<string, Uint8Array>();
  readonly #late: (() => unknown)[] = [];
  readonly #hung: Hung[] = [];
  readonly #counts: Record<string, number> = {};
  #cycles = 0;
  #restored = 0;

  private constructor(world: DataWorld, seed: number) {
    this.#world = world;
    this.#below = seededNumbers(seed);
  }

  /** Lives for so many actions, looks at every backup on the way, and ends with an empty vault. */
  static async live(actions: number, seed: number): Promise<LifeReport> {
    const world = await collectorWorld(BLOCKS.get(DISK)!, {
      sessionsKeptMs: SESSIONS_KEPT_MS,
    });
    await world.disks.addDisk({
      id: OTHER,
      name: 'other',
      sizeBytes: BLOCKS.get(OTHER)! * BLOCK_BYTES,
    });
    await bindDisk(world, OTHER);
    const life = new CollectorLife(world, seed);
    for (let action = 1; action <= actions; action++) {
      await life.#act();
      if (action % CHECK_EVERY === 0) await life.#check(action);
    }
    await life.#end();
    return {
      actions,
      counts: life.#counts,
      cycles: life.#cycles,
      restored: life.#restored,
    };
  }

  async #act(): Promise<void> {
    this.#world.clock.advance(1000);
    const [name, action] = this.#pick(this.#actions);
    if ((await action()) === false) return;
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  /** By name; false when there was nothing to do. What is listed twice comes twice as often. */
  readonly #actions: [name: string, action: () => Promise<unknown>][] = [
    ['change', () => this.#change()],
    ['change', () => this.#change()],
    ['backup', () => this.#backUp(this.#world.ports)],
    ['backup', () => this.#backUp(this.#world.ports)],
    ['delete', () => this.#delete()],
    ['delete', () => this.#delete()],
    ['undelete', () => this.#undelete()],
    ['collect', () => this.#collect(this.#world.ports)],
    ['collect', () => this.#collect(this.#world.ports)],
    ['collector dies', () => this.#kill((ports) => this.#collect(ports))],
    ['backup dies', () => this.#kill((ports) => this.#backUp(ports))],
    ['collector hangs', () => this.#hang((ports) => this.#collect(ports))],
    ['backup hangs', () => this.#hang((ports) => this.#backUp(ports))],
    ['reader hangs', () => this.#hang((ports) => this.#read(ports))],
    ['zombie', () => this.#wake()],
    ['zombie', () => this.#wake()],
    ['late request', () => this.#land()],
    ['watchdog', () => this.#watch()],
  ];

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #change(): Promise<void> {
    const [diskId, blocks] = this.#pick([...BLOCKS]);
    const text = `text ${this.#below(TEXTS)}`;
    return writeBlock(this.#world, this.#below(blocks), text, diskId);
  }

  /** Begins a backup of an idle disk; its content is that of its snapshot, whoever completes it. */
  async #backUp(ports: DataPorts): Promise<unknown> {
    const [diskId] = this.#pick([...BLOCKS]);
    const binding = this.#world.state.bindings.get(diskId);
    if (this.#kept.size >= KEPT_MAX || binding?.protectingTaskId !== undefined) return false;
    const content = await bytesOf(this.#world, diskId);
    const { backupId, event } = await beginBackup(this.#world, diskId, this.#below(4) > 0);
    this.#begun.set(backupId, content);
    await this.#run('backup', event, ports);
    return true;
  }

  async #run(kind: JobKind, event: JobEvent, ports: DataPorts): Promise<void> {
    await runJob(kind, event, ports);
    for (const [id, content] of this.#begun) {
      const { root, status } = this.#world.state.backups.get(id)!;
      if (root === 'VISIBLE') this.#kept.set(id, content);
      if (root === 'VISIBLE' || status === 'error') this.#begun.delete(id);
    }
    const { failure } = await this.#world.ports.catalog.tasks.get(PROJECT, event.operationLogId);
    if (failure?.code === 'Holdfast.Damaged') throw new Error(`a job lost: ${failure.message}`);
  }

  async #delete(): Promise<unknown> {
    const [id, content] = this.#pick([...this.#kept]) ?? [];
    if (id === undefined) return false;
    await hide(this.#world, { id });
    this.#hidden.set(id, content!);
    return this.#kept.delete(id);
  }

  async #undelete(): Promise<unknown> {
    const [id, content] = this.#pick([...this.#hidden]) ?? [];
    if (id === undefined) return false;
    this.#hidden.delete(id);
    // The collector has removed it meanwhile.
    if (!this.#world.state.backups.has(id)) return false;
    await this.#world.ports.catalog.garbage.undelete(PROJECT, id, this.#world.clock.nowMs());
    this.#kept.set(id, content!);
    return true;
  }

  async #collect(ports: DataPorts): Promise<void> {
    const { blocked } = await collect(this.#world, ports);
    expect(blocked).toEqual([]);
    this.#cycles++;
  }

  async #read(ports: DataPorts): Promise<unknown> {
    const [id] = this.#pick([...this.#kept]) ?? [];
    if (id === undefined) return false;
    const operationLogId = await beginTask(this.#world, 'verify', id);
    await this.#run('verify', { projectId: PROJECT, operationLogId, attempt: 0 }, ports);
    return true;
  }

  /** Somewhere in its work the process dies; the request that it had sent may arrive later. */
  async #kill(work: (ports: DataPorts) => Promise<unknown>): Promise<unknown> {
    const late: (() => unknown)[] = [];
    const nth = 1 + this.#below(CALLS_MAX);
    try {
      if ((await work(interruptedPorts(this.#world.ports, nth, dying(late)))) === false)
        return false;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
    if (this.#below(2) === 0) this.#late.push(...late);
    // The oldest request never arrives.
    if (this.#late.length > LATE_MAX) this.#late.shift();
    return true;
  }

  /** Somewhere in its work the process hangs, until it is woken as a zombie. */
  async #hang(work: (ports: DataPorts) => Promise<unknown>): Promise<unknown> {
    if (this.#hung.length >= HUNG_MAX) return false;
    const { promise: asleep, resolve: fallAsleep } = Promise.withResolvers<'asleep'>();
    const { interrupt, wake } = hanging(() => fallAsleep('asleep'));
    const nth = 1 + this.#below(CALLS_MAX);
    const done = work(interruptedPorts(this.#world.ports, nth, interrupt));
    if ((await Promise.race([asleep, done])) !== 'asleep') return done;
    this.#hung.push({ wake, done: done.catch(ignoreRefusal) });
    return true;
  }

  async #wake(): Promise<unknown> {
    const [zombie] = this.#hung.splice(this.#below(this.#hung.length), 1);
    if (zombie === undefined) return false;
    zombie.wake();
    await zombie.done;
    return true;
  }

  async #land(): Promise<unknown> {
    const [request] = this.#late.splice(this.#below(this.#late.length), 1);
    if (request === undefined) return false;
    try {
      await request();
    } catch (error) {
      if (!isError(error, 'store.object-missing', 'store.object-changed')) ignoreRefusal(error);
    }
    return true;
  }

  /** A lease later it fences what does not report and starts it again. */
  async #watch(): Promise<unknown> {
    const { clock, ports, jobs } = this.#world;
    clock.advance(ports.settings.leaseMs + 1);
    const { restarted, failed } = await watchJobs(ports);
    for (const { kind, name, operationLogId } of jobs.started.splice(0)) {
      const attempt = Number(/-r(\d+)$/.exec(name)?.[1] ?? 0);
      await this.#run(kind, { projectId: PROJECT, operationLogId, attempt }, ports);
    }
    return restarted.length + failed.length > 0;
  }

  async #check(action: number): Promise<void> {
    expect([action, await findLoss(this.#world)]).toEqual([action, null]);
    for (const id of this.#kept.keys())
      expect([id, this.#world.state.backups.get(id)?.root]).toEqual([id, 'VISIBLE']);
    const [id] = this.#pick([...this.#kept]) ?? [];
    if (id !== undefined) await this.#restore(id);
    await this.#forget();
  }

  async #restore(id: string): Promise<void> {
    await expectRestored(this.#world, id, this.#kept.get(id)!);
    this.#restored++;
  }

  /** What grows with the years and concerns nobody here: old tasks, notes, orphaned snapshots. */
  async #forget(): Promise<void> {
    const { state, probe, disks } = this.#world;
    for (const [id, { status }] of state.tasks) {
      if (!hasEnded(status) || this.#hung.length > 0) continue;
      state.tasks.delete(id);
      state.progress.delete(id);
    }
    probe.notes.length = 0;
    probe.problems.length = 0;
    for (const id of this.#hidden.keys()) if (!state.backups.has(id)) this.#hidden.delete(id);
    const named = new Set([...state.backups.values()].map(({ snapshotId }) => snapshotId));
    for (const diskId of BLOCKS.keys())
      for (const { id } of await disks.listSnapshots(diskId))
        if (!named.has(id)) await disks.deleteSnapshot(id);
  }

  async #end(): Promise<void> {
    const world = this.#world;
    while (this.#hung.length > 0) await this.#wake();
    while (this.#late.length > 0) await this.#land();
    while (await this.#watch());
    expect(await findLoss(world)).toBeNull();
    for (const id of this.#kept.keys()) await this.#restore(id);
    await collectAll(world);
    const { usedBytes } = await world.ports.catalog.vaults.usage(world.vaultId);
    expect(usedBytes).toBe(storedBytes(world));
    for (const id of this.#kept.keys()) await hide(world, { id });
    world.clock.advance(SESSIONS_KEPT_MS);
    await collectAll(world);
    expect(keysOf(world, '/packs/')).toEqual([]);
    expect(keysOf(world, '/backups/')).toEqual([]);
  }
}

const ignoreRefusal = (error: unknown): void => {
  if (!isError(error, ...REFUSALS)) throw error;
};
