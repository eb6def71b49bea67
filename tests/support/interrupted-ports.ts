import type { DataPorts } from '../../lib/service/data-ports.ts';
import { LISTINGS } from './interleaving.ts';

/** The process died; nothing of it happens afterwards, but for what it had asked for. */
export class Crash extends Error {}

/** What happens instead of a call: `run` makes it. */
export type Interrupt = (run: () => unknown, isFirst: boolean) => Promise<unknown>;

/** Ports of a process that is interrupted at its `nth` (1) write or read, and at all after it. */
export const interruptedPorts = (
  ports: DataPorts,
  nth: number,
  interrupt: Interrupt,
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
