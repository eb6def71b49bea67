import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';
import { sleep } from '../../support/local-mode.ts';

const TEST_MS = 300_000;
const MIB = 2 ** 20;

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

it(
  'FO4: a disk moves to another vault with its backups, which restore there',
  async () => {
    const contents: Buffer[] = [randomBytes(4 * MIB)];
    const disk = await world.addDisk(contents[0]!);
    const [from, to] = [await world.addVault([disk]), await world.addVault([])];
    await world.backUp(from, disk);
    await world.disks.write(disk, 0, randomBytes(MIB));
    contents.push(await world.bytesOf(disk));
    await world.backUp(from, disk);

    const request = { destination_vault_id: to, resource_ids: [disk] };
    await world.client.call('POST', `vaults/${from}/migrateresources`, request);
    const deadline = performance.now() + 120_000;
    while ((await world.backups(`&vault_id=${from}`)).length > 0) {
      if (performance.now() > deadline) throw new Error('The backups never leave.');
      await sleep(200);
    }
    await world.settled();
    const moved = await world.backups(`&vault_id=${to}`);
    expect(moved).toHaveLength(2);
    for (const [n, { id }] of moved.entries())
      expect((await world.restored(id)).equals(contents[n]!)).toBe(true);
    expect((await world.vault(to)).resources).toMatchObject([{ id: disk }]);
    const tasks = await world.tasks('&operation_type=sync');
    expect(tasks.map(({ status }) => status)).toEqual(['success', 'success']);
  },
  TEST_MS,
);
