import { HoldfastError } from '../../lib/errors.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';

/** Every write of the data path, by port. */
const WRITES = {
  objects: ['put'],
  index: ['put'],
  backups: ['setStatus', 'hide'],
  sessions: ['open', 'renew', 'pinParent', 'putRange', 'commit', 'end'],
  packs: ['open', 'seal', 'pin', 'quarantine'],
  tasks: ['start', 'progress', 'end'],
  disks: [
    'createSnapshot',
    'createDisk',
    'beginRestore',
    'startContent',
    'writeBlocks',
    'sealContent',
    'finishRestore',
    'abandonRestore',
    'deleteSnapshot',
  ],
} as const;

type PortName = keyof typeof WRITES;

/**
 * `before`: refused for now; `after`: done, and the answer was lost; `denied`: refused for good.
 */
export type FaultKind = 'before' | 'after' | 'denied';

export interface CallFault {
  /** Such as `objects.put`. */
  call: string;
  /** Which call of it, from 1. */
  nth: number;
  kind: FaultKind;
  /** That many calls in a row; 1 by default. */
  times?: number;
}

/** `ports` whose writes are counted in `calls` and fail where `fault` says. */
export const faultyPorts = (
  ports: DataPorts,
  fault: CallFault | null,
): DataPorts & { calls: Map<string, number>; happened: () => number } => {
  const calls = new Map<string, number>();
  let happened = 0;

  const kindOf = (call: string): FaultKind | null => {
    const nth = (calls.get(call) ?? 0) + 1;
    calls.set(call, nth);
    const { times = 1 } = fault ?? {};
    if (fault?.call !== call || nth < fault.nth || nth >= fault.nth + times) return null;
    happened++;
    return fault.kind;
  };

  const wrap = <T extends object>(port: T, name: PortName): T =>
    new Proxy(port, {
      get: (target, property) => {
        const method: unknown = Reflect.get(target, property);
        if (typeof method !== 'function') return method;
        const run = (...args: unknown[]): unknown => Reflect.apply(method, target, args);
        if (!(WRITES[name] as readonly unknown[]).includes(property)) return run;
        return async (...args: unknown[]) => {
          const kind = kindOf(`${name}.${String(property)}`);
          if (kind === 'before') throw outage(name, property);
          if (kind === 'denied') throw refusal(name, property);
          const answer = await run(...args);
          if (kind === 'after') throw outage(name, property);
          return answer;
        };
      },
    });

  const { catalog } = ports;
  return {
    ...ports,
    objects: wrap(ports.objects, 'objects'),
    index: wrap(ports.index, 'index'),
    disks: wrap(ports.disks, 'disks'),
    catalog: {
      ...catalog,
      backups: wrap(catalog.backups, 'backups'),
      sessions: wrap(catalog.sessions, 'sessions'),
      packs: wrap(catalog.packs, 'packs'),
      tasks: wrap(catalog.tasks, 'tasks'),
    },
    calls,
    happened: () => happened,
  };
};

const outage = (port: PortName, property: string | symbol): HoldfastError => {
  const operation = `${String(property)} (injected)`;
  if (port === 'objects') return new HoldfastError('store.unavailable', { operation, key: '' });
  if (port === 'disks') return new HoldfastError('disk.unavailable', { id: '', operation });
  return new HoldfastError('catalog.unavailable', { operation });
};

const refusal = (port: PortName, property: string | symbol): HoldfastError => {
  const operation = `${String(property)} (injected)`;
  if (port === 'objects') return new HoldfastError('store.denied', { operation, key: '' });
  if (port === 'disks') return new HoldfastError('disk.malformed', { id: '', reason: operation });
  return new HoldfastError('catalog.malformed', { item: '', reason: operation });
};
