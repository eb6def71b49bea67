import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readdir, stat, truncate } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A raw disk image of real files, and the parts of it that may be overwritten with anything. */
export interface RealImage {
  file: string;
  kind: 'ext4' | 'tar';
  sizeBytes: number;
  /** Byte ranges that hold contents of files: writing there keeps the file system sound. */
  writable: { offset: number; length: number }[];
}

/** e2fsprogs' tools, also where a plain user's PATH does not look. */
export const findTool = (name: string): string | null =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path)) ?? null;

/**
 * Makes an image of `sizeBytes` from the files under `tree`: ext4 where that is wanted and
 * e2fsprogs is installed, else the tree packed by tar.
 */
export const makeRealImage = async (
  tree: string,
  file: string,
  sizeBytes: number,
  kind: RealImage['kind'] = 'ext4',
): Promise<RealImage> => {
  const mke2fs = findTool('mke2fs');
  const debugfs = findTool('debugfs');
  if (kind === 'tar' || mke2fs === null || debugfs === null) return makeTar(tree, file, sizeBytes);
  await (await open(file, 'w')).close();
  await truncate(file, sizeBytes);
  await run(mke2fs, ['-q', '-F', '-t', 'ext4', '-d', tree, file]);
  return { file, kind: 'ext4', sizeBytes, writable: await contentsOf(debugfs, tree, file) };
};

const makeTar = async (tree: string, file: string, sizeBytes: number): Promise<RealImage> => {
  // Not the caches, in which another process may write just now: tar fails of what changes.
  const what = ['--exclude=./.cache', '-C', tree, '.'];
  await run('tar', ['-cf', file, ...what], { maxBuffer: 1 << 20 });
  const { size } = await stat(file);
  if (size < sizeBytes) await truncate(file, sizeBytes);
  return {
    file,
    kind: 'tar',
    sizeBytes: Math.max(size, sizeBytes),
    writable: [{ offset: 0, length: size }],
  };
};

/** Where the blocks of the tree's largest files lie within an ext4 image. */
const contentsOf = async (
  debugfs: string,
  tree: string,
  image: string,
): Promise<RealImage['writable']> => {
  const { stdout: superblock } = await run(debugfs, ['-R', 'show_super_stats -h', image]);
  const blockBytes = Number(/^Block size:\s+(\d+)/m.exec(superblock)?.[1]);
  const ranges: RealImage['writable'] = [];
  for (const path of await largestFiles(tree, 20)) {
    const { stdout } = await run(debugfs, ['-R', `dump_extents -l "/${path}"`, image]);
    for (const [, from, to] of stdout.matchAll(/\d+ -\s+\d+\s+(\d+) -\s+(\d+)\s+\d+/g)) {
      ranges.push({
        offset: Number(from) * blockBytes,
        length: (Number(to) - Number(from) + 1) * blockBytes,
      });
    }
  }
  if (ranges.length === 0) throw new Error(`debugfs found no contents of files in ${image}.`);
  return ranges;
};

const largestFiles = async (tree: string, count: number): Promise<string[]> => {
  const sized: { path: string; size: number }[] = [];
  for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    sized.push({ path: path.slice(tree.length + 1), size: (await stat(path)).size });
  }
  return sized
    .toSorted((a, b) => b.size - a.size)
    .slice(0, count)
    .map(({ path }) => path);
};

/**
 * Offsets of whole 512 KiB blocks spread over the writable parts, `share` of the image in all, as
 * far as the parts reach.
 */
export const chooseBlocks = ({ writable, sizeBytes }: RealImage, share: number): number[] => {
  const blockBytes = 512 * 1024;
  const candidates = writable.flatMap(({ offset, length }) => {
    const first = Math.ceil(offset / blockBytes);
    const last = Math.floor((offset + length) / blockBytes);
    return Array.from({ length: Math.max(0, last - first) }, (_, n) => (first + n) * blockBytes);
  });
  const wanted = Math.ceil((sizeBytes / blockBytes) * share);
  const step = Math.max(1, Math.floor(candidates.length / wanted));
  return candidates.filter((_, n) => n % step === 0).slice(0, wanted);
};

/** Checks an ext4 file system in a raw image; `null` when e2fsck is not installed. */
export const checkFileSystem = async (image: string): Promise<boolean | null> => {
  const e2fsck = findTool('e2fsck');
  if (e2fsck === null) return null;
  try {
    await run(e2fsck, ['-fn', image]);
    return true;
  } catch {
    return false;
  }
};
