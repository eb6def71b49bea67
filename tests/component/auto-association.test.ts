import { describe, expect, it } from '@jest/globals';
import { runPolicies } from '../../lib/service/run-policies.ts';
import { type ApiWorld, apiWorld, PROJECT } from '../support/api.ts';

/** Spec section 3.5: a vault with `auto_bind` takes in disks at its policy's time points. */

const GIB = 2 ** 30;
const HOUR_MS = 3_600_000;
const PROD = { key: 'env', value: 'prod' };

const addDisk = async (
  world: ApiWorld,
  sizeGib: number,
  tags: (typeof PROD)[] = [],
  id = world.ids.uuid(),
) => {
  await world.disks.addDisk({ id, name: `disk-${sizeGib}`, sizeBytes: sizeGib * GIB, tags });
  return id;
};

/** A vault with `auto_bind` whose policy runs at an hour of the day; the clock stands at 00:00. */
const addVault = async (world: ApiWorld, hour: number, more: object = {}, sizeGib = 100) => {
  const { body } = await world.call('POST', '/policies', {
    policy: {
      name: 'nightly',
      operation_type: 'backup',
      trigger: { properties: { pattern: [`FREQ=DAILY;BYHOUR=${hour};BYMINUTE=0`] } },
      operation_definition: {},
    },
  });
  const { id } = (body as { policy: { id: string } }).policy;
  const billing = { size: sizeGib };
  return world.addVault([], { auto_bind: true, backup_policy_id: id, billing, ...more });
};

const boundTo = async (world: ApiWorld, vaultId: string) =>
  (await world.catalog.vaults.bindings(vaultId)).map(({ diskId }) => diskId).toSorted();

describe('auto-association', () => {
  it('takes in disks that no vault has, at the time point, backs them up and tells so', async () => {
    const world = await apiWorld();
    const [free, taken] = [await addDisk(world, 3), await addDisk(world, 3)];
    await world.addVault([taken]);
    const vaultId = await addVault(world, 2);
    await runPolicies(world);
    expect(await boundTo(world, vaultId)).toEqual([]);
    world.clock.advance(2 * HOUR_MS);
    expect(await runPolicies(world)).toMatchObject({ started: [vaultId] });
    expect(await boundTo(world, vaultId)).toEqual([free]);
    expect(world.jobs.started).toHaveLength(1);
    expect(world.notifier.sent).toEqual([
      expect.objectContaining({
        type: 'vault.disks-associated',
        vaultId,
        disks: [{ id: free, name: 'disk-3' }],
      }),
    ]);
  });

  it('takes in only what matches one of its tags, when it names tags', async () => {
    const world = await apiWorld();
    const own = await addDisk(world, 3, [{ key: 'team', value: 'a' }, PROD]);
    await addDisk(world, 3, [{ key: 'env', value: 'test' }]);
    await addDisk(world, 3);
    const rules = { tags: [PROD, { key: 'env', value: 'live' }] };
    const vaultId = await addVault(world, 2, { bind_rules: rules });
    world.clock.advance(2 * HOUR_MS);
    await runPolicies(world);
    expect(await boundTo(world, vaultId)).toEqual([own]);
  });

  it('takes in disks while more than 40 GB are left, and only smaller ones than that', async () => {
    const world = await apiWorld();
    // Ascending by id: too large; 60, and 41 GB are left; 1, and 40 are left; no more.
    const sizes = [101, 60, 41, 1, 1];
    const ids = sizes.map((_, n) => `0d000000-0000-4000-8000-00000000000${n}`);
    for (const [n, size] of sizes.entries()) await addDisk(world, size, [], ids[n]);
    const vaultId = await addVault(world, 2, {}, 101);
    world.clock.advance(2 * HOUR_MS);
    await runPolicies(world);
    expect(await boundTo(world, vaultId)).toEqual([ids[1], ids[3]]);
  });

  it('gives a disk to the vault whose time point comes first', async () => {
    const world = await apiWorld();
    const disk = await addDisk(world, 3);
    const later = await addVault(world, 3);
    const earlier = await addVault(world, 2);
    for (let hour = 0; hour < 4; hour++) {
      world.clock.advance(HOUR_MS);
      await runPolicies(world);
    }
    expect(await boundTo(world, earlier)).toEqual([disk]);
    expect(await boundTo(world, later)).toEqual([]);
  });

  it('gives a disk to one vault when several come at once', async () => {
    const world = await apiWorld();
    const disk = await addDisk(world, 3);
    const vaults = [await addVault(world, 2), await addVault(world, 2)];
    world.clock.advance(2 * HOUR_MS);
    await runPolicies(world);
    const bound = await Promise.all(vaults.map((vaultId) => boundTo(world, vaultId)));
    expect(bound.flat()).toEqual([disk]);
  });

  it('takes nothing into a vault without auto_bind, and not what cannot be backed up', async () => {
    const world = await apiWorld();
    const disk = await addDisk(world, 3);
    const idle = await addVault(world, 2, { auto_bind: false });
    world.clock.advance(2 * HOUR_MS);
    await runPolicies(world);
    expect(await boundTo(world, idle)).toEqual([]);
    world.disks.setDisk(disk, { status: 'error' });
    const vaultId = await addVault(world, 4);
    world.clock.advance(2 * HOUR_MS);
    await runPolicies(world);
    expect(await boundTo(world, vaultId)).toEqual([]);
    expect(world.notifier.sent).toEqual([]);
  });

  it('tells nobody who does not want to know', async () => {
    const world = await apiWorld();
    const disk = await addDisk(world, 3);
    const vaultId = await addVault(world, 2, { smn_notify: false });
    world.clock.advance(2 * HOUR_MS);
    await runPolicies(world);
    expect(await boundTo(world, vaultId)).toEqual([disk]);
    expect(world.notifier.sent).toEqual([]);
    expect((await world.catalog.vaults.get(PROJECT, vaultId)).smnNotify).toBe(false);
  });
});
