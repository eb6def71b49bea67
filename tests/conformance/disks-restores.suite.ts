import { expect, it } from '@jest/globals';
import { BLOCK_BYTES, blockCount } from '../../lib/model/block.ts';
import { expectBytes, filled, isCovered, padded } from '../support/disk-bytes.ts';
import type { DisksUnderTest } from '../support/disks-under-test.ts';

/** Restores to `disk-1`, a blank disk of `sizeBytes` bytes. */
export function describeRestores(disks: () => DisksUnderTest, sizeBytes: number): void {
  const count = blockCount(sizeBytes);
  const all = { from: 0, to: count };
  const begin = async (attemptId: string): Promise<void> => {
    await disks().beginRestore('disk-1', attemptId);
    await disks().startContent({ attemptId, sizeBytes });
  };
  const content = async (): Promise<Uint8Array> => await disks().read('disk-1', 0, sizeBytes);

  it('swaps a restored content in: in pieces, in any order, each step twice', async () => {
    await disks().write('disk-1', 0, filled(sizeBytes, 9));
    const blocks = padded(filled(sizeBytes, 4), count * BLOCK_BYTES);
    blocks.fill(0, BLOCK_BYTES, 3 * BLOCK_BYTES);
    await begin('attempt');
    await begin('attempt');
    expect((await disks().describe('disk-1')).status).toBe('restoring');
    for (const [from, to] of [
      [5, count],
      [3, 5],
      [0, 1],
      [3, 5],
    ] as const)
      await disks().writeBlocks(
        'attempt',
        from,
        blocks.subarray(from * BLOCK_BYTES, to * BLOCK_BYTES),
      );
    expectBytes(await content(), filled(sizeBytes, 9));
    await disks().sealContent('attempt');
    await disks().sealContent('attempt');
    await disks().finishRestore('disk-1', 'attempt');
    await disks().finishRestore('disk-1', 'attempt');
    expectBytes(await content(), blocks.subarray(0, sizeBytes));
    expect((await disks().describe('disk-1')).status).toBe('available');
  });

  it('cuts the padding of a tail off', async () => {
    await begin('attempt');
    await disks().writeBlocks('attempt', count - 1, filled(BLOCK_BYTES, 5));
    await disks().sealContent('attempt');
    await disks().finishRestore('disk-1', 'attempt');
    await disks().resize('disk-1', count * BLOCK_BYTES);
    const tail = await disks().read('disk-1', sizeBytes, count * BLOCK_BYTES - sizeBytes);
    expect(tail.every((byte) => byte === 0)).toBe(true);
  });

  it('follows a content that is smaller than the disk with zeros', async () => {
    await disks().write('disk-1', 0, filled(sizeBytes, 9));
    await disks().beginRestore('disk-1', 'attempt');
    await disks().startContent({ attemptId: 'attempt', sizeBytes: 3 });
    await disks().writeBlocks('attempt', 0, filled(BLOCK_BYTES, 1));
    await disks().sealContent('attempt');
    await disks().finishRestore('disk-1', 'attempt');
    expectBytes(await content(), padded(filled(3, 1), sizeBytes));
  });

  it('gives the disk to one attempt at a time', async () => {
    await begin('first');
    const busy = { code: 'disk.busy' };
    await expect(disks().beginRestore('disk-1', 'second')).rejects.toMatchObject(busy);
    await expect(disks().finishRestore('disk-1', 'second')).rejects.toMatchObject(busy);
    await disks().abandonRestore('disk-1', 'second');
    expect((await disks().describe('disk-1')).status).toBe('restoring');
    await expect(disks().write('disk-1', 0, filled(1, 1))).rejects.toMatchObject(busy);
    await expect(disks().resize('disk-1', 1)).rejects.toMatchObject(busy);
    await expect(disks().deleteDisk('disk-1')).rejects.toMatchObject(busy);
  });

  it('refuses an attempt that lost the disk, and its late writes reach nobody', async () => {
    await begin('first');
    await disks().writeBlocks('first', 0, filled(BLOCK_BYTES, 1));
    await disks().abandonRestore('disk-1', 'first');
    await begin('second');
    const closed = { code: 'disk.content-closed' };
    await expect(disks().writeBlocks('first', 0, filled(BLOCK_BYTES, 1))).rejects.toMatchObject(
      closed,
    );
    await expect(disks().sealContent('first')).rejects.toMatchObject(closed);
    await disks().sealContent('second');
    await disks().finishRestore('disk-1', 'second');
    await expect(disks().finishRestore('disk-1', 'first')).rejects.toMatchObject({
      code: 'disk.busy',
    });
    await expect(disks().writeBlocks('second', 0, filled(BLOCK_BYTES, 1))).rejects.toMatchObject(
      closed,
    );
    expectBytes(await content(), filled(sizeBytes, 0));
  });

  it('does not give a disk to an attempt that has ended there', async () => {
    await begin('first');
    await disks().abandonRestore('disk-1', 'first');
    await expect(disks().beginRestore('disk-1', 'first')).rejects.toMatchObject({
      code: 'disk.busy',
    });
    await begin('second');
    await disks().sealContent('second');
    await disks().finishRestore('disk-1', 'second');
    await disks().beginRestore('disk-1', 'second');
    expect((await disks().describe('disk-1')).status).toBe('available');
  });

  it('swaps in only what is sealed, and fits', async () => {
    await begin('attempt');
    const invalid = { code: 'disk.invalid' };
    await expect(disks().finishRestore('disk-1', 'attempt')).rejects.toMatchObject(invalid);
    await disks().abandonRestore('disk-1', 'attempt');
    await disks().beginRestore('disk-1', 'bigger');
    await disks().startContent({ attemptId: 'bigger', sizeBytes: sizeBytes + 1 });
    await disks().sealContent('bigger');
    await expect(disks().finishRestore('disk-1', 'bigger')).rejects.toMatchObject(invalid);
  });

  it('keeps the old content when a restore is abandoned', async () => {
    await disks().write('disk-1', 0, filled(sizeBytes, 9));
    await begin('attempt');
    await disks().writeBlocks('attempt', 0, filled(BLOCK_BYTES, 1));
    await disks().sealContent('attempt');
    await disks().abandonRestore('disk-1', 'attempt');
    expect((await disks().describe('disk-1')).status).toBe('available');
    expectBytes(await content(), filled(sizeBytes, 9));
  });

  it('leaves a new disk in error when its restore is abandoned', async () => {
    await disks().createDisk({ id: 'new', name: 'n', sizeBytes: 5, availabilityZone: 'az' });
    await disks().beginRestore('new', 'attempt');
    await disks().abandonRestore('new', 'attempt');
    expect((await disks().describe('new')).status).toBe('error');
    await disks().beginRestore('new', 'next');
    expect((await disks().describe('new')).status).toBe('restoring');
    await disks().abandonRestore('new', 'next');
    expect((await disks().describe('new')).status).toBe('error');
  });

  it('fills a new disk', async () => {
    await disks().createDisk({ id: 'new', name: 'n', sizeBytes: 5, availabilityZone: 'az' });
    await disks().beginRestore('new', 'attempt');
    await disks().startContent({ attemptId: 'attempt', sizeBytes: 5 });
    await disks().writeBlocks('attempt', 0, filled(BLOCK_BYTES, 8));
    await disks().sealContent('attempt');
    await disks().finishRestore('new', 'attempt');
    expect((await disks().describe('new')).status).toBe('available');
    expectBytes(await disks().read('new', 0, 5), filled(5, 8));
  });

  it('does not change a snapshot by a restore', async () => {
    await disks().write('disk-1', 0, filled(sizeBytes, 9));
    const { id } = await disks().createSnapshot('disk-1', 't');
    await begin('attempt');
    await disks().writeBlocks('attempt', 0, filled(BLOCK_BYTES, 1));
    await disks().sealContent('attempt');
    await disks().finishRestore('disk-1', 'attempt');
    const blocks = await disks().readBlocks(id, all);
    expectBytes(blocks, padded(filled(sizeBytes, 9), count * BLOCK_BYTES));
    const after = await disks().createSnapshot('disk-1', 'after');
    const changed = (await disks().changedBlocks(id, after.id, all)) ?? [];
    for (let block = 0; block < count; block++) expect(isCovered(changed, block)).toBe(true);
  });

  it.each([
    [0, BLOCK_BYTES - 1],
    [count, BLOCK_BYTES],
    [-1, BLOCK_BYTES],
    [0.5, BLOCK_BYTES],
  ])('refuses to write at block %d %d bytes', async (from, lengthBytes) => {
    await begin('attempt');
    await expect(
      disks().writeBlocks('attempt', from, filled(lengthBytes, 1)),
    ).rejects.toMatchObject({ code: 'disk.invalid' });
  });

  it('keeps the size of a started content', async () => {
    await begin('attempt');
    await expect(
      disks().startContent({ attemptId: 'attempt', sizeBytes: sizeBytes + 1 }),
    ).rejects.toMatchObject({ code: 'disk.invalid' });
  });
}
