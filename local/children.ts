import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** A process that local mode needs; local mode ends when it does. */
export interface Child {
  name: string;
  process: ChildProcess;
  /** Resolves when it has ended, with what it ended with. */
  ended: Promise<string>;
}

const KILL_AFTER_MS = 8000;

/** Starts a child whose output goes to a log file. */
export const startChild = (
  name: string,
  [command, ...args]: [string, ...string[]],
  env: Record<string, string | undefined>,
  logFile: string,
): Child => {
  const log = createWriteStream(logFile, { flags: 'a' });
  // A group of its own: an interrupt at the terminal reaches the parent alone, which stops the
  // children in order.
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
  });
  return { name, process: child, ended };
};

/** Asks a child to end, and makes it after a while. */
export const stopChild = async ({ process: child, ended }: Child): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await ended;
  clearTimeout(timer);
};

/** Waits until `isReady` answers true; fails when the child ends first or time runs out. */
export const waitReady = async (
  child: Child,
  isReady: () => Promise<boolean>,
  waitMs = 30_000,
): Promise<void> => {
  const deadline = Date.now() + waitMs;
  let end: string | undefined;
  const watch = async () => {
    end = await child.ended;
  };
  void watch();
  while (!(await isReady().catch(() => false))) {
    if (end !== undefined) throw new Error(`The ${child.name} ended at its start (${end}).`);
    if (Date.now() > deadline)
      throw new Error(`The ${child.name} did not answer within ${waitMs / 1000} s.`);
    await new Promise((next) => setTimeout(next, 25));
  }
};
