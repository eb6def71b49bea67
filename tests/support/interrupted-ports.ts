import type { Catalog } from '../../lib/ports/catalog.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import { LISTINGS } from './interleaving.ts';

/** The process died; nothing of it happens afterwards, but for what it had asked for. */
export class Crash extends Error {}

/** What happens instead of a call: `run` makes it. */
export type Interrupt = (run: () => unknown, isFirst: boolean) => Promise<unknown>;

/**
 * Ports of a process that is interrupted at its `nth` (1) write or read, and at all after it.
 * `more` names parts of the catalog besides those that every process uses.
 */
export const interruptedPorts = (
  ports: DataPorts,
  nth: number,
  interrupt: Interrupt,
  more: (keyof Catalog)[] = [],
): DataPorts => {
  let calls = 0;
  const mortal = <T extends object>(name: string, port: T): T =>
    new Proxy(port, {
      get: (target, property) => {
        const method: unknown = Reflect.get(target, property);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]): unknown => {
          const run = () => Reflect.apply(method, target, args) as unknown;
          if (LISTINGS.has(`${name}.${String(property)}`)) return run();
          return ++calls < nth ? run() : interrupt(run, calls === nth);
        };
      },
    });
  const { catalog, objects, index } = ports;
  return {
    ...ports,
    catalog: {
      ...catalog,
      sessions: mortal('sessions', catalog.sessions),
      packs: mortal('packs', catalog.packs),
      garbage: mortal('garbage', catalog.garbage),
      ...Object.fromEntries(more.map((name) => [name, mortal(name, catalog[name])])),
    },
    objects: mortal('objects', objects),
    index: mortal('index', index),
  };
};

/** It dies at the call, which may reach its service all the same, however late: `late` has it. */
export const dying =
  (late: (() => unknown)[]): Interrupt =>
  async (run, isFirst) => {
    if (isFirst) late.push(run);
    throw new Crash('the process died');
  };

/** It hangs at the call and is asleep until `wake`; `reached` is called when it falls asleep. */
export const hanging = (reached: () => void): { interrupt: Interrupt; wake: () => void } => {
  const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
  return {
    interrupt: async (run, isFirst) => {
      if (isFirst) reached();
      await woken;
      return run();
    },
    wake,
  };
};

/** Runs something whose process may die. */
export const toItsDeath = async (run: () => Promise<unknown>): Promise<void> => {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
};

/** Numbers that a seed decides: each call answers one below its argument. */
export const seededNumbers = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};
