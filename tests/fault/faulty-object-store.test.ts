import { describe, expect, it } from '@jest/globals';
import { memoryObjectStore } from '../../lib/adapters/memory/memory-object-store.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { faultyObjectStore } from '../support/faulty-object-store.ts';

const UNAVAILABLE = expect.objectContaining({ code: 'store.unavailable' });
const one = new Uint8Array([1]);

describe('faultyObjectStore', () => {
  it('fails the n-th put before or after it landed', async () => {
    const memory = memoryObjectStore();
    const store = faultyObjectStore(memory, [
      { method: 'put', nth: 2, when: 'before' },
      { method: 'put', nth: 3, when: 'after' },
    ]);
    await store.put('a', one);
    await expect(store.put('b', one)).rejects.toThrow(UNAVAILABLE);
    await expect(store.put('c', one)).rejects.toThrow(UNAVAILABLE);
    await store.put('d', one);
    expect([...memory.objects.keys()]).toEqual(['a', 'c', 'd']);
    expect(store.calls.put).toBe(4);
    expect(store.happened.map(({ when }) => when)).toEqual(['before', 'after']);
  });

  it('fails every other method likewise', async () => {
    const memory = memoryObjectStore();
    await memory.put('a', one);
    for (const when of ['before', 'after'] as const) {
      const reads = {
        get: (store: ObjectStore) => store.get('a'),
        getRange: (store: ObjectStore) => store.getRange('a', 0, 1),
        getTail: (store: ObjectStore) => store.getTail('a', 1),
        head: (store: ObjectStore) => store.head('a'),
      };
      for (const method of ['get', 'getRange', 'getTail', 'head'] as const) {
        const store = faultyObjectStore(memory, [{ method, nth: 1, when }]);
        await expect(reads[method](store)).rejects.toThrow(UNAVAILABLE);
        await expect(reads[method](store)).resolves.toHaveProperty('etag');
      }
      const store = faultyObjectStore(memory, [{ method: 'list', nth: 1, when }]);
      const listed: string[] = [];
      const list = async () => {
        for await (const { key } of store.list('')) listed.push(key);
      };
      await expect(list()).rejects.toThrow(UNAVAILABLE);
      expect(listed).toEqual(when === 'before' ? [] : ['a']);
      await expect(list()).resolves.toBeUndefined();
    }
  });
});
