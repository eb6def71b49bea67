import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findTool } from '../local/real-image.ts';

const run = promisify(execFile);
const GIB = 2 ** 30;
export const BLOCK_BYTES = 512 * 1024;
export const IMAGE_BYTES = 5 * GIB;
/** Contents of real files in the image; the rest of it is free. */
const CONTENT_MIB = 3800;

/** Where real files are found, in this order, until there are enough of them. */
const SOURCES = [
  resolve(import.meta.dirname, '..', 'node_modules'),
  '/usr/lib',
  '/usr/share',
  '/usr/bin',
  '/opt',
  '/usr/local',
];

/** Makes a 5 GiB ext4 image of real files in `folder`, unless it is there already. */
export const makeImage = async (folder: string): Promise<string> => {
  const image = join(folder, 'real.img');
  if (existsSync(image)) return image;
  const mke2fs = findTool('mke2fs');
  if (mke2fs === null) throw new Error('The benchmark needs e2fsprogs (mke2fs).');
  const tree = join(folder, 'tree');
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree);
  let left = CONTENT_MIB;
  for (const source of SOURCES) {
    if (left > 0 && existsSync(source)) left -= await copySome(source, tree, left);
  }
  const making = `${image}.making`;
  await rm(making, { force: true });
  await run(mke2fs, ['-q', '-F', '-t', 'ext4', '-d', tree, making, `${IMAGE_BYTES / 1024}k`]);
  await run('mv', [making, image]);
  await rm(tree, { recursive: true });
  return image;
};

/** Copies entries of `source` until about `limitMib` are there; returns how many MiB it copied. */
const copySome = async (source: string, tree: string, limitMib: number): Promise<number> => {
  const target = join(tree, source.replaceAll('/', '_'));
  await mkdir(target);
  let copied = 0;
  for (const entry of (await readdir(source)).toSorted()) {
    const { stdout } = await run('du', ['-sm', '-x', join(source, entry)]);
    const sizeMib = Number.parseInt(stdout, 10);
    if (copied + sizeMib > limitMib) continue;
    await run('cp', ['-a', '-x', join(source, entry), target]);
    copied += sizeMib;
  }
  return copied;
};

export interface Change {
  offset: number;
  before: Uint8Array;
  after: Uint8Array;
}

/** 1 % of the image's blocks, spread evenly over those that hold data, with new contents. */
export const chooseChanges = async (image: string): Promise<Change[]> => {
  const file = await open(image, 'r');
  try {
    const used: { offset: number; before: Uint8Array }[] = [];
    const zeros = Buffer.alloc(BLOCK_BYTES);
    const wanted = Math.round(IMAGE_BYTES / BLOCK_BYTES / 100);
    const step = Math.floor(IMAGE_BYTES / BLOCK_BYTES / (wanted * 2));
    for (let n = 7; n < IMAGE_BYTES / BLOCK_BYTES && used.length < wanted; n += step) {
      const before = Buffer.alloc(BLOCK_BYTES);
      await file.read(before, 0, BLOCK_BYTES, n * BLOCK_BYTES);
      if (!before.equals(zeros)) used.push({ offset: n * BLOCK_BYTES, before });
    }
    return used.map((block) => ({ ...block, after: randomBytes(BLOCK_BYTES) }));
  } finally {
    await file.close();
  }
};

/** Writes one side of the changes into the image. */
export const writeChanges = async (
  image: string,
  changes: Change[],
  side: 'before' | 'after',
): Promise<void> => {
  const file = await open(image, 'r+');
  for (const change of changes) await file.write(change[side], 0, BLOCK_BYTES, change.offset);
  await file.sync();
  await file.close();
};

/**
 * Everything written is on the disk and the image is in the page cache: every step starts alike.
 */
export const settle = async (image: string): Promise<void> => {
  await run('sync');
  await run('sh', ['-c', `cat '${image}' > /dev/null`]);
};

export const diskUsage = async (folder: string): Promise<number> => {
  const { stdout } = await run('du', ['-s', '--block-size=1', folder]);
  return Number.parseInt(stdout, 10);
};

export const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};
