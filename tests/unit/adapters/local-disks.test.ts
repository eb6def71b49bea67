import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type LocalDisks, localDisks } from '../../../lib/adapters/local/local-disks.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import { expectBytes, filled, padded } from '../../support/disk-bytes.ts';

const EXTENT_BYTES = 2 * BLOCK_BYTES;
/** Data, a hole of two extents, data, and an odd tail. */
const IMAGE = Buffer.concat([
  filled(EXTENT_BYTES, 1),
  filled(2 * EXTENT_BYTES, 0),
  filled(EXTENT_BYTES, 2),
  filled(333, 3),
]);
const ALL = { from: 0, to: Math.ceil(IMAGE.length / BLOCK_BYTES) };

describe('local disks', () => {
  let folder: string;
  let root: string;
  let disks: LocalDisks;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-disks-'));
    root = join(folder, 'root');
    disks = localDisks({ root, extentBytes: EXTENT_BYTES });
  });
  afterEach(() => rm(folder, { recursive: true, maxRetries: 5 }));

  const importImage = async (): Promise<void> => {
    const source = join(folder, 'image');
    await writeFile(source, IMAGE);
    await disks.importDisk({ id: 'disk', name: 'd', source });
  };
  const contents = async (): Promise<string[]> => await readdir(join(root, 'contents'));
  const onlyContent = async (): Promise<string> =>
    join(root, 'contents', (await contents())[0] ?? '');

  describe('import', () => {
    it('takes a raw file of any size, and stores no extent of zeros', async () => {
      await importImage();
      expect(await disks.describe('disk')).toMatchObject({
        sizeBytes: IMAGE.length,
        status: 'available',
      });
      expectBytes(await disks.read('disk', 0, IMAGE.length), IMAGE);
      expect((await readdir(join(await onlyContent(), '0'))).toSorted()).toEqual(['0', '3', '4']);
      const { id } = await disks.createSnapshot('disk', 't');
      expect(await disks.allocatedBlocks(id, ALL)).toEqual([
        { from: 0, to: 2 },
        { from: 6, to: 9 },
      ]);
    });

    it.each([40_000, EXTENT_BYTES, EXTENT_BYTES * 2 + 7])(
      'takes a stream in chunks of %d bytes',
      async (chunkBytes) => {
        async function* chunks() {
          for (let at = 0; at < IMAGE.length; at += chunkBytes)
            yield IMAGE.subarray(at, at + chunkBytes);
        }
        await disks.importDisk({ id: 'disk', name: 'd', source: chunks() });
        expectBytes(await disks.read('disk', 0, IMAGE.length), IMAGE);
      },
    );

    it('stores no tail of zeros', async () => {
      const source = join(folder, 'image');
      await writeFile(source, Buffer.concat([filled(6 * EXTENT_BYTES, 1), filled(100, 0)]));
      await disks.importDisk({ id: 'disk', name: 'd', source });
      expect(await readdir(join(await onlyContent(), '0'))).toHaveLength(6);
    });

    it('tells how far it is', async () => {
      const source = join(folder, 'image');
      await writeFile(source, IMAGE);
      const progress: number[] = [];
      const onProgress = (doneBytes: number) => void progress.push(doneBytes);
      await disks.importDisk({ id: 'disk', name: 'd', source, onProgress });
      expect(progress).toHaveLength(5);
      expect(progress.at(-1)).toBe(IMAGE.length);
    });

    it('leaves nothing behind when it is cancelled', async () => {
      const source = join(folder, 'image');
      await writeFile(source, IMAGE);
      const abort = new AbortController();
      const onProgress = () => abort.abort();
      const options = { id: 'disk', name: 'd', source, onProgress, signal: abort.signal };
      await expect(disks.importDisk(options)).rejects.toMatchObject({ code: 'Holdfast.Cancelled' });
      await expect(disks.describe('disk')).rejects.toMatchObject({ code: 'disk.missing' });
      expect(await contents()).toEqual([]);
    });

    it('refuses an empty source, a missing one, and an id that is taken', async () => {
      const source = join(folder, 'empty');
      await writeFile(source, '');
      const invalid = { code: 'disk.invalid' };
      await expect(disks.importDisk({ id: 'e', name: 'e', source })).rejects.toMatchObject(invalid);
      const missing = join(folder, 'nothing');
      await expect(disks.importDisk({ id: 'e', name: 'e', source: missing })).rejects.toMatchObject(
        invalid,
      );
      await importImage();
      await expect(importImage()).rejects.toMatchObject({ code: 'disk.exists' });
      expect(await contents()).toHaveLength(1);
    });
  });

  describe('export', () => {
    it('writes a sparse file that is the disk', async () => {
      await importImage();
      const target = join(folder, 'out');
      await writeFile(target, filled(2 * IMAGE.length, 9));
      await disks.exportDisk('disk', target);
      expectBytes(await readFile(target), IMAGE);
      expect((await stat(target)).blocks * 512).toBeLessThan(IMAGE.length - EXTENT_BYTES);
    });

    it('writes a stream, zeros included', async () => {
      await importImage();
      const chunks: Buffer[] = [];
      const target = new Writable({
        write(chunk: Buffer, _, done) {
          chunks.push(chunk);
          done();
        },
      });
      await disks.exportDisk('disk', target);
      expectBytes(Buffer.concat(chunks), IMAGE);
      expect(await readdir(join(root, 'tmp'))).toEqual([]);
    });
  });

  it.each(['', '..', 'a/b', '../x', 'a.b', 'a\0', 'x'.repeat(65), 'ä'])(
    'refuses the id %j everywhere',
    async (id) => {
      const invalid = { code: 'disk.invalid' };
      await expect(disks.describe(id)).rejects.toMatchObject(invalid);
      await expect(disks.describeSnapshot(id)).rejects.toMatchObject(invalid);
      await expect(disks.changedBlocks(id, 'a', ALL)).rejects.toMatchObject(invalid);
      await expect(disks.startContent({ attemptId: id, sizeBytes: 1 })).rejects.toMatchObject(
        invalid,
      );
      await expect(disks.writeBlocks(id, 0, filled(0, 0))).rejects.toMatchObject(invalid);
      await expect(disks.finishRestore('a', id)).rejects.toMatchObject(invalid);
      await expect(disks.addDisk({ id, name: '', sizeBytes: 1 })).rejects.toMatchObject(invalid);
    },
  );

  it('refuses a folder made with other extents', async () => {
    await importImage();
    const others = localDisks({ root, extentBytes: BLOCK_BYTES });
    await expect(others.describe('disk')).rejects.toMatchObject({ code: 'config.invalid' });
  });

  it('does not take a folder that is away for a disk or a snapshot that is missing', async () => {
    await importImage();
    const { id } = await disks.createSnapshot('disk', 't');
    await rename(root, `${root}-away`);
    const away = { code: 'disk.unavailable' };
    await expect(disks.describe('disk')).rejects.toMatchObject(away);
    await expect(disks.describeSnapshot(id)).rejects.toMatchObject(away);
    await expect(disks.readBlocks(id, ALL)).rejects.toMatchObject(away);
    await expect(disks.sealContent('attempt')).rejects.toMatchObject(away);
    await expect(Array.fromAsync(disks.list())).rejects.toMatchObject(away);
  });

  it('finds a damaged record, and an extent that is cut short', async () => {
    await importImage();
    const { id } = await disks.createSnapshot('disk', 't');
    await truncate(join(root, 'snapshots', id, '0', '3'), 5);
    const malformed = { code: 'disk.malformed' };
    await expect(disks.readBlocks(id, ALL)).rejects.toMatchObject(malformed);
    await truncate(join(root, 'disks', 'disk.json'), 5);
    await expect(disks.describe('disk')).rejects.toMatchObject(malformed);
  });

  it('does not seal a content with an extent that is cut short', async () => {
    await disks.startContent({ attemptId: 'a', sizeBytes: IMAGE.length });
    await disks.writeBlocks('a', 0, filled(BLOCK_BYTES, 1));
    await truncate(join(await onlyContent(), '0', '0'), 5);
    await expect(disks.sealContent('a')).rejects.toMatchObject({ code: 'disk.malformed' });
  });

  it('does not seal a content of which some bytes did not reach the disk', async () => {
    await disks.startContent({ attemptId: 'a', sizeBytes: IMAGE.length });
    await writeFile(join(await onlyContent(), 'flush-failed'), '');
    await expect(disks.sealContent('a')).rejects.toMatchObject({ code: 'disk.unavailable' });
  });

  it('seals on after a crash between the steps of sealing', async () => {
    await disks.startContent({ attemptId: 'a', sizeBytes: IMAGE.length });
    await rename(join(root, 'contents', 'open-a'), join(root, 'contents', 'closed-a'));
    await disks.startContent({ attemptId: 'a', sizeBytes: IMAGE.length });
    await disks.sealContent('a');
    expect(await contents()).toEqual(['sealed-a']);
  });

  it('reads zeros after growing, though a crash left bytes beyond the end', async () => {
    await importImage();
    const path = join(root, 'disks', 'disk.json');
    const record = JSON.parse(await readFile(path, 'utf8')) as object;
    // As after a crash in shrinking: the record is smaller, the extents are still there.
    await writeFile(path, JSON.stringify({ ...record, sizeBytes: 100 }));
    const { id } = await disks.createSnapshot('disk', 't');
    const first = await disks.readBlocks(id, { from: 0, to: 1 });
    expectBytes(first, padded(filled(100, 1), BLOCK_BYTES));
    await disks.resize('disk', IMAGE.length);
    expectBytes(await disks.read('disk', 0, IMAGE.length), padded(filled(100, 1), IMAGE.length));
  });

  it('gives up when another holds a disk for too long', async () => {
    await importImage();
    const { takeLock } = await import('../../../lib/adapters/local/local-disks-lock.ts');
    const { lockPath } = await import('../../../lib/adapters/local/local-disks-root.ts');
    const release = await takeLock(lockPath({ path: root } as never, 'disk', 'disk'), 'shared', 0);
    const hasty = localDisks({ root, extentBytes: EXTENT_BYTES, lockWaitMs: 30 });
    expect(await hasty.read('disk', 0, 1)).toHaveLength(1);
    await expect(hasty.write('disk', 0, filled(1, 1))).rejects.toMatchObject({
      code: 'disk.unavailable',
    });
    release?.();
    await hasty.write('disk', 0, filled(1, 1));
  });

  it('sweeps what crashes left, and nothing else', async () => {
    await importImage();
    const { id } = await disks.createSnapshot('disk', 't');
    await disks.createDisk({ id: 'new', name: 'n', sizeBytes: 5, availabilityZone: 'az' });
    await disks.beginRestore('new', 'owner');
    await disks.startContent({ attemptId: 'owner', sizeBytes: 5 });
    await disks.startContent({ attemptId: 'nobody', sizeBytes: 5 });
    await disks.startContent({ attemptId: 'young', sizeBytes: 5 });
    await mkdir(join(root, 'contents', 'disk-unnamed'));
    await mkdir(join(root, 'trash', 'left', '0'), { recursive: true });
    for (const name of ['old', 'young']) await writeFile(join(root, 'tmp', name), 'x');
    const long = new Date(Date.now() - 48 * 3600 * 1000);
    const names = (await contents()).filter((name) => name !== 'open-young');
    for (const name of names) await utimes(join(root, 'contents', name), long, long);
    await utimes(join(root, 'tmp', 'old'), long, long);

    expect(await disks.sweep()).toBe(4);
    expect((await contents()).filter((name) => !name.startsWith('disk-')).toSorted()).toEqual([
      'open-owner',
      'open-young',
    ]);
    expect(await contents()).toHaveLength(3);
    expect(await readdir(join(root, 'tmp'))).toEqual(['young']);
    expectBytes(await disks.read('disk', 0, IMAGE.length), IMAGE);
    expectBytes(await disks.readBlocks(id, ALL), padded(IMAGE, ALL.to * BLOCK_BYTES));
  });

  it('drops what it no longer needs: after shrinking, after a restore', async () => {
    await importImage();
    await disks.resize('disk', 1);
    expect(await readdir(join(await onlyContent(), '0'))).toEqual(['0']);
    await disks.beginRestore('disk', 'attempt');
    await disks.startContent({ attemptId: 'attempt', sizeBytes: 1 });
    await disks.sealContent('attempt');
    await disks.finishRestore('disk', 'attempt');
    expect(await contents()).toEqual(['sealed-attempt']);
  });

  it('never reads zeros from a snapshot that is deleted meanwhile', async () => {
    await disks.addDisk({ id: 'disk', name: 'd', sizeBytes: 8 * EXTENT_BYTES });
    await disks.write('disk', 0, filled(8 * EXTENT_BYTES, 7));
    let missing = 0;
    for (let n = 0; n < 40; n++) {
      const { id } = await disks.createSnapshot('disk', `token-${n}`);
      const reads = Array.from({ length: 4 }, () => disks.readBlocks(id, { from: 0, to: 16 }));
      const [results] = await Promise.all([Promise.allSettled(reads), disks.deleteSnapshot(id)]);
      for (const result of results) {
        if (result.status === 'fulfilled') expectBytes(result.value, filled(8 * EXTENT_BYTES, 7));
        else expect(result.reason).toMatchObject({ code: 'disk.snapshot-missing' });
        if (result.status === 'rejected') missing += 1;
      }
    }
    expect(missing).toBeGreaterThan(0);
  });

  it('lists the snapshots of a disk, also of a deleted one, oldest first', async () => {
    let nowMs = 5;
    disks = localDisks({ root, extentBytes: EXTENT_BYTES, nowMs: () => nowMs-- });
    await disks.addDisk({ id: 'other', name: 'o', sizeBytes: 1 });
    await disks.createSnapshot('other', 'a');
    await importImage();
    const late = await disks.createSnapshot('disk', 'a');
    const early = await disks.createSnapshot('disk', 'b');
    await disks.deleteDisk('disk');
    expect(await disks.listSnapshots('disk')).toEqual([early, late]);
  });

  it('shares extents between a disk and its snapshots', async () => {
    await importImage();
    const { id } = await disks.createSnapshot('disk', 't');
    const [inDisk, inSnapshot] = await Promise.all(
      [await onlyContent(), join(root, 'snapshots', id)].map((path) => stat(join(path, '0', '3'))),
    );
    expect(inDisk?.ino).toBe(inSnapshot?.ino);
  });

  it('counts an extent as changed that is another file, though its bytes are equal', async () => {
    await importImage();
    const base = await disks.createSnapshot('disk', 'a');
    const { id } = await disks.createSnapshot('disk', 'b');
    const extent = join(root, 'snapshots', base.id, '0', '3');
    await copyFile(extent, `${extent}-copy`);
    await rename(`${extent}-copy`, extent);
    expect(await disks.changedBlocks(base.id, id, ALL)).toEqual([{ from: 6, to: 8 }]);
  });
});
