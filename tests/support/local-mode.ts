import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../../local/api-client.ts';
import { PROGRAM, readIdentity } from '../../local/home.ts';
import { type LocalPorts, portVariables } from '../../local/ports.ts';
import { freePort } from './ports.ts';

const NODE = join(PROGRAM, 'node_modules', '.bin', 'node');
/** Far above what a start takes, for machines that do other things too. */
const START_WAIT_MS = 90_000;
const END_WAIT_MS = 60_000;
const MINUTE_MS = 60_000;
/** Far more than a scheduled function takes that has little to do. */
const SCHEDULE_MS = 2000;

/** What can be killed of local mode: one of its parts, its parent alone, or all at once. */
export type Part = 'dynamo' | 's3' | 'functions' | 'parent' | 'all';

const COMMAND_OF: Record<'dynamo' | 's3' | 'functions', RegExp> = {
  dynamo: /dynoxide/,
  s3: /s3-server/,
  functions: /serverless\.js/,
};

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Local mode as a user runs it: `npm start` as a process, its commands as processes. */
export class LocalMode {
  /** Its name has a space, like many people's folders. */
  readonly home: string;
  readonly ports: LocalPorts;
  /** What the last `npm start` said, on both streams. */
  output = '';
  readonly #folder: string;
  readonly #env: Record<string, string>;
  #process: ChildProcess | undefined;

  private constructor(folder: string, ports: LocalPorts, env: Record<string, string>) {
    this.#folder = folder;
    this.home = join(folder, 'a home');
    this.ports = ports;
    this.#env = { ...env, ...portVariables(ports), HOLDFAST_HOME: this.home };
  }

  /** A home of its own under the temporary folder; nothing runs yet. */
  static async create(env: Record<string, string> = {}): Promise<LocalMode> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-local-'));
    const ports = {
      api: await freePort(),
      lambda: await freePort(),
      durable: await freePort(),
      s3: await freePort(),
      dynamo: await freePort(),
    };
    return new LocalMode(folder, ports, env);
  }

  /** Runs `npm start` until it answers; returns the milliseconds it took. */
  async start(): Promise<number> {
    const began = performance.now();
    const child = this.launch();
    const deadline = began + START_WAIT_MS;
    while (!this.output.includes('Stop with Ctrl-C.')) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`npm start did not come up: ${this.output}`);
      await sleep(10);
    }
    return performance.now() - began;
  }

  /** Runs `npm start` without waiting for anything. */
  launch(): ChildProcess {
    const child = this.#spawn('start.ts', []);
    this.#process = child;
    this.output = '';
    child.stdout?.on('data', (text) => (this.output += String(text)));
    child.stderr?.on('data', (text) => (this.output += String(text)));
    return child;
  }

  /** Runs a command of local mode to its end. */
  async run(script: string, args: string[] = [], input?: Uint8Array): Promise<CommandResult> {
    const child = this.#spawn(script, args, input === undefined ? 'ignore' : 'pipe');
    const output = { stdout: '', stderr: '' };
    child.stdout?.on('data', (text) => (output.stdout += String(text)));
    child.stderr?.on('data', (text) => (output.stderr += String(text)));
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number];
    return { code, ...output };
  }

  #spawn(script: string, args: string[], stdin: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...this.#env };
    // Not the program's folder: nothing may depend on the working directory.
    const program = [join(PROGRAM, 'local', script), ...args];
    return spawn(NODE, program, { cwd: tmpdir(), env, stdio: [stdin, 'pipe', 'pipe'] });
  }

  /** `kill -9`. */
  async kill(part: Part): Promise<void> {
    if (part === 'all') for (const { pid } of await this.processes()) kill(pid, 'SIGKILL');
    if (part === 'all' || part === 'parent') {
      kill(this.#process?.pid ?? 0, 'SIGKILL');
      return;
    }
    kill(await this.#pidOf(part), 'SIGKILL');
  }

  /** Stops a part for as long as `run` takes: what needs it waits, and goes on then. */
  async pausing<T>(part: keyof typeof COMMAND_OF, run: () => Promise<T>): Promise<T> {
    const pid = await this.#pidOf(part);
    kill(pid, 'SIGSTOP');
    try {
      return await run();
    } finally {
      kill(pid, 'SIGCONT');
    }
  }

  async #pidOf(part: keyof typeof COMMAND_OF): Promise<number> {
    const found = (await this.processes()).find(({ command }) => COMMAND_OF[part].test(command));
    if (found === undefined) throw new Error(`No process of ${part} runs.`);
    return found.pid;
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
  }

  /** Waits until `npm start` has ended; gives its exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals> {
    const child = this.#process;
    if (child === undefined) throw new Error('npm start was not run.');
    const deadline = performance.now() + END_WAIT_MS;
    while (child.exitCode === null && child.signalCode === null) {
      if (performance.now() > deadline) throw new Error(`npm start does not end: ${this.output}`);
      await sleep(10);
    }
    return child.exitCode ?? child.signalCode ?? 0;
  }

  /** All processes that local mode started for this home and that still run. */
  processes(): Promise<{ pid: number; command: string }[]> {
    return processesUnder(this.home);
  }

  async client(): Promise<ApiClient> {
    const { projectId, token } = await readIdentity(this.home);
    return new ApiClient(this.url, projectId, token);
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.api}`;
  }

  log(name: 'functions' | 's3' | 'dynamo'): Promise<string> {
    return readFile(join(this.home, 'logs', `${name}.log`), 'utf8');
  }

  /** Stops `npm start` as Ctrl-C does; it must end well. */
  async stop(): Promise<void> {
    this.signal('SIGINT');
    const end = await this.ended();
    if (end !== 0) throw new Error(`npm start ended with ${end}: ${this.output}`);
  }

  /** Ends whatever still runs and removes everything. */
  async dispose(): Promise<void> {
    await this.kill('all');
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** All processes of local mode whose home is a folder or in it. */
export const processesUnder = async (
  folder: string,
): Promise<{ pid: number; command: string }[]> => {
  const mark = `HOLDFAST_PROCESS_OF=${folder}`;
  const read = (pid: string, file: string) =>
    readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const found = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = (await read(pid, 'environ')).split('\0');
    if (!environment.some((variable) => variable.startsWith(mark))) continue;
    found.push({ pid: Number(pid), command: (await read(pid, 'cmdline')).replaceAll('\0', ' ') });
  }
  return found;
};

const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    if (pid > 0) process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

export const sleep = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

/**
 * Not about a full minute, when what runs by schedule begins: what it has just begun would not be
 * done yet when the same function, run by a test, finds nothing left to do; and of two collections
 * of a vault one gives way.
 */
export const untilSchedulesRest = async (): Promise<void> => {
  const intoMinuteMs = Date.now() % MINUTE_MS;
  if (intoMinuteMs < SCHEDULE_MS) await sleep(SCHEDULE_MS - intoMinuteMs);
  if (intoMinuteMs > MINUTE_MS - SCHEDULE_MS) await sleep(MINUTE_MS - intoMinuteMs + SCHEDULE_MS);
};

/** The parts of local mode among processes; beside the functions tsx may keep a compiler. */
export const partsOf = (processes: { pid: number; command: string }[]) =>
  processes.filter(({ command }) => !command.includes('/esbuild '));
