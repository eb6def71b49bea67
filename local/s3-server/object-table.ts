import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What is known of a stored object; `file` names its bytes. */
export interface ObjectRow {
  key: string;
  etag: string;
  sizeBytes: number;
  file: string;
  contentType: string;
  contentEncoding: string | null;
  storageClass: string | null;
  /** `x-amz-meta-*` headers, as JSON. */
  userMetadata: string;
  /** Base64, as clients send and read them; `null` unless the client gave it. */
  crc32: string | null;
  sha256: string | null;
  modifiedMs: number;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY, createdMs INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL, key TEXT NOT NULL, etag TEXT NOT NULL, sizeBytes INTEGER NOT NULL,
    file TEXT NOT NULL, contentType TEXT NOT NULL, contentEncoding TEXT, storageClass TEXT,
    userMetadata TEXT NOT NULL, crc32 TEXT, sha256 TEXT, modifiedMs INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS objectFile ON object (file);`;

const COLUMNS =
  'key, etag, sizeBytes, file, contentType, contentEncoding, storageClass, userMetadata, crc32, sha256, modifiedMs';

/**
 * Buckets and objects in SQLite. Every method is synchronous, so that a condition and the write it
 * guards cannot be interleaved; every write is on the disk when it returns (synchronous = FULL).
 */
export class ObjectTable {
  readonly #db: DatabaseSync;

  constructor(folder: string) {
    this.#db = new DatabaseSync(join(folder, 'metadata.sqlite'));
    this.#db.exec(SCHEMA);
  }

  close(): void {
    this.#db.close();
  }

  buckets(): { name: string; createdMs: number }[] {
    return this.#db
      .prepare('SELECT name, createdMs FROM bucket ORDER BY name LIMIT 1000')
      .all() as never;
  }

  hasBucket(name: string): boolean {
    return this.#db.prepare('SELECT 1 FROM bucket WHERE name = ?').get(name) !== undefined;
  }

  addBucket(name: string, createdMs: number): void {
    this.#db.prepare('INSERT INTO bucket (name, createdMs) VALUES (?, ?)').run(name, createdMs);
  }

  removeBucket(name: string): void {
    this.#db.prepare('DELETE FROM bucket WHERE name = ?').run(name);
  }

  find(bucket: string, key: string): ObjectRow | null {
    const row = this.#db
      .prepare(`SELECT ${COLUMNS} FROM object WHERE bucket = ? AND key = ?`)
      .get(bucket, key);
    return (row as ObjectRow | undefined) ?? null;
  }

  put(bucket: string, row: ObjectRow): void {
    this.#db
      .prepare(
        `INSERT OR REPLACE INTO object (bucket, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        bucket,
        row.key,
        row.etag,
        row.sizeBytes,
        row.file,
        row.contentType,
        row.contentEncoding,
        row.storageClass,
        row.userMetadata,
        row.crc32,
        row.sha256,
        row.modifiedMs,
      );
  }

  remove(bucket: string, key: string): void {
    this.#db.prepare('DELETE FROM object WHERE bucket = ? AND key = ?').run(bucket, key);
  }

  /** Rows from `from` on (exclusive when `after`), by bytes of the key, all beginning with `prefix`. */
  page(bucket: string, prefix: string, from: string, after: boolean, limit: number): ObjectRow[] {
    const operator = after ? '>' : '>=';
    const sql = `SELECT ${COLUMNS} FROM object WHERE bucket = ? AND key ${operator} ? AND key >= ? ORDER BY key LIMIT ?`;
    const rows = this.#db.prepare(sql).all(bucket, from, prefix, limit) as unknown as ObjectRow[];
    // Keys with the prefix stand together: the first one without it ends them.
    const end = rows.findIndex(({ key }) => !key.startsWith(prefix));
    return end < 0 ? rows : rows.slice(0, end);
  }

  hasFile(file: string): boolean {
    return this.#db.prepare('SELECT 1 FROM object WHERE file = ?').get(file) !== undefined;
  }
}
