import { expect, it } from '@jest/globals';
import { smallWorld, writeBlock } from '../support/data-scenario.ts';
import {
  backUp,
  beginBackup,
  bindDisk,
  DISK,
  PROJECT,
  plainContext,
  restoreNew,
  runJob,
  verify,
} from '../support/data-world.ts';

const TIB = 2 ** 40;

const sparseWorld = async (sizeBytes: number, rangeSegments: number) => {
  const world = await smallWorld();
  world.ports.settings = { ...world.ports.settings, rangeSegments };
  await world.disks.addDisk({ id: DISK, name: 'disk', sizeBytes });
  await bindDisk(world);
  return world;
};

it('a disk of 3 TiB goes slice by slice, there and back', async () => {
  const world = await sparseWorld(3 * TIB + 5, 256);
  const blocks = [0, 1024 * 2048 - 1, 1024 * 2048, 2500 * 2048 + 3];
  for (const n of blocks) await writeBlock(world, n, `block ${n}`);
  const { backupId, event } = await beginBackup(world);
  const slices: unknown[] = [];
  const context = plainContext(world.ports);
  await runJob('backup', event, world.ports, {
    ...context,
    map: async (name, items, concurrency, each) => {
      if (name === 'slices') slices.push(...items);
      return context.map(name, items, concurrency, each);
    },
  });
  expect(slices).toEqual([
    { from: 0, to: 1024 },
    { from: 1024, to: 2048 },
    { from: 2048, to: 3072 },
    { from: 3072, to: 3073 },
  ]);
  expect(await verify(world, backupId)).toMatchObject({
    status: 'success',
    outcome: { checkedBlocks: blocks.length },
  });
  const { diskId, task } = await restoreNew(world, backupId);
  expect(task.status).toBe('success');
  for (const n of blocks) {
    const [found, expected] = await Promise.all(
      [diskId, DISK].map((id) => world.disks.read(id, n * 2 ** 19, 2 ** 19)),
    );
    expect(Buffer.compare(found!, expected!)).toBe(0);
  }
}, 60_000);

it('a disk of 64 TiB is backed up, and its zeros cost no object', async () => {
  const world = await sparseWorld(64 * TIB, 1024);
  await writeBlock(world, 5, 'begin');
  await writeBlock(world, 65_535 * 2048, 'last segment');
  const { id, status, stats } = await backUp(world);
  expect(status).toBe('available');
  expect(stats).toMatchObject({ newBytes: 2 ** 20, zeroBytes: 64 * TIB - 2 ** 20 });
  const segments = [...world.objects.objects.keys()].filter((key) => key.includes('/segments/'));
  expect(segments).toHaveLength(2);
  expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
  expect(await world.ports.catalog.backups.get(PROJECT, id)).toMatchObject({ root: 'VISIBLE' });
}, 60_000);
