/**
 * The executions on disk, one file each in one folder:
 * - `<id>.jsonl`      the log of a running execution, synced before a checkpoint is acknowledged;
 * - `<id>.done.jsonl` a finished one: its summary in the first line, then its history. A start
 *   reads the first line only, so that many finished executions cost little.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  applyRecord,
  type ExecutionState,
  type ExecutionSummary,
  type LogRecord,
  startState,
} from './execution-state.ts';
import { type HistoryEvent, historyEvents } from './history.ts';
import { LogFile, readWhole, syncFolder } from './log-file.ts';

export interface OpenExecution {
  state: ExecutionState;
  log: LogFile;
}

export interface LoadedExecutions {
  running: OpenExecution[];
  finished: ExecutionSummary[];
  /** Files that cannot be read, with the reason; they are left as they are. */
  damaged: { file: string; reason: string }[];
}

const DAY_MS = 86_400_000;
const LIVE = '.jsonl';
const DONE = '.done.jsonl';

export class ExecutionStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<ExecutionStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new ExecutionStore(folder);
  }

  /** Reads every execution; compacts those that ended just before the last stop. */
  async load(): Promise<LoadedExecutions> {
    const loaded: LoadedExecutions = { running: [], finished: [], damaged: [] };
    for (const file of (await readdir(this.#folder)).toSorted()) {
      try {
        if (file.endsWith('.tmp')) await rm(join(this.#folder, file));
        else if (file.endsWith(DONE)) loaded.finished.push(await readSummary(this.#path(file)));
        else if (file.endsWith(LIVE)) await this.#loadLive(file, loaded);
      } catch (error) {
        loaded.damaged.push({ file, reason: String(error) });
      }
    }
    return loaded;
  }

  /** Begins an execution; it is durable when this resolves. */
  async create(execution: ExecutionSummary): Promise<OpenExecution> {
    const started = { type: 'started', atMs: execution.startedAtMs, execution } as const;
    const log = await LogFile.create(this.#path(execution.id + LIVE), started);
    return { log, state: startState(started) };
  }

  /** Reads a running execution from its log again, after a failed write. */
  async reopen(id: string): Promise<OpenExecution> {
    const { log, records } = await LogFile.reopen(this.#path(id + LIVE));
    try {
      return { log, state: fold(records as LogRecord[]) };
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  /** Replaces the log of an execution that has ended by its summary and its history. */
  async compact(summary: ExecutionSummary): Promise<void> {
    const live = this.#path(summary.id + LIVE);
    const done = this.#path(summary.id + DONE);
    const { records } = await readWhole(live);
    const lines = [summary, ...historyEvents(records as LogRecord[])];
    const file = await open(`${done}.tmp`, 'w', 0o600);
    try {
      await file.writeFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${done}.tmp`, done);
    await syncFolder(this.#folder);
    await rm(live);
  }

  /** The events of an execution, oldest first. */
  async history(id: string): Promise<HistoryEvent[]> {
    const live = await readIfThere(this.#path(id + LIVE));
    if (live) return historyEvents(live as LogRecord[]);
    const { records } = await readWhole(this.#path(id + DONE));
    return records.slice(1) as HistoryEvent[];
  }

  /** Forgets a finished execution. */
  async remove(id: string): Promise<void> {
    await rm(this.#path(id + DONE), { force: true });
    await rm(this.#path(id + LIVE), { force: true });
  }

  async #loadLive(file: string, loaded: LoadedExecutions): Promise<void> {
    const id = file.slice(0, -LIVE.length);
    if ((await readWhole(this.#path(file))).records.length === 0) {
      await rm(this.#path(file)); // its first line never became durable: nobody was told of it
      return;
    }
    const { log, state } = await this.reopen(id);
    if (state.summary.status === 'RUNNING') {
      loaded.running.push({ log, state });
      return;
    }
    await log.close();
    await this.compact(state.summary);
    if (!loaded.finished.some((summary) => summary.id === id)) loaded.finished.push(state.summary);
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }
}

/** True when an execution ended longer ago than it is kept. */
export const hasExpired = (summary: ExecutionSummary, nowMs: number): boolean =>
  summary.endedAtMs !== undefined && summary.endedAtMs + summary.retentionDays * DAY_MS < nowMs;

function fold([first, ...rest]: LogRecord[]): ExecutionState {
  if (first?.type !== 'started') throw new Error('the log does not begin with a start');
  const state = startState(first);
  for (const record of rest) applyRecord(state, record);
  return state;
}

async function readSummary(path: string): Promise<ExecutionSummary> {
  const bytes = createReadStream(path);
  try {
    for await (const line of createInterface({ input: bytes, crlfDelay: Infinity }))
      return JSON.parse(line) as ExecutionSummary;
  } finally {
    bytes.destroy();
  }
  throw new Error('the file is empty');
}

async function readIfThere(path: string): Promise<unknown[] | undefined> {
  try {
    return (await readWhole(path)).records;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
