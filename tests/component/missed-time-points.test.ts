import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { HOUR_MS } from '../../lib/model/duration.ts';
import { PATIENCE_MS, runPolicies } from '../../lib/service/run-policies.ts';
import { finishBackup, PROJECT } from '../support/api.ts';
import { all } from '../support/catalog-assertions.ts';
import {
  AT_TWO,
  backupsOf,
  HOURLY,
  MINUTE_MS,
  missedTasks,
  NOTHING,
  scene,
} from '../support/policy-scene.ts';

describe('a time point that cannot be run', () => {
  it('fails in a full vault, with a task that says so, and runs again once there is room', async () => {
    const given = await scene(HOURLY);
    const { world, vaultId } = given;
    world.clock.advance(HOUR_MS);
    await runPolicies(world);
    const [first] = await backupsOf(given);
    await finishBackup(world, first!.id, { storedBytes: 100 * 2 ** 30 });
    world.clock.advance(HOUR_MS);
    expect((await runPolicies(world)).failed).toEqual([vaultId]);
    expect(await missedTasks(given)).toMatchObject([
      { status: 'failed', failure: { code: 'BackupService.6114' }, disk: { id: given.diskIds[0] } },
    ]);
    await world.call('PUT', `/vaults/${vaultId}`, { vault: { billing: { size: 200 } } });
    world.clock.advance(HOUR_MS);
    expect((await runPolicies(world)).started).toEqual([vaultId]);
  });

  it('fails in a vault that is not available, and in one without disks', async () => {
    const locked = await scene(HOURLY);
    const vault = await locked.world.catalog.vaults.get(PROJECT, locked.vaultId);
    await locked.world.catalog.vaults.update({ ...vault, status: 'frozen' });
    const empty = await scene(HOURLY, 0);
    for (const [given, code] of [
      [locked, 'BackupService.6113'],
      [empty, 'BackupService.0001'],
    ] as const) {
      given.world.clock.advance(HOUR_MS);
      expect((await runPolicies(given.world)).failed).toEqual([given.vaultId]);
      expect(given.world.probe.problems.at(-1)).toMatchObject({
        event: 'policy.run-missed',
        error: { code },
      });
      expect(await runPolicies(given.world)).toEqual(NOTHING);
    }
  });

  it('waits for the end of an outage, and keeps no other vault waiting', async () => {
    const given = await scene(HOURLY);
    const { world, vaultId, policyId, diskIds } = given;
    const other = await world.addVault([await world.addDisk()], { backup_policy_id: policyId });
    const describeDisk = world.disks.describe.bind(world.disks);
    world.disks.describe = async (id) => {
      if (id !== diskIds[0]) return describeDisk(id);
      throw new HoldfastError('disk.unavailable', { id, operation: 'describe' });
    };
    world.clock.advance(HOUR_MS);
    expect((await runPolicies(world)).started).toEqual([other]);
    expect(await backupsOf(given)).toHaveLength(1);
    world.disks.describe = describeDisk;
    world.clock.advance(10 * MINUTE_MS);
    expect((await runPolicies(world)).started).toEqual([vaultId]);
  });

  it('leaves out what stays unreachable for half an hour, but not all disks', async () => {
    const given = await scene(AT_TWO, 2);
    const { world, vaultId, diskIds } = given;
    const describeDisk = world.disks.describe.bind(world.disks);
    let unreachable = diskIds.slice(0, 1);
    world.disks.describe = async (id) => {
      if (!unreachable.includes(id)) return describeDisk(id);
      throw new HoldfastError('disk.unavailable', { id, operation: 'describe' });
    };
    world.clock.advance(2 * HOUR_MS);
    for (let waitedMs = 0; waitedMs <= PATIENCE_MS; waitedMs += 10 * MINUTE_MS) {
      expect(await runPolicies(world)).toEqual(NOTHING);
      world.clock.advance(10 * MINUTE_MS);
    }
    unreachable = diskIds;
    expect(await runPolicies(world)).toEqual(NOTHING);
    world.clock.advance(10 * MINUTE_MS);
    unreachable = diskIds.slice(0, 1);
    expect((await runPolicies(world)).started).toEqual([vaultId]);
    expect(await backupsOf(given)).toMatchObject([{ disk: { id: diskIds[1] } }]);
    expect(await missedTasks(given)).toMatchObject([
      { status: 'failed', failure: { code: 'BackupService.7003' }, disk: { id: diskIds[0] } },
    ]);
  });

  it('frees vaults whose policy is gone, and forgets those that are gone', async () => {
    const given = await scene(HOURLY);
    const { world, vaultId, policyId } = given;
    await world.catalog.policies.delete(PROJECT, policyId);
    expect(await runPolicies(world)).toEqual(NOTHING);
    expect(await world.catalog.policies.appliedTo(PROJECT, vaultId)).toEqual([]);

    const empty = await scene(HOURLY, 0);
    await empty.world.catalog.vaults.delete(PROJECT, empty.vaultId);
    empty.world.clock.advance(HOUR_MS);
    expect(await runPolicies(empty.world)).toEqual(NOTHING);
    expect(await all(empty.world.catalog.policies.applied())).toEqual([]);
    expect(empty.world.probe.problems).toEqual([]);
  });
});
