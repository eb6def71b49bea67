import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';

const SCRIPT = new URL('fixtures/durable/killable-engine.ts', import.meta.url).pathname;
const CALLS_BEFORE_KILL = [8, 25, 45];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'durable-kill-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('goes on after kill -9, again and again, and loses nothing', async () => {
  for (const callCount of CALLS_BEFORE_KILL)
    await killWhen(async () => (await readLines('calls')).length >= callCount);
  await killWhen(async () => (await readLines('verify')).length > 0); // the child waits then
  const output = await finish();

  const units = Array.from({ length: 60 }, (_, unit) => unit);
  expect(JSON.parse(output)).toEqual({
    status: 'SUCCEEDED',
    result: { units, child: { done: true } },
    children: 1,
  });
  const calls = (await readLines('calls')).map(Number);
  expect(new Set(calls)).toEqual(new Set(units));
  // At most the four units that ran at each kill were called again.
  expect(calls.length).toBeLessThanOrEqual(60 + 4 * CALLS_BEFORE_KILL.length);
  expect(calls.length).toBeGreaterThan(60);
}, 60_000);

async function killWhen(condition: () => Promise<boolean>): Promise<void> {
  const child = start();
  const exited = once(child, 'exit');
  while (!(await condition())) {
    expect(child.exitCode).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill('SIGKILL');
  await exited;
}

async function finish(): Promise<string> {
  const child = start();
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (errors += String(chunk)));
  const [code] = (await once(child, 'close')) as [number];
  expect(errors).toContain('resumed 2');
  expect(code).toBe(0);
  return output;
}

const start = () =>
  spawn(process.execPath, [SCRIPT, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
  });

async function readLines(file: string): Promise<string[]> {
  const text = await readFile(join(folder, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').filter(Boolean);
}
