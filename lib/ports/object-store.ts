/** An object as it was read; `etag` identifies exactly these bytes. */
export interface StoredObject {
  bytes: Uint8Array;
  etag: string;
}

/**
 * Objects by key. An adapter must guarantee:
 * - write-once: `put` of a key that holds other bytes fails with `store.object-exists` and changes
 *   nothing; of racing puts with different bytes exactly one succeeds. `put` of a key that already
 *   holds the same bytes succeeds: so a put whose answer was lost can be repeated, and a retry
 *   inside the adapter settles an ambiguous 412 or 409 by comparing checksums;
 * - checked: the store has verified the bytes against their SHA-256 before `put` resolves;
 * - atomic: no reader ever sees part of an object;
 * - read-after-write: once `put` resolves, every read and `list` shows the object;
 * - honest absence: a missing key fails with `store.object-missing`, and no other failure does.
 *   Access denied is `store.denied`;
 * - whole answers: a read that returns fewer bytes than asked for (and than the object has) fails;
 * - bounded: every request has a time-out and a bounded number of retries; then
 *   `store.unavailable`. Buffers handed in are not kept after the promise settles; buffers handed
 *   out are the caller's.
 */
export interface ObjectStore {
  /** `sha256` of `bytes` may be given (32 bytes) to save hashing it again. */
  put(key: string, bytes: Uint8Array, sha256?: Uint8Array): Promise<void>;
  /**
   * Puts `bytes` in the place of exactly the version `etag` (rule R10, packs alone), else
   * `store.object-changed`; a key that is gone has changed too. Checked and atomic like `put`, and
   * repeatable: a key that holds `bytes` already is a success.
   */
  replace(key: string, bytes: Uint8Array, etag: string, sha256?: Uint8Array): Promise<void>;
  /**
   * Deletes what is stored under the keys, any number of them; one that is missing is fine. After
   * it no read and no `list` shows them. Bytes of earlier versions are for the bucket's lifecycle
   * rule (infra/bucket.yml): nothing is left when it has run. A key that cannot be deleted does not
   * keep the others: all are tried, then the first failure is thrown.
   */
  delete(keys: Iterable<string>): Promise<void>;
  /** With `room`: the bytes lie at its beginning if they fit, else in memory of their own. */
  get(key: string, room?: Uint8Array): Promise<StoredObject>;
  /**
   * Bytes `from` (inclusive) to `to` (exclusive, cut at the object's end). With `etag`: only of
   * exactly that version, else `store.object-changed`.
   */
  getRange(key: string, from: number, to: number, etag?: string): Promise<StoredObject>;
  /** The last `count` bytes (all when it has fewer), and the size of the whole object. */
  getTail(key: string, count: number): Promise<StoredObject & { sizeBytes: number }>;
  head(key: string): Promise<{ sizeBytes: number; etag: string }>;
  /** Keys with the prefix in ascending byte order, page by page, without limit. */
  list(prefix: string): AsyncIterable<{ key: string; sizeBytes: number }>;
}
