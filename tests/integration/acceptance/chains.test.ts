import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';
import { sleep } from '../../support/local-mode.ts';

/** Chains of backups (spec section 2.9 and 2.10), as a caller of the API sees them. */

const TEST_MS = 180_000;
const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const COLLECTED_MS = 60_000;

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

/** A disk of some MiB of noise in a vault of its own. */
const protectedDisk = async (mib: number) => {
  const bytes = randomBytes(mib * MIB);
  const diskId = await world.addDisk(bytes);
  const vaultId = await world.addVault([diskId]);
  const change = async (atMib: number, change: Uint8Array): Promise<Buffer> => {
    bytes.set(change, atMib * MIB);
    await world.disks.write(diskId, atMib * MIB, change);
    return Buffer.from(bytes);
  };
  return { bytes: Buffer.from(bytes), diskId, vaultId, change };
};

const remove = (backupId: string) => world.client.call('DELETE', `backups/${backupId}`);

/**
 * Lets the days pass in which deleted backups can be taken back, and then the scheduled collection,
 * until the vault uses at most `usedMb`; gives what it uses once there is nothing left to free.
 */
const collected = async (vaultId: string, usedMb: number): Promise<number> => {
  await world.moveTo(world.nowMs() + 8 * DAY_MS);
  await world.fire('start-collections');
  const deadline = performance.now() + COLLECTED_MS;
  while ((await world.usedMb(vaultId)) > usedMb && performance.now() < deadline) await sleep(100);
  expect(await world.run('collect', vaultId)).not.toHaveProperty('blocked');
  return world.usedMb(vaultId);
};

it(
  'FC1: each backup restores alone, whichever are deleted, and the first after all is full',
  async () => {
    const { bytes: asA, diskId, vaultId, change } = await protectedDisk(16);
    const a = await world.backUp(vaultId, diskId);
    const asB = await change(0, randomBytes(12 * MIB));
    const b = await world.backUp(vaultId, diskId);
    const asC = await change(12, randomBytes(4 * MIB));
    const c = await world.backUp(vaultId, diskId);
    expect([a, b, c].map(({ outcome }) => outcome.newBytes / MIB)).toEqual([16, 12, 4]);
    expect((await world.backups(`&vault_id=${vaultId}`)).map((one) => one.incremental)).toEqual([
      false,
      true,
      true,
    ]);
    expect(await world.usedMb(vaultId)).toBe(33);
    expect(asA.equals(await world.restored(a.id))).toBe(true);

    // What A had at 0 to 12 is in no other backup; at 12 to 16 is in B too.
    await remove(a.id);
    expect(await collected(vaultId, 21)).toBe(21);
    expect(asB.equals(await world.restored(b.id))).toBe(true);
    expect(asC.equals(await world.restored(c.id))).toBe(true);

    await remove(b.id);
    expect(await collected(vaultId, 17)).toBe(17);
    expect(asC.equals(await world.restored(c.id))).toBe(true);

    await remove(c.id);
    expect(await collected(vaultId, 0)).toBe(0);
    const next = await world.backUp(vaultId, diskId);
    expect(next.outcome).toMatchObject({ newBytes: 16 * MIB, unchangedBytes: 0 });
    const [shown] = await world.backups(`&vault_id=${vaultId}`);
    expect(shown).toMatchObject({ id: next.id, incremental: false });
    expect(asC.equals(await world.restored(next.id))).toBe(true);
  },
  TEST_MS,
);

it(
  'FC4: deleted files are backed up as long as their blocks are not zero',
  async () => {
    // 8 MiB of files behind 1 MiB of a file system's own; deleting them changes that one alone.
    const { diskId, vaultId, change } = await protectedDisk(9);
    const full = await world.backUp(vaultId, diskId);
    const usedMb = await world.usedMb(vaultId);
    const withoutFiles = await change(0, randomBytes(MIB));
    const deleted = await world.backUp(vaultId, diskId);
    expect(deleted.outcome).toMatchObject({ newBytes: MIB, unchangedBytes: 8 * MIB, zeroBytes: 0 });
    expect(await world.usedMb(vaultId)).toBeGreaterThan(usedMb);

    const zeroed = await change(1, Buffer.alloc(8 * MIB));
    const after = await world.backUp(vaultId, diskId);
    expect(after.outcome).toMatchObject({ newBytes: 0, unchangedBytes: MIB, zeroBytes: 8 * MIB });
    for (const { id } of [full, deleted]) await remove(id);
    expect(await collected(vaultId, 2)).toBeLessThanOrEqual(2);
    expect(zeroed.equals(await world.restored(after.id))).toBe(true);
    expect(withoutFiles.equals(zeroed)).toBe(false);
  },
  TEST_MS,
);

it(
  'FC7: deleting backups frees only what no other backup needs, and not at once',
  async () => {
    const { diskId, vaultId, change } = await protectedDisk(16);
    const ids = [(await world.backUp(vaultId, diskId)).id];
    const contents: Buffer[] = [];
    for (let day = 1; day <= 4; day++) {
      contents.push(await change(2, randomBytes(2 * MIB)));
      ids.push((await world.backUp(vaultId, diskId)).id);
    }
    const usedMb = await world.usedMb(vaultId);
    // The first three: their 14 MiB that never changed are those of the last two as well.
    for (const id of ids.slice(0, 3)) await remove(id);
    expect(await world.usedMb(vaultId)).toBe(usedMb);
    const freedMb = usedMb - (await collected(vaultId, usedMb - 4));
    expect(freedMb).toBeGreaterThanOrEqual(4);
    expect(freedMb).toBeLessThanOrEqual(6);
    expect(contents[3]?.equals(await world.restored(ids[4] as string))).toBe(true);
    expect(contents[2]?.equals(await world.restored(ids[3] as string))).toBe(true);
  },
  TEST_MS,
);

it(
  'FK9: a deleted disk is made anew of its backups, which stay and are found by its id',
  async () => {
    const { bytes, diskId, vaultId, change } = await protectedDisk(4);
    const first = await world.backUp(vaultId, diskId);
    const changed = await change(1, randomBytes(MIB));
    const second = await world.backUp(vaultId, diskId);
    await world.run('disk', 'delete', diskId);

    const found = await world.backups(`&resource_id=${diskId}`);
    expect(found.map(({ id, status }) => [id, status])).toEqual([
      [first.id, 'available'],
      [second.id, 'available'],
    ]);
    expect(changed.equals(await world.restored(second.id))).toBe(true);
    expect(bytes.equals(await world.restored(first.id))).toBe(true);
    const anew = await world.client.startNewDisk(second.id, 'anew');
    await world.client.waitFor(anew.taskId);
    expect(changed.equals(await world.bytesOf(anew.diskId))).toBe(true);
    await world.client.addDisk(vaultId, anew.diskId);
    const { outcome } = await world.backUp(vaultId, anew.diskId);
    expect(outcome.newBytes).toBe(0);
  },
  TEST_MS,
);
