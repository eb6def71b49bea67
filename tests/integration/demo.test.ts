import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { PROGRAM } from '../../local/home.ts';
import { partsOf, processesUnder, sleep } from '../support/local-mode.ts';

const TEST_MS = 600_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast demo-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The demo as a process, in a folder of its own. */
const demo = (args: string[]) => {
  const child = spawn(process.execPath, [join(PROGRAM, 'local', 'demo.ts'), ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOLDFAST_DEMO_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seen = { child, output: '' };
  child.stdout.on('data', (text) => (seen.output += String(text)));
  child.stderr.on('data', (text) => (seen.output += String(text)));
  return seen;
};

it(
  'brings a disk back byte for byte, without any file system tool, and cleans up',
  async () => {
    const seen = demo(['--image', 'tar']);
    while (seen.child.exitCode === null) await sleep(50);
    expect(seen.output).toMatch(/SHA-256 of the restored disk {2}the same/);
    expect(seen.output).toContain('The disk came back byte for byte.\n');
    expect(seen.child.exitCode).toBe(0);
    expect(await readdir(folder)).toEqual([]);
    expect(await processesUnder(folder)).toEqual([]);
  },
  TEST_MS,
);

it(
  'cleans up when it is interrupted',
  async () => {
    const seen = demo(['--image', 'tar']);
    while (!seen.output.includes('5. Backing up') && seen.child.exitCode === null) await sleep(10);
    expect(partsOf(await processesUnder(folder))).toHaveLength(3);
    seen.child.kill('SIGINT');
    while (seen.child.exitCode === null) await sleep(10);
    expect(seen.child.exitCode).toBe(130);
    expect(await readdir(folder)).toEqual([]);
    expect(await processesUnder(folder)).toEqual([]);
  },
  TEST_MS,
);
