import { HoldfastError } from '../../lib/errors.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';

/** Fails the `nth` call (from 1) of a method, before it did anything or after it was done. */
export interface Fault {
  method: keyof ObjectStore;
  nth: number;
  when: 'before' | 'after';
}

export interface FaultyObjectStore extends ObjectStore {
  /** Calls so far, by method. */
  readonly calls: Record<keyof ObjectStore, number>;
  /** Faults that have happened so far. */
  readonly happened: Fault[];
}

/** An object store that answers `store.unavailable` where the faults say, and works elsewhere. */
export function faultyObjectStore(store: ObjectStore, faults: Fault[]): FaultyObjectStore {
  const calls = {
    put: 0,
    replace: 0,
    delete: 0,
    get: 0,
    getRange: 0,
    getTail: 0,
    head: 0,
    list: 0,
  };
  const happened: Fault[] = [];

  const failIf = (fault: Fault | undefined, when: Fault['when'], key: string): void => {
    if (fault?.when !== when) return;
    happened.push(fault);
    throw new HoldfastError('store.unavailable', { operation: `${fault.method} (injected)`, key });
  };
  const next = (method: keyof ObjectStore): Fault | undefined => {
    calls[method] += 1;
    return faults.find((fault) => fault.method === method && fault.nth === calls[method]);
  };
  const around = async <T>(method: keyof ObjectStore, key: string, run: () => Promise<T>) => {
    const fault = next(method);
    failIf(fault, 'before', key);
    const result = await run();
    failIf(fault, 'after', key);
    return result;
  };

  return {
    calls,
    happened,
    put: (key, ...rest) => around('put', key, () => store.put(key, ...rest)),
    replace: (key, ...rest) => around('replace', key, () => store.replace(key, ...rest)),
    delete: (keys) => {
      const all = [...keys];
      return around('delete', all[0] ?? '', () => store.delete(all));
    },
    get: (key, room) => around('get', key, () => store.get(key, room)),
    getRange: (key, ...rest) => around('getRange', key, () => store.getRange(key, ...rest)),
    getTail: (key, count) => around('getTail', key, () => store.getTail(key, count)),
    head: (key) => around('head', key, () => store.head(key)),
    async *list(prefix) {
      const fault = next('list');
      failIf(fault, 'before', prefix);
      yield* store.list(prefix);
      failIf(fault, 'after', prefix);
    },
  };
}
