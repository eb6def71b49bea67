import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CREDENTIALS } from './s3-server-requests.ts';

const MAIN = join(import.meta.dirname, '../../local/s3-server/main.ts');

export interface ServerProcess {
  url: string;
  child: ChildProcess;
  /** Ends with the process: how it ended, and what it complained about. */
  ended: Promise<{ code: number | null; signal: string | null; complaints: string }>;
}

/** `main.ts` as a process on `dir`; resolves when it listens, or fails with what it says. */
export const spawnServer = async (dir: string, ...args: string[]): Promise<ServerProcess> => {
  const child = spawn(
    process.execPath,
    [MAIN, '--dir', dir, '--port', '0', '--exit-with-parent', ...args],
    {
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        HOLDFAST_S3_ACCESS_KEY: CREDENTIALS.accessKeyId,
        HOLDFAST_S3_SECRET_KEY: CREDENTIALS.secretAccessKey,
      },
    },
  );
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, complaints }));
  const first = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), ended]);
  if (!Array.isArray(first)) throw new Error(first.complaints);
  const { listening } = JSON.parse(String(first[0])) as { listening: string };
  return { url: listening, child, ended };
};

/** The most memory that the process has had so far. */
export const peakMemoryBytes = async ({ child }: ServerProcess): Promise<number> => {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
};
