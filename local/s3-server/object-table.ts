import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** What is known of a stored object; `file` names its bytes. */
export interface ObjectRow {
  key: string;
  etag: string;
  sizeBytes: number;
  file: string;
  contentType: string;
  contentEncoding: string | null;
  storageClass: string | null;
  /** `x-amz-meta-*` and other headers that are given back as they came, as JSON. */
  userMetadata: string;
  /** Base64, as clients send and read them; `null` unless the client gave it. */
  crc32: string | null;
  sha256: string | null;
  modifiedMs: number;
}

/** A server owns its folder: a second one would sweep the files that the first is writing. */
const SCHEMA = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY, createdMs INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL, key TEXT NOT NULL, etag TEXT NOT NULL, sizeBytes INTEGER NOT NULL,
    file TEXT NOT NULL, contentType TEXT NOT NULL, contentEncoding TEXT, storageClass TEXT,
    userMetadata TEXT NOT NULL, crc32 TEXT, sha256 TEXT, modifiedMs INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS objectFile ON object (file);
  BEGIN IMMEDIATE; COMMIT;`;

const STATEMENTS = {
  buckets: 'SELECT name, createdMs FROM bucket ORDER BY name LIMIT 1000',
  findBucket: 'SELECT 1 FROM bucket WHERE name = ?',
  addBucket: 'INSERT INTO bucket (name, createdMs) VALUES (?, ?)',
  removeBucket: 'DELETE FROM bucket WHERE name = ?',
  find: 'SELECT * FROM object WHERE bucket = ? AND key = ?',
  put: `INSERT OR REPLACE INTO object VALUES ($bucket, $key, $etag, $sizeBytes, $file, $contentType,
    $contentEncoding, $storageClass, $userMetadata, $crc32, $sha256, $modifiedMs)`,
  remove: 'DELETE FROM object WHERE bucket = ? AND key = ?',
  scan: 'SELECT * FROM object WHERE bucket = ? AND key >= max(?, ?) ORDER BY key',
  findFile: 'SELECT 1 FROM object WHERE file = ?',
} as const;

type Statements = Record<keyof typeof STATEMENTS, StatementSync>;

/**
 * Buckets and objects in SQLite. Every method is synchronous, so that a condition and the write it
 * guards cannot be interleaved; every write is on the disk when it returns (synchronous = FULL).
 */
export class ObjectTable {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;

  /** Throws when another server has the folder. */
  constructor(folder: string) {
    const path = join(folder, 'metadata.sqlite');
    try {
      this.#db = new DatabaseSync(path);
    } catch (cause) {
      throw new Error(`The S3 server cannot open ${path}; may it write there?`, { cause });
    }
    try {
      this.#db.exec(SCHEMA);
    } catch (cause) {
      this.#db.close();
      throw new Error(`The S3 server cannot use ${folder}; does another one run on it?`, { cause });
    }
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, this.#db.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared) as Statements;
  }

  close(): void {
    this.#db.close();
  }

  /** Runs `write` as one transaction: all of it is on the disk in the end, or nothing. */
  transaction<T>(write: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = write();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  buckets(): { name: string; createdMs: number }[] {
    return this.#statements.buckets.all() as { name: string; createdMs: number }[];
  }

  hasBucket(name: string): boolean {
    return this.#statements.findBucket.get(name) !== undefined;
  }

  addBucket(name: string, createdMs: number): void {
    this.#statements.addBucket.run(name, createdMs);
  }

  removeBucket(name: string): void {
    this.#statements.removeBucket.run(name);
  }

  find(bucket: string, key: string): ObjectRow | null {
    const row = this.#statements.find.get(bucket, key);
    return (row as ObjectRow | undefined) ?? null;
  }

  put(bucket: string, row: ObjectRow): void {
    // The row of a copy's source brings along its own bucket.
    this.#statements.put.run({ ...row, bucket });
  }

  remove(bucket: string, key: string): void {
    this.#statements.remove.run(bucket, key);
  }

  /** Rows from the key `from` on, by bytes of the key, all beginning with `prefix`. */
  *scan(bucket: string, prefix: string, from: string): Generator<ObjectRow> {
    for (const found of this.#statements.scan.iterate(bucket, prefix, from)) {
      const row = found as unknown as ObjectRow;
      // Keys with the prefix stand together: the first one without it ends them.
      if (!row.key.startsWith(prefix)) return;
      yield row;
    }
  }

  hasFile(file: string): boolean {
    return this.#statements.findFile.get(file) !== undefined;
  }
}
