import { randomBytes, randomFillSync, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';
import { sleep } from '../../support/local-mode.ts';

/** Quotas and full vaults (spec section 2.13), as a caller of the API sees them. */

const TEST_MS = 300_000;
const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const DAILY = 'FREQ=DAILY;BYHOUR=02;BYMINUTE=00';

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

const DISK = 'OS::Cinder::Volume';

describe('FO1: quotas', () => {
  it(
    'a vault holds 256 resources',
    async () => {
      const ids = Array.from({ length: 257 }, () => randomUUID());
      for (const id of ids) await world.disks.addDisk({ id, name: id, sizeBytes: MIB });
      const [last = '', ...first] = ids;
      const vault = await world.addVault(first.slice(0, 100));
      const add = (some: string[]) => {
        const resources = some.map((id) => ({ id, type: DISK }));
        return world.client.call('POST', `vaults/${vault}/addresources`, { resources });
      };
      await add(first.slice(100));
      expect((await world.vault(vault)).resources).toHaveLength(256);
      await expect(add([last])).rejects.toMatchObject({ code: 'BackupService.6100' });
      const resource_ids = first.slice(0, 1);
      await world.client.call('POST', `vaults/${vault}/removeresources`, { resource_ids });
      await add([last]);
      expect((await world.vault(vault)).resources).toHaveLength(256);
    },
    TEST_MS,
  );

  it(
    'a project has 32 backup policies, and a vault one of them; vaults have no quota',
    async () => {
      const policy = (name: string) => ({
        name,
        operation_type: 'backup',
        trigger: { properties: { pattern: [DAILY] } },
        operation_definition: {},
      });
      const create = async (name: string): Promise<string> => {
        const body = { policy: policy(name) };
        return (await world.client.call<{ policy: { id: string } }>('POST', 'policies', body))
          .policy.id;
      };
      const ids: string[] = [];
      for (let n = 0; n < 32; n++) ids.push(await create(`p${n}`));
      await expect(create('one-too-many')).rejects.toMatchObject({ code: 'BackupService.6001' });
      const [first = '', second = ''] = ids;
      const vault = await world.addVault([]);
      for (const policy_id of [first, second])
        await world.client.call('POST', `vaults/${vault}/associatepolicy`, { policy_id });
      const bound = await world.client.call<{ policies: { id: string }[] }>(
        'GET',
        `policies?vault_id=${vault}`,
      );
      expect(bound.policies.map(({ id }) => id)).toEqual([second]);
      for (const id of ids) await world.client.call('DELETE', `policies/${id}`);
      await world.client.call('DELETE', `policies/${await create('room-again')}`);

      for (let n = 0; n < 34; n++) await world.addVault([], { name: `v${n}` });
      expect(await world.client.call('GET', 'vaults?limit=1')).toMatchObject({ count: 36 });
    },
    TEST_MS,
  );
});

describe('a vault of 1 GB', () => {
  /** A disk that never changes, and a small one of which all changes, each time. */
  const LARGE_MIB = 1012;
  const SMALL_MIB = 8;
  let large: string;
  let small: string;
  let vault: string;

  /** A backup of the small disk, all of it new; its task must succeed. */
  const backUpSmall = async (): Promise<string> => {
    await world.disks.write(small, 0, randomBytes(SMALL_MIB * MIB));
    return (await world.backUp(vault, small)).id;
  };
  const change = (body: object) => world.client.call('PUT', `vaults/${vault}`, { vault: body });
  const resize = (size: number) => change({ billing: { size } });
  const full = { code: 'BackupService.6114' };

  /** Lets what was deleted be collected. */
  const collected = async (usedMb: number): Promise<void> => {
    await world.moveTo(world.nowMs() + 8 * DAY_MS);
    await world.fire('start-collections');
    const deadline = performance.now() + 60_000;
    while ((await world.usedMb(vault)) > usedMb && performance.now() < deadline) await sleep(100);
    expect(await world.usedMb(vault)).toBeLessThanOrEqual(usedMb);
  };

  beforeAll(async () => {
    large = randomUUID();
    const chunks = Array.from({ length: LARGE_MIB / 4 }, () => 4 * MIB);
    const source = Readable.from(chunks.map((bytes) => randomFillSync(Buffer.alloc(bytes))));
    await world.disks.importDisk({ id: large, name: 'large', source });
    small = await world.addDisk(randomBytes(SMALL_MIB * MIB), 'small');
    vault = await world.addVault([large, small]);
    await resize(1);
    await world.backUp(vault, large);
  }, TEST_MS);

  it(
    'FO5: is full: what runs completes beyond its size, what is new is refused; restores go on',
    async () => {
      const policy = await world.protect(vault, DAILY, { max_backups: 9 });
      await backUpSmall();
      expect(await world.usedMb(vault)).toBeLessThan(1024);
      const over = await backUpSmall();
      expect(await world.usedMb(vault)).toBeGreaterThan(1024);
      await expect(backUpSmall()).rejects.toMatchObject(full);
      await world.moveTo('2026-08-04T02:00Z');
      await world.fire('run-policies');
      const [task, ...others] = await world.tasks(`&vault_id=${vault}&status=failed`);
      expect(task).toMatchObject({ policy_id: policy, error_info: full });
      // One for each of its disks.
      expect(others).toHaveLength(1);
      expect(await world.restored(over)).toHaveLength(SMALL_MIB * MIB);
      await world.client.call('DELETE', `policies/${policy}`);
    },
    TEST_MS,
  );

  it(
    'FO4: is full: deleting backups makes room once they are collected',
    async () => {
      await expect(backUpSmall()).rejects.toMatchObject(full);
      const [oldest] = await world.backups(`&vault_id=${vault}&resource_id=${small}`);
      await world.client.call('DELETE', `backups/${oldest?.id}`);
      await collected(1024);
      await backUpSmall();
      await expect(backUpSmall()).rejects.toMatchObject(full);
    },
    TEST_MS,
  );

  it(
    'FO4: is full: expanding it makes room, and a shorter retention gives it back',
    async () => {
      await expect(backUpSmall()).rejects.toMatchObject(full);
      await resize(2);
      const policy = await world.protect(vault, DAILY, { max_backups: 3 });
      const manual = await world.backups(`&vault_id=${vault}&resource_id=${small}`);
      for (const { id } of manual) await world.client.call('DELETE', `backups/${id}`);
      for (let night = 0; night < 3; night++) {
        await world.disks.write(small, 0, randomBytes(SMALL_MIB * MIB));
        await world.passDays(1);
      }
      await world.changePolicy(policy, { operation_definition: { max_backups: 1 } });
      await world.passDays(1);
      const left = await world.backups(`&vault_id=${vault}&resource_id=${small}`);
      expect(left).toHaveLength(1);
      await world.client.call('DELETE', `policies/${policy}`);
      await collected(1024);
      await resize(1);
    },
    TEST_MS,
  );

  it(
    'FO4: is full: it expands by itself to 1.25 times its size where it may',
    async () => {
      await change({ auto_expand: true });
      await backUpSmall();
      expect(await world.usedMb(vault)).toBeGreaterThan(1024);
      expect((await world.vault(vault)).billing.size).toBe(1);
      await backUpSmall();
      // Whole GB.
      expect((await world.vault(vault)).billing.size).toBe(2);
    },
    TEST_MS,
  );
});
