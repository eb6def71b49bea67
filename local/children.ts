import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';

/** A process that local mode needs; local mode ends when it does. */
export interface Child {
  name: string;
  process: ChildProcess;
  /** Resolves when it has ended, with what it ended with. */
  ended: Promise<string>;
}

export interface ChildOptions {
  command: [string, ...string[]];
  cwd: string;
  env: Record<string, string>;
  logFile: string;
}

const KILL_AFTER_MS = 8000;
const READY_WAIT_MS = 30_000;
const POLL_MS = 25;
/** A log that is longer at a start is put aside; the one put aside before it is dropped. */
const LOG_BYTES_MAX = 16 * 2 ** 20;

/** Starts a child whose output goes to a log file. */
export const startChild = (
  name: string,
  { command: [program, ...args], cwd, env, logFile }: ChildOptions,
): Child => {
  const log = openLog(logFile);
  // A group of its own: an interrupt at the terminal reaches the parent alone, which stops the
  // children in order. The log is its own too: a child that outlives the parent can still write.
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  // Whatever ends the parent short of `kill -9`, no child stays.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
  }).finally(() => process.off('exit', kill));
  return { name, process: child, ended };
};

const openLog = (file: string): number => {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX)
    renameSync(file, `${file}.old`);
  return openSync(file, 'a', 0o600);
};

/** Asks a child to end, and makes it after a while. */
export const stopChild = async ({ process: child, ended }: Child): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await ended;
  clearTimeout(timer);
};

/**
 * Waits until `isReady` answers true. Fails when the child ends first, when `signal` aborts, or
 * after 30 s, and says then what went wrong last.
 */
export const waitReady = async (
  child: Child,
  isReady: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> => {
  const deadline = Date.now() + READY_WAIT_MS;
  let end: string | undefined;
  let problem = '';
  const watch = async () => {
    end = await child.ended;
  };
  void watch();
  const isReadyNow = () =>
    isReady().catch((error: Error) => {
      problem = ` (${error.message})`;
      return false;
    });
  while (!(await isReadyNow())) {
    signal?.throwIfAborted();
    if (end !== undefined) throw new Error(`The ${child.name} ended at its start (${end}).`);
    if (Date.now() > deadline)
      throw new Error(
        `The ${child.name} did not answer within ${READY_WAIT_MS / 1000} s${problem}.`,
      );
    await new Promise((next) => setTimeout(next, POLL_MS));
  }
};
