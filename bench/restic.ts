import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Change, diskUsage, settle, writeChanges } from './image.ts';

export interface Figures {
  firstBackup: number;
  incremental: number;
  restore: number;
  storedBytes: number;
  peakMemoryBytes: number;
}

/** One round of restic to a local repository, with its defaults. */
export const measureRestic = async (
  folder: string,
  image: string,
  changes: Change[],
): Promise<Figures> => {
  const repository = join(folder, 'restic');
  const target = join(folder, 'restic-restored');
  await rm(repository, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const cache = join(folder, 'restic-cache');
  const restic = (...args: string[]) =>
    timed(['restic', '--repo', repository, '--cache-dir', cache, '--quiet', ...args]);
  await restic('init');
  await settle(image);
  const first = await restic('backup', image);
  await writeChanges(image, changes, 'after');
  await settle(image);
  const incremental = await restic('backup', image);
  await writeChanges(image, changes, 'before');
  await settle(image);
  const restore = await restic('restore', 'latest', '--target', target);
  const storedBytes = await diskUsage(repository);
  for (const path of [repository, target, cache]) await rm(path, { recursive: true, force: true });
  return {
    firstBackup: first.seconds,
    incremental: incremental.seconds,
    restore: restore.seconds,
    storedBytes,
    peakMemoryBytes: Math.max(first.peakBytes, incremental.peakBytes, restore.peakBytes),
  };
};

/** Runs a command; its time and its largest resident size, as GNU time tells it. */
const timed = (command: string[]): Promise<{ seconds: number; peakBytes: number }> =>
  new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn('/usr/bin/time', ['-f', '%M', ...command], {
      env: { ...process.env, RESTIC_PASSWORD: 'bench' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (part: Buffer) => {
      text += part.toString();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      const seconds = (performance.now() - began) / 1000;
      if (code === 0)
        resolve({ seconds, peakBytes: Number(text.trim().split('\n').at(-1)) * 1024 });
      else reject(new Error(`${command.join(' ')}: exit code ${code}\n${text}`));
    });
  });
