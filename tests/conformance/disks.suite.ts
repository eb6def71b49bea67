import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BLOCK_BYTES, type BlockRange, blockCount } from '../../lib/model/block.ts';
import { expectBytes, filled, isCovered, padded } from '../support/disk-bytes.ts';
import type { DisksUnderTest } from '../support/disks-under-test.ts';
import { describeRestores } from './disks-restores.suite.ts';

const SIZE = 5 * BLOCK_BYTES + 777;
const COUNT = blockCount(SIZE);
const ALL: BlockRange = { from: 0, to: COUNT };

/** What the port promises, for every adapter. */
export function disksSuite(
  name: string,
  open: () => Promise<{ disks: DisksUnderTest; close: () => Promise<void> }>,
): void {
  describe(`${name} keeps the promises of Disks`, () => {
    let disks: DisksUnderTest;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ disks, close } = await open());
      await disks.addDisk({
        id: 'disk-1',
        name: 'one',
        sizeBytes: SIZE,
        availabilityZone: 'local',
      });
    });
    afterEach(() => close());

    describeDisks(() => disks);
    describeSnapshots(() => disks);
    describeChangeTracking(() => disks);
    describeRestores(() => disks, SIZE);
  });
}

function describeDisks(disks: () => DisksUnderTest): void {
  it('describes a disk', async () => {
    expect(await disks().describe('disk-1')).toEqual({
      id: 'disk-1',
      name: 'one',
      sizeBytes: SIZE,
      status: 'available',
      availabilityZone: 'local',
      bootable: false,
      encrypted: false,
      tags: [],
      createdAtMs: expect.any(Number),
    });
  });

  it('tells the tags of a disk, and lists them', async () => {
    const tags = [{ key: 'env', value: 'prod' }];
    await disks().addDisk({ id: 'tagged', name: 'tagged', sizeBytes: 1, tags });
    expect(await disks().describe('tagged')).toMatchObject({ tags });
    const listed = await Array.fromAsync(disks().list());
    expect(listed.map((disk) => disk.tags)).toEqual([[], tags]);
  });

  it('lists disks ascending by id', async () => {
    for (const id of ['disk-3', 'disk-2', 'a'])
      await disks().addDisk({ id, name: id, sizeBytes: 1 });
    const ids = (await Array.fromAsync(disks().list())).map((disk) => disk.id);
    expect(ids).toEqual(['a', 'disk-1', 'disk-2', 'disk-3']);
  });

  it('says that a disk is missing, and only that', async () => {
    await expect(disks().describe('nobody')).rejects.toMatchObject({ code: 'disk.missing' });
    await expect(disks().createSnapshot('nobody', 't')).rejects.toMatchObject({
      code: 'disk.missing',
    });
    await expect(disks().beginRestore('nobody', 'a')).rejects.toMatchObject({
      code: 'disk.missing',
    });
    await expect(disks().finishRestore('nobody', 'a')).rejects.toMatchObject({
      code: 'disk.missing',
    });
  });

  it('creates a disk once', async () => {
    const wanted = { id: 'new', name: 'n', sizeBytes: SIZE, availabilityZone: 'az' };
    const created = await disks().createDisk(wanted);
    expect(created).toMatchObject({ ...wanted, status: 'creating' });
    expect(await disks().createDisk(wanted)).toEqual(created);
    await expect(disks().createDisk({ ...wanted, sizeBytes: 1 })).rejects.toMatchObject({
      code: 'disk.exists',
    });
  });

  it.each([0, -1, 1.5, 64 * 2 ** 40 + 1, Number.NaN])('refuses a size of %d', async (sizeBytes) => {
    const disk = { id: 'new', name: 'n', sizeBytes, availabilityZone: 'az' };
    await expect(disks().createDisk(disk)).rejects.toMatchObject({ code: 'disk.invalid' });
    await expect(disks().startContent({ attemptId: 'a', sizeBytes })).rejects.toMatchObject({
      code: 'disk.invalid',
    });
  });

  it('takes disks of 1 byte and of 64 TiB', async () => {
    for (const sizeBytes of [1, 64 * 2 ** 40]) {
      const id = `disk-of-${sizeBytes}`;
      await disks().addDisk({ id, name: id, sizeBytes });
      await disks().write(id, sizeBytes - 1, Uint8Array.of(7));
      const last = blockCount(sizeBytes) - 1;
      const { id: snapshotId } = await disks().createSnapshot(id, 't');
      const blocks = await disks().readBlocks(snapshotId, { from: last, to: last + 1 });
      expect(blocks[(sizeBytes - 1) % BLOCK_BYTES]).toBe(7);
      const allocated = await disks().allocatedBlocks(snapshotId, { from: 0, to: last + 1 });
      expect(allocated).toHaveLength(1);
      expect(allocated[0]?.to).toBe(last + 1);
    }
  });
}

function describeSnapshots(disks: () => DisksUnderTest): void {
  it('keeps a snapshot as it was, whatever happens to the disk', async () => {
    await disks().write('disk-1', 10, filled(100, 1));
    await disks().write('disk-1', SIZE - 5, filled(5, 2));
    const snapshot = await disks().createSnapshot('disk-1', 't');
    expect(snapshot).toMatchObject({ diskId: 'disk-1', sizeBytes: SIZE, state: 'completed' });
    const before = await disks().readBlocks(snapshot.id, ALL);
    expectBytes(before.slice(10, 110), filled(100, 1));
    expectBytes(before.slice(SIZE - 5), padded(filled(5, 2), COUNT * BLOCK_BYTES - SIZE + 5));

    await disks().write('disk-1', 0, filled(SIZE, 9));
    expectBytes(await disks().readBlocks(snapshot.id, ALL), before);
    await disks().resize('disk-1', 1);
    expectBytes(await disks().readBlocks(snapshot.id, ALL), before);
    await disks().deleteDisk('disk-1');
    expectBytes(await disks().readBlocks(snapshot.id, ALL), before);
    expect(await disks().describeSnapshot(snapshot.id)).toEqual(snapshot);
  });

  it('gives the same snapshot for the same token, and another for another', async () => {
    const first = await disks().createSnapshot('disk-1', 'token');
    await disks().write('disk-1', 0, filled(10, 1));
    expect(await disks().createSnapshot('disk-1', 'token')).toEqual(first);
    expect((await disks().createSnapshot('disk-1', 'other')).id).not.toBe(first.id);
    await disks().addDisk({ id: 'disk-2', name: 'two', sizeBytes: 1 });
    expect((await disks().createSnapshot('disk-2', 'token')).diskId).toBe('disk-2');
  });

  it('never gives the id of a deleted snapshot again', async () => {
    const first = await disks().createSnapshot('disk-1', 'token');
    await disks().deleteSnapshot(first.id);
    expect((await disks().createSnapshot('disk-1', 'token')).id).not.toBe(first.id);
  });

  it('makes one snapshot of many calls at once', async () => {
    const calls = Array.from({ length: 8 }, () => disks().createSnapshot('disk-1', 'token'));
    const ids = (await Promise.all(calls)).map((snapshot) => snapshot.id);
    expect(new Set(ids).size).toBe(1);
  });

  it('deletes a snapshot, once or twice, and then says that it is missing', async () => {
    const { id } = await disks().createSnapshot('disk-1', 't');
    await disks().deleteSnapshot(id);
    await disks().deleteSnapshot(id);
    const missing = { code: 'disk.snapshot-missing' };
    await expect(disks().describeSnapshot(id)).rejects.toMatchObject(missing);
    await expect(disks().readBlocks(id, ALL)).rejects.toMatchObject(missing);
    await expect(disks().allocatedBlocks(id, ALL)).rejects.toMatchObject(missing);
    await expect(disks().changedBlocks(id, id, ALL)).rejects.toMatchObject(missing);
  });

  it('hands out buffers that are the caller’s own', async () => {
    await disks().write('disk-1', 0, filled(BLOCK_BYTES, 3));
    const { id } = await disks().createSnapshot('disk-1', 't');
    const blocks = await disks().readBlocks(id, { from: 0, to: 1 });
    expect([blocks.byteOffset, blocks.buffer.byteLength]).toEqual([0, BLOCK_BYTES]);
    blocks.fill(0);
    expectBytes(await disks().readBlocks(id, { from: 0, to: 1 }), filled(BLOCK_BYTES, 3));
  });

  it.each([
    [-1, 1],
    [1, 0],
    [0, COUNT + 1],
    [0.5, 1],
  ])('refuses to read blocks %d to %d', async (from, to) => {
    const { id } = await disks().createSnapshot('disk-1', 't');
    await expect(disks().readBlocks(id, { from, to })).rejects.toMatchObject({
      code: 'disk.invalid',
    });
  });

  it('reads no blocks when none are asked for', async () => {
    const { id } = await disks().createSnapshot('disk-1', 't');
    expect(await disks().readBlocks(id, { from: 2, to: 2 })).toHaveLength(0);
    expect(await disks().allocatedBlocks(id, { from: 2, to: 2 })).toEqual([]);
  });
}

function describeChangeTracking(disks: () => DisksUnderTest): void {
  it('lists blocks that may hold data, within the range and the disk', async () => {
    await disks().write('disk-1', SIZE - 1, filled(1, 1));
    const { id } = await disks().createSnapshot('disk-1', 't');
    expect((await disks().allocatedBlocks(id, { from: 0, to: 100 })).at(-1)?.to).toBe(COUNT);
    expect(await disks().allocatedBlocks(id, { from: COUNT - 1, to: COUNT })).toEqual([
      { from: COUNT - 1, to: COUNT },
    ]);
  });

  it('sees no change between two snapshots of the same state', async () => {
    await disks().write('disk-1', 0, filled(SIZE, 1));
    const first = await disks().createSnapshot('disk-1', 'a');
    const second = await disks().createSnapshot('disk-1', 'b');
    expect(await disks().changedBlocks(first.id, second.id, ALL)).toEqual([]);
  });

  it('sees what was written, and nothing far from it', async () => {
    await disks().write('disk-1', 0, filled(SIZE, 1));
    const first = await disks().createSnapshot('disk-1', 'a');
    await disks().write('disk-1', 4 * BLOCK_BYTES + 5, filled(1, 2));
    const second = await disks().createSnapshot('disk-1', 'b');
    const changed = (await disks().changedBlocks(first.id, second.id, ALL)) ?? [];
    expect(isCovered(changed, 4)).toBe(true);
    expect(isCovered(changed, 0)).toBe(false);
    expect(await disks().changedBlocks(first.id, second.id, { from: 0, to: 2 })).toEqual([]);
  });

  it.each([
    ['grown', 9 * BLOCK_BYTES],
    ['shrunk', 3 * BLOCK_BYTES + 1],
  ])('counts blocks beyond the end of a %s disk as changed', async (_, sizeBytes) => {
    const first = await disks().createSnapshot('disk-1', 'a');
    await disks().resize('disk-1', sizeBytes);
    const second = await disks().createSnapshot('disk-1', 'b');
    const changed = (await disks().changedBlocks(first.id, second.id, { from: 0, to: 10 })) ?? [];
    const tail = Math.floor(Math.min(sizeBytes, SIZE) / BLOCK_BYTES);
    expect(changed).toEqual([{ from: tail, to: 10 }]);
  });

  it('cannot tell without the base, or with the base of another disk', async () => {
    await disks().addDisk({ id: 'disk-2', name: 'two', sizeBytes: SIZE });
    const other = await disks().createSnapshot('disk-2', 'a');
    const gone = await disks().createSnapshot('disk-1', 'a');
    await disks().deleteSnapshot(gone.id);
    const { id } = await disks().createSnapshot('disk-1', 'b');
    expect(await disks().changedBlocks(other.id, id, ALL)).toBeNull();
    expect(await disks().changedBlocks(gone.id, id, ALL)).toBeNull();
  });
}
