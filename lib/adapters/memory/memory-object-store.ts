import { hash } from 'node:crypto';
import { HoldfastError } from '../../errors.ts';
import type { ObjectStore, StoredObject } from '../../ports/object-store.ts';

/** An object store in the memory of one process, whose objects a test can reach. */
export interface MemoryObjectStore extends ObjectStore {
  /** By key. To replace or delete one here is what another writer would do. */
  readonly objects: Map<string, Uint8Array>;
}

export function memoryObjectStore(): MemoryObjectStore {
  const objects = new Map<string, Uint8Array>();
  const etagOf = etags();

  const find = (key: string): { bytes: Uint8Array; etag: string } => {
    const bytes = objects.get(key);
    if (!bytes) throw new HoldfastError('store.object-missing', { key });
    return { bytes, etag: etagOf(bytes) };
  };

  return {
    objects,

    async put(key, bytes, sha256) {
      checkSum('put', key, bytes, sha256);
      const stored = objects.get(key);
      if (stored && !sameBytes(stored, bytes)) {
        throw new HoldfastError('store.object-exists', { key });
      }
      if (!stored) objects.set(key, Uint8Array.from(bytes));
    },

    async replace(key, bytes, etag, sha256) {
      checkSum('replace', key, bytes, sha256);
      const stored = objects.get(key);
      if (stored && sameBytes(stored, bytes)) return;
      if (!stored || etagOf(stored) !== etag) {
        throw new HoldfastError('store.object-changed', { key });
      }
      objects.set(key, Uint8Array.from(bytes));
    },

    async delete(keys) {
      for (const key of keys) objects.delete(key);
    },

    async get(key, room) {
      const { bytes, etag } = find(key);
      if (room === undefined || bytes.length > room.length) return copy({ bytes, etag });
      room.set(bytes);
      return { bytes: room.subarray(0, bytes.length), etag };
    },

    async getRange(key, from, to, etag) {
      const object = find(key);
      if (etag !== undefined && etag !== object.etag) {
        throw new HoldfastError('store.object-changed', { key });
      }
      return copy({ bytes: object.bytes.subarray(from, to), etag: object.etag });
    },

    async getTail(key, count) {
      const { bytes, etag } = find(key);
      const from = Math.max(0, bytes.length - count);
      return { ...copy({ bytes: bytes.subarray(from), etag }), sizeBytes: bytes.length };
    },

    async head(key) {
      const { bytes, etag } = find(key);
      return { sizeBytes: bytes.length, etag };
    },

    async *list(prefix) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix));
      for (const key of keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
        const bytes = objects.get(key);
        if (bytes) yield { key, sizeBytes: bytes.length };
      }
    },
  };
}

/** A name for every array that was ever stored: an object that is replaced gets another. */
function etags(): (bytes: Uint8Array) => string {
  const known = new WeakMap<Uint8Array, string>();
  let count = 0;
  return (bytes) => {
    const etag = known.get(bytes) ?? `"${++count}"`;
    known.set(bytes, etag);
    return etag;
  };
}

function checkSum(operation: string, key: string, bytes: Uint8Array, sha256?: Uint8Array): void {
  if (sha256 && !hash('sha256', bytes, 'buffer').equals(sha256)) {
    throw new HoldfastError('store.unavailable', { operation, key });
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const copy = ({ bytes, etag }: StoredObject): StoredObject => ({
  bytes: Uint8Array.from(bytes),
  etag,
});
