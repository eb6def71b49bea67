import { expect, it } from '@jest/globals';
import type { DataPorts } from '../../lib/service/data-ports.ts';
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
} from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import { backUp, type DataWorld, PROJECT } from '../support/data-world.ts';

/** 50,000 and more for an hour of it: `HOLDFAST_COLLECTOR_ACTIONS`. */
const ACTIONS = Number(process.env['HOLDFAST_COLLECTOR_ACTIONS'] ?? 2000);
const SEED = Number(process.env['HOLDFAST_COLLECTOR_SEED'] ?? 1);
const BLOCKS = 6;
const KEPT_MAX = 8;
const CHECK_EVERY = 50;

class Crash extends Error {}

/** Ports whose process dies at the `nth` call; nothing of it happens afterwards. */
const dying = (ports: DataPorts, nth: number): DataPorts => {
  let left = nth;
  const mortal = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, property) => {
        const method: unknown = Reflect.get(target, property);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]): unknown => {
          if (--left < 0) throw new Crash('the process died');
          return Reflect.apply(method, target, args);
        };
      },
    });
  const { catalog, objects, index } = ports;
  return {
    ...ports,
    catalog: { ...catalog, garbage: mortal(catalog.garbage) },
    objects: mortal(objects),
    index: mortal(index),
  };
};

const numbers = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

const crashedCycle = async (world: DataWorld, nth: number): Promise<void> => {
  await collect(world, dying(world.ports, nth)).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error;
  });
};

it('keeps every backup through a long life of changes, deletions, collections and crashes', async () => {
  const world = await collectorWorld(BLOCKS);
  const below = numbers(SEED);
  /** The oracle: what each backup must restore to. */
  const kept = new Map<string, Uint8Array>();
  const hidden = new Map<string, Uint8Array>();
  const pick = (from: Map<string, Uint8Array>) => [...from.keys()][below(from.size)];
  const { garbage } = world.ports.catalog;

  const actions: (() => Promise<void>)[] = [
    () => writeBlock(world, below(BLOCKS), `text ${below(12)}`),
    () => writeBlock(world, below(BLOCKS), `text ${below(12)}`),
    async () => {
      if (kept.size >= KEPT_MAX) return;
      const { id } = await backUp(world);
      kept.set(id, await bytesOf(world));
    },
    async () => {
      const id = pick(kept);
      if (id === undefined) return;
      await hide(world, { id });
      hidden.set(id, kept.get(id)!);
      kept.delete(id);
    },
    async () => {
      const id = pick(hidden);
      if (id === undefined || !world.state.backups.has(id)) return;
      await garbage.undelete(PROJECT, id, world.clock.nowMs());
      kept.set(id, hidden.get(id)!);
      hidden.delete(id);
    },
    async () => void (await collect(world)),
    () => crashedCycle(world, below(40)),
  ];
  for (let action = 1; action <= ACTIONS; action++) {
    world.clock.advance(1000);
    await actions[below(actions.length)]!();
    if (action % CHECK_EVERY !== 0) continue;
    expect([action, await findLoss(world)]).toEqual([action, null]);
    const id = pick(kept);
    if (id !== undefined) await expectRestored(world, id, kept.get(id)!);
  }
  for (const [id, content] of kept) await expectRestored(world, id, content);
  await collectAll(world);
  const { usedBytes } = await world.ports.catalog.vaults.usage(world.vaultId);
  expect(usedBytes).toBe(storedBytes(world));
  for (const id of kept.keys()) await hide(world, { id });
  await collectAll(world);
  expect(keysOf(world, '/packs/')).toEqual([]);
  expect(keysOf(world, '/backups/')).toEqual([]);
}, 3_600_000);
