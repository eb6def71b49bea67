import { describe, expect, it } from '@jest/globals';
import { isIncremental } from '../../lib/model/backup.ts';
import { BLOCK_BYTES, SEGMENT_BYTES } from '../../lib/model/block.ts';
import {
  backUp,
  bindDisk,
  type DataWorld,
  DISK,
  dataWorld,
  PROJECT,
  restoreNew,
  verify,
} from '../support/data-world.ts';
import { randomBytesOf } from '../support/some-stored.ts';

const MIB = 2 ** 20;

const newDisk = async (world: DataWorld, sizeBytes: number, id = DISK) => {
  await world.disks.addDisk({ id, name: id, sizeBytes });
  await bindDisk(world, id);
};

const expectSame = async (world: DataWorld, a: string, expected: Uint8Array) => {
  const got = await world.disks.read(a, 0, expected.length);
  expect(Buffer.compare(got, expected)).toBe(0);
};

describe('a disk goes through a vault', () => {
  it('comes back byte for byte, sparse and with an odd tail', async () => {
    const world = await dataWorld();
    const sizeBytes = 20 * MIB + 12_345;
    await newDisk(world, sizeBytes);
    await world.disks.write(DISK, 3 * MIB, randomBytesOf('a', 5 * MIB));
    await world.disks.write(DISK, sizeBytes - 1000, randomBytesOf('tail', 1000));
    const original = await world.disks.read(DISK, 0, sizeBytes);
    const backup = await backUp(world);
    expect(backup).toMatchObject({ status: 'available', root: 'VISIBLE' });
    await world.disks.deleteDisk(DISK);
    const { diskId, task } = await restoreNew(world, backup.id);
    expect(task).toMatchObject({ status: 'success' });
    expect(await world.disks.describe(diskId)).toMatchObject({ status: 'available', sizeBytes });
    await expectSame(world, diskId, original);
    expect(await world.ports.catalog.backups.get(PROJECT, backup.id)).toMatchObject({
      status: 'available',
    });
  });

  it('stores zeros and holes not at all, and a repeated block once', async () => {
    const world = await dataWorld();
    await newDisk(world, 64 * MIB);
    const block = randomBytesOf('same', BLOCK_BYTES);
    for (let n = 0; n < 10; n++) await world.disks.write(DISK, n * 4 * MIB, block);
    await world.disks.write(DISK, 42 * MIB, new Uint8Array(2 * MIB));
    const { stats } = await backUp(world);
    expect(stats).toMatchObject({
      newBytes: BLOCK_BYTES,
      deduplicatedBytes: 9 * BLOCK_BYTES,
      unchangedBytes: 0,
      zeroBytes: 128 * BLOCK_BYTES - 10 * BLOCK_BYTES,
    });
    expect(stats?.storedBytes).toBeLessThan(2 * BLOCK_BYTES);
  });

  it('reads only what changed when change tracking can be trusted', async () => {
    const world = await dataWorld();
    await newDisk(world, 16 * MIB);
    await world.disks.write(DISK, 0, randomBytesOf('first', 16 * MIB));
    const first = await backUp(world);
    await world.disks.write(DISK, 5 * MIB, randomBytesOf('second', BLOCK_BYTES));
    const second = await backUp(world);
    expect(second.parentBackupId).toBe(first.id);
    expect([first, second].map(isIncremental)).toEqual([false, true]);
    expect(second.stats).toMatchObject({
      readBytes: BLOCK_BYTES,
      newBytes: BLOCK_BYTES,
      unchangedBytes: 31 * BLOCK_BYTES,
    });
    const original = await world.disks.read(DISK, 0, 16 * MIB);
    await expectSame(world, (await restoreNew(world, second.id)).diskId, original);
  });

  it('reads everything when the snapshot is gone, and stores only what changed', async () => {
    const world = await dataWorld();
    await newDisk(world, 8 * MIB);
    await world.disks.write(DISK, 0, randomBytesOf('first', 8 * MIB));
    const first = await backUp(world);
    world.disks.loseSnapshot(first.snapshotId ?? '');
    await world.disks.write(DISK, 0, randomBytesOf('second', BLOCK_BYTES));
    const { stats } = await backUp(world);
    expect(stats).toMatchObject({
      readBytes: 8 * MIB,
      newBytes: BLOCK_BYTES,
      unchangedBytes: 15 * BLOCK_BYTES,
    });
  });

  it('reads everything when a full backup is asked for', async () => {
    const world = await dataWorld();
    await newDisk(world, 4 * MIB);
    await world.disks.write(DISK, 0, randomBytesOf('first', 4 * MIB));
    await backUp(world);
    const { stats } = await backUp(world, DISK, false);
    expect(stats).toMatchObject({ readBytes: 4 * MIB, newBytes: 0, unchangedBytes: 4 * MIB });
  });

  it('finds blocks of another disk of the vault', async () => {
    const world = await dataWorld();
    await newDisk(world, 4 * MIB);
    await newDisk(world, 4 * MIB, 'disk-2');
    await world.disks.write(DISK, 0, randomBytesOf('shared', 4 * MIB));
    await world.disks.write('disk-2', 0, randomBytesOf('shared', 4 * MIB));
    await backUp(world);
    const { stats } = await backUp(world, 'disk-2');
    expect(stats).toMatchObject({ deduplicatedBytes: 4 * MIB, newBytes: 0 });
  });

  it.each([
    ['grows', 9 * MIB + 7],
    ['shrinks', 5 * MIB + 11],
  ])('stays incremental when the disk %s', async (_, sizeBytes) => {
    const world = await dataWorld();
    await newDisk(world, 7 * MIB + 100);
    await world.disks.write(DISK, 0, randomBytesOf('first', 7 * MIB + 100));
    await backUp(world);
    await world.disks.resize(DISK, sizeBytes);
    if (sizeBytes > 8 * MIB)
      await world.disks.write(DISK, sizeBytes - 50, randomBytesOf('end', 50));
    const original = await world.disks.read(DISK, 0, sizeBytes);
    const second = await backUp(world);
    expect(second.stats?.readBytes).toBeLessThanOrEqual(6 * BLOCK_BYTES);
    await expectSame(world, (await restoreNew(world, second.id)).diskId, original);
  });

  it('keeps only the newest snapshot of a disk', async () => {
    const world = await dataWorld();
    await newDisk(world, MIB);
    await backUp(world);
    const second = await backUp(world);
    const snapshots = await world.disks.listSnapshots(DISK);
    expect(snapshots.map(({ id }) => id)).toEqual([second.snapshotId]);
  });

  it('goes over several segments in several ranges and writes unchanged segments once', async () => {
    const world = await dataWorld();
    await newDisk(world, 3 * SEGMENT_BYTES + MIB);
    await world.disks.write(DISK, MIB, randomBytesOf('first segment', MIB));
    await world.disks.write(DISK, 3 * SEGMENT_BYTES, randomBytesOf('last segment', MIB));
    await backUp(world);
    const before = await segmentsOf(world);
    await world.disks.write(DISK, 3 * SEGMENT_BYTES, randomBytesOf('changed', BLOCK_BYTES));
    const second = await backUp(world);
    expect((await segmentsOf(world)).length - before.length).toBe(1);
    const { diskId } = await restoreNew(world, second.id);
    await expectSame(world, diskId, await world.disks.read(DISK, 0, 4 * MIB));
    const end = await world.disks.read(diskId, 3 * SEGMENT_BYTES, MIB);
    expect(Buffer.compare(end, await world.disks.read(DISK, 3 * SEGMENT_BYTES, MIB))).toBe(0);
  });
});

const segmentsOf = async (world: DataWorld): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of world.objects.list('v1/'))
    if (key.includes('/segments/')) keys.push(key);
  return keys;
};

describe('verify', () => {
  const damagedWorld = async () => {
    const world = await dataWorld();
    await newDisk(world, 8 * MIB);
    await world.disks.write(DISK, 0, randomBytesOf('data', 8 * MIB));
    const first = await backUp(world);
    await world.disks.write(DISK, 0, randomBytesOf('more', BLOCK_BYTES));
    const second = await backUp(world);
    const [pack] = await packsOf(world);
    return { world, first, second, pack: pack ?? '' };
  };

  it('finds a whole backup whole', async () => {
    const { world, second } = await damagedWorld();
    expect(await verify(world, second.id)).toMatchObject({
      status: 'success',
      outcome: { checkedBlocks: 16 },
    });
  });

  it('names a missing pack and all backups that need it; the next backup heals the disk', async () => {
    const { world, first, second } = await damagedWorld();
    const packs = await packsOf(world);
    const big = await largest(world, packs);
    const lost = world.objects.objects.get(big) ?? new Uint8Array();
    world.objects.objects.delete(big);
    const task = await verify(world, second.id);
    const packId = big.split('/').at(-1);
    expect(task).toMatchObject({ status: 'failed', failure: { code: 'Holdfast.Damaged' } });
    expect(task.outcome?.['damagedPacks']).toEqual([packId]);
    expect(new Set(task.outcome?.['affectedBackups'] as string[])).toEqual(
      new Set([first.id, second.id]),
    );
    for (const { id } of [first, second]) {
      expect(await world.ports.catalog.backups.get(PROJECT, id)).toMatchObject({ status: 'error' });
    }
    const original = await world.disks.read(DISK, 0, 8 * MIB);
    const healed = await backUp(world);
    expect(healed.status).toBe('available');
    expect(await verify(world, healed.id)).toMatchObject({ status: 'success' });
    await expectSame(world, (await restoreNew(world, healed.id)).diskId, original);
    // The lost object is brought back: whoever verifies next finds out.
    world.objects.objects.set(big, lost);
    expect(await verify(world, first.id)).toMatchObject({ status: 'success' });
    expect(await world.ports.catalog.packs.quarantined(world.vaultId)).toEqual([]);
    const whole = await world.ports.catalog.backups.get(PROJECT, first.id);
    expect(whole).toMatchObject({ status: 'available' });
  });
});

const packsOf = async (world: DataWorld): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of world.objects.list('v1/'))
    if (key.includes('/packs/')) keys.push(key);
  return keys;
};

const largest = async (world: DataWorld, keys: string[]): Promise<string> => {
  const sized = await Promise.all(
    keys.map(async (key) => ({ key, size: (await world.objects.head(key)).sizeBytes })),
  );
  return sized.toSorted((a, b) => b.size - a.size)[0]?.key ?? '';
};
