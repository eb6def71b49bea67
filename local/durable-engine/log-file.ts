/**
 * An append-only file of JSON lines. What `append` has resolved for survives the loss of power.
 *
 * Group commit: lines that arrive while a sync runs are written together and share the next one.
 * A crash can leave a torn tail, so a reader drops what follows the last whole line; a broken line
 * with whole lines after it is damage and is reported.
 */
import { type FileHandle, open, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

export class LogFile {
  readonly #file: FileHandle;
  #waiting: string[] = [];
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Begins a log with its first record; fails when the file exists. Durable when it resolves. */
  static async create(path: string, first: object): Promise<LogFile> {
    const log = new LogFile(await open(path, 'ax', 0o600));
    try {
      await log.append(first);
      await syncFolder(dirname(path));
    } catch (error) {
      await log.close();
      throw error;
    }
    return log;
  }

  /** Opens a log to go on with it: cuts a torn tail off first. */
  static async reopen(path: string): Promise<{ log: LogFile; records: unknown[] }> {
    const { records, wholeBytes } = await readWhole(path);
    await truncate(path, wholeBytes);
    const file = await open(path, 'a');
    await file.datasync();
    return { log: new LogFile(file), records };
  }

  /**
   * Adds a record; resolves when it is on the disk. After one failure every append fails: what the
   * file holds is known again only when it has been read.
   */
  append(record: object): Promise<void> {
    this.#waiting.push(`${JSON.stringify(record)}\n`);
    if (!this.#next) {
      this.#next = this.#current.then(() => this.#write());
      this.#next.catch(() => undefined); // each append reports it
      this.#current = this.#next;
    }
    return this.#next;
  }

  /** Waits for what has been appended and closes the file. */
  async close(): Promise<void> {
    await this.#current.catch(() => undefined);
    await this.#file.close();
  }

  async #write(): Promise<void> {
    const lines = this.#waiting.join('');
    this.#waiting = [];
    this.#next = undefined;
    await this.#file.appendFile(lines);
    await this.#file.datasync();
  }
}

/** The records of a log and how many bytes they fill. */
export async function readWhole(path: string): Promise<{ records: unknown[]; wholeBytes: number }> {
  const file = await open(path, 'r');
  try {
    return parseLines(await file.readFile(), path);
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder durable: new, renamed and removed files. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const NEWLINE = 0x0a;

function parseLines(bytes: Buffer, path: string): { records: unknown[]; wholeBytes: number } {
  const records: unknown[] = [];
  let wholeBytes = 0;
  let torn = false;
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, from);
    if (end === -1) break;
    const record = parseRecord(bytes.subarray(from, end));
    if (record === undefined) torn = true;
    else if (torn) throw new Error(`${path} is damaged at byte ${wholeBytes}`);
    else {
      records.push(record);
      wholeBytes = end + 1;
    }
    from = end + 1;
  }
  return { records, wholeBytes };
}

function parseRecord(line: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(line.toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
