import { memoryObjectStore } from '../../lib/adapters/memory/memory-object-store.ts';
import { objectStoreSuite } from './object-store.suite.ts';

objectStoreSuite('memoryObjectStore', async () => {
  const store = memoryObjectStore();
  return {
    store,
    overwrite: async (key, bytes) => {
      store.objects.set(key, bytes);
    },
    close: async () => {},
  };
});
