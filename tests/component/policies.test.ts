import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { DAY_MS, HOUR_MS } from '../../lib/model/duration.ts';
import { applyRetentionToVault } from '../../lib/service/apply-retention.ts';
import { runPolicies } from '../../lib/service/run-policies.ts';
import { finishBackup, PROJECT } from '../support/api.ts';
import { all } from '../support/catalog-assertions.ts';
import {
  AT_TWO,
  backupsOf,
  finishAll,
  HOURLY,
  MINUTE_MS,
  missedTasks,
  NOTHING,
  type Scene,
  scene,
} from '../support/policy-scene.ts';

const timesOf = async (given: Scene) =>
  (await backupsOf(given)).map(({ createdAtMs }) => new Date(createdAtMs).toISOString()).toSorted();

describe('policies that run by themselves', () => {
  it('FP1: back up a vault at every time point of three days, looked at each minute', async () => {
    const given = await scene();
    for (let minute = 0; minute < 3 * 24 * 60; minute++) {
      await runPolicies(given.world);
      await finishAll(given);
      given.world.clock.advance(MINUTE_MS);
    }
    expect(await timesOf(given)).toEqual([
      '2026-01-01T02:00:00.000Z',
      '2026-01-02T02:00:00.000Z',
      '2026-01-03T02:00:00.000Z',
    ]);
    const [newest] = await backupsOf(given);
    expect(newest).toMatchObject({
      name: expect.stringMatching(/^autobk_[0-9a-f]{4}$/),
      autoTrigger: true,
      incremental: true,
      policyId: given.policyId,
    });
    const logs = await given.world.call('GET', '/operation-logs?operation_type=backup');
    expect(logs.body).toMatchObject({
      count: 3,
      operation_logs: [
        { policy_id: given.policyId },
        { policy_id: given.policyId },
        { policy_id: given.policyId },
      ],
    });
    expect(given.world.probe.problems).toEqual([]);
  });

  it('FP3: make one restore point of all disks of a vault, named in order', async () => {
    const given = await scene(AT_TWO, 3);
    given.world.clock.advance(2 * HOUR_MS);
    expect(await runPolicies(given.world)).toEqual({ ...NOTHING, started: [given.vaultId] });
    const backups = await backupsOf(given);
    expect(new Set(backups.map(({ checkpointId }) => checkpointId)).size).toBe(1);
    expect(backups.map(({ name }) => name.slice(-5)).toSorted()).toEqual([
      '-0001',
      '-0002',
      '-0003',
    ]);
    expect(given.world.jobs.started).toHaveLength(3);
  });

  it('FP4: keep without an end what no rule ends, and fix the end when there is one', async () => {
    const forever = await scene();
    const month = await scene(AT_TWO, 1, { retention_duration_days: 30 });
    for (const given of [forever, month]) {
      given.world.clock.advance(2 * HOUR_MS);
      await runPolicies(given.world);
    }
    expect((await backupsOf(forever))[0]).not.toHaveProperty('expiresAtMs');
    const [backup] = await backupsOf(month);
    expect(backup!.expiresAtMs).toBe(backup!.createdAtMs + 30 * DAY_MS);
    const { body } = await month.world.call('GET', `/checkpoints/${backup!.checkpointId}`);
    expect(body).toMatchObject({ checkpoint: { extra_info: { retention_duration: 30 } } });
  });

  it('FP5: stop when the policy is disabled, and make up for nothing when it is enabled', async () => {
    const given = await scene(HOURLY);
    const { world, policyId } = given;
    const enable = (enabled: boolean) =>
      world.call('PUT', `/policies/${policyId}`, { policy: { enabled } });
    await enable(false);
    world.clock.advance(5 * HOUR_MS + MINUTE_MS);
    expect(await runPolicies(world)).toEqual(NOTHING);
    await enable(true);
    expect(await runPolicies(world)).toEqual(NOTHING);
    world.clock.advance(HOUR_MS);
    expect((await runPolicies(world)).started).toEqual([given.vaultId]);
    expect(await timesOf(given)).toEqual(['2026-01-01T06:01:00.000Z']);
  });

  it.each(['dissociated', 'deleted'])(
    'FP5: stop when the policy is %s; the run completes',
    async (how) => {
      const given = await scene(HOURLY);
      const { world, vaultId, policyId } = given;
      world.clock.advance(HOUR_MS);
      await runPolicies(world);
      if (how === 'deleted') await world.call('DELETE', `/policies/${policyId}`);
      else await world.call('POST', `/vaults/${vaultId}/dissociatepolicy`, { policy_id: policyId });
      await finishAll(given);
      world.clock.advance(HOUR_MS);
      expect(await runPolicies(world)).toEqual(NOTHING);
      expect(await backupsOf(given)).toMatchObject([{ status: 'available' }]);
    },
  );

  it('run on the day of their making only what has not passed, then every so many days', async () => {
    const given = await scene('FREQ=DAILY;INTERVAL=3;BYHOUR=1,3;BYMINUTE=30');
    const { world, policyId } = given;
    for (let hour = 0; hour < 8 * 24; hour++) {
      // Changing other things does not move the days that are counted from.
      if (hour === 30) await world.call('PUT', `/policies/${policyId}`, { policy: { name: 'n' } });
      world.clock.advance(HOUR_MS);
      await runPolicies(world);
      await finishAll(given);
    }
    expect((await timesOf(given)).map((time) => time.slice(5, 13))).toEqual([
      '01-01T02',
      '01-01T04',
      '01-04T02',
      '01-04T04',
      '01-07T02',
      '01-07T04',
    ]);
  });

  it('are in UTC: a change of summer time anywhere moves nothing', async () => {
    const given = await scene();
    given.world.clock.advance(86 * DAY_MS);
    for (let hour = 0; hour < 4 * 24; hour++) {
      await runPolicies(given.world);
      await finishAll(given);
      given.world.clock.advance(HOUR_MS);
    }
    expect((await timesOf(given)).map((time) => time.slice(5, 16))).toEqual([
      '03-28T00:00', // made up for: 27 March at two has passed
      '03-28T02:00',
      '03-29T02:00',
      '03-30T02:00',
      '03-31T02:00',
    ]);
  });

  it.each([{}, { max_backups: 1 }])('make full backups now and then, under %j', async (rule) => {
    const given = await scene(AT_TWO, 1, { full_backup_interval: 2, ...rule });
    const { world, vaultId } = given;
    for (let day = 0; day < 7; day++) {
      world.clock.advance(DAY_MS);
      await runPolicies(world);
      // A committed backup has a parent unless it is full.
      for (const { id, status, incremental } of await backupsOf(given)) {
        if (status !== 'waiting_protect') continue;
        const parent = (await backupsOf(given)).find((one) => one.status === 'available');
        await finishBackup(world, id, incremental && parent ? { parentBackupId: parent.id } : {});
      }
      await applyRetentionToVault({ projectId: PROJECT, vaultId }, world);
    }
    const backups = (await all(world.catalog.backups.roots(vaultId))).map(
      ({ parentBackupId }) => parentBackupId === undefined,
    );
    expect(backups).toEqual([true, false, false, true, false, false, true]);
  });
});

describe('exactly one run for a time point', () => {
  it('under double delivery, at once and later', async () => {
    const given = await scene(HOURLY, 2);
    const { world, vaultId } = given;
    world.clock.advance(HOUR_MS);
    const runs = await Promise.all(Array.from({ length: 5 }, () => runPolicies(world)));
    expect(runs.flatMap(({ started }) => started)).toEqual([vaultId]);
    await finishAll(given);
    for (let again = 0; again < 3; again++) {
      expect(await runPolicies(world)).toEqual(NOTHING);
      world.clock.advance(10 * MINUTE_MS);
    }
    expect(await backupsOf(given)).toHaveLength(2);
    expect(await missedTasks(given)).toEqual([]);
  });

  it('skips a time point while a run of the vault is going, and logs it once', async () => {
    const given = await scene(HOURLY, 2);
    const { world, vaultId, policyId } = given;
    world.clock.advance(HOUR_MS);
    await runPolicies(world);
    // One disk is done, the other one is going.
    await finishBackup(world, (await backupsOf(given))[0]!.id);
    world.clock.advance(HOUR_MS);
    const runs = await Promise.all([runPolicies(world), runPolicies(world)]);
    expect(runs.flatMap(({ skipped }) => skipped)).toEqual([vaultId]);
    const tasks = await missedTasks(given);
    expect(tasks).toHaveLength(2);
    expect(tasks[0]).toMatchObject({
      type: 'backup',
      status: 'skipped',
      policyId,
      failure: { code: 'BackupService.6125' },
    });
    await finishAll(given);
    // Skipped, not queued.
    world.clock.advance(30 * MINUTE_MS);
    expect(await runPolicies(world)).toEqual(NOTHING);
    world.clock.advance(30 * MINUTE_MS);
    expect((await runPolicies(world)).started).toEqual([vaultId]);
    expect(await backupsOf(given)).toHaveLength(4);
  });

  it('gives way to a backup by hand', async () => {
    const given = await scene(HOURLY);
    await given.world.addCheckpoint(given.vaultId);
    given.world.clock.advance(HOUR_MS);
    expect((await runPolicies(given.world)).skipped).toEqual([given.vaultId]);
  });

  it('makes up once for time points that an outage missed', async () => {
    const given = await scene(HOURLY);
    const { world, vaultId } = given;
    world.clock.advance(10 * HOUR_MS + 20 * MINUTE_MS);
    expect((await runPolicies(world)).started).toEqual([vaultId]);
    expect(world.probe.notes).toContainEqual({
      event: 'policy.points-missed',
      facts: expect.objectContaining({ vaultId, missed: 9 }),
    });
    await finishAll(given);
    world.clock.advance(MINUTE_MS);
    expect(await runPolicies(world)).toEqual(NOTHING);
    world.clock.advance(39 * MINUTE_MS);
    expect((await runPolicies(world)).started).toEqual([vaultId]);
  });

  it('after an outage of years, too', async () => {
    const given = await scene('FREQ=DAILY;INTERVAL=30;BYHOUR=1;BYMINUTE=0');
    given.world.clock.advance(1000 * DAY_MS);
    expect((await runPolicies(given.world)).started).toEqual([given.vaultId]);
    expect(given.world.probe.problems).toEqual([]);
  });

  it('goes on after a crash with what was begun, and begins no backup twice', async () => {
    const given = await scene(HOURLY, 3);
    const { world, vaultId } = given;
    world.clock.advance(HOUR_MS);
    const { backups } = world.catalog;
    const begin = backups.begin.bind(backups);
    let begun = 0;
    backups.begin = async (backup, task) => {
      if (++begun === 2) throw new HoldfastError('catalog.unavailable', { operation: 'begin' });
      await begin(backup, task);
    };
    expect(await runPolicies(world)).toEqual(NOTHING);
    expect(world.probe.problems.at(-1)).toMatchObject({ event: 'policy.not-run' });
    expect(await backupsOf(given)).toHaveLength(2);
    await finishBackup(world, (await backupsOf(given))[0]!.id);
    // Nobody else touches it while the claim is alive.
    world.clock.advance(MINUTE_MS);
    expect(await runPolicies(world)).toEqual(NOTHING);
    world.clock.advance(10 * MINUTE_MS);
    expect((await runPolicies(world)).started).toEqual([vaultId]);
    const after = await backupsOf(given);
    expect(new Set(after.map(({ disk }) => disk.id)).size).toBe(3);
    expect(after).toHaveLength(3);
    expect(new Set(after.map(({ checkpointId }) => checkpointId)).size).toBe(1);
    expect(world.jobs.started).toHaveLength(3);
    expect(await missedTasks(given)).toEqual([]);
  });

  it('begins none twice when a late owner of the time point wakes up', async () => {
    const given = await scene(HOURLY);
    const { world, vaultId } = given;
    world.clock.advance(HOUR_MS);
    const { policies } = world.catalog;
    const settle = policies.settle.bind(policies);
    // The first run makes its restore point and sleeps before it settles the time point.
    policies.settle = async () => undefined;
    await runPolicies(world);
    await finishAll(given);
    world.clock.advance(10 * MINUTE_MS);
    policies.settle = settle;
    expect((await runPolicies(world)).started).toEqual([vaultId]);
    expect(await backupsOf(given)).toHaveLength(1);
    expect(world.jobs.started).toHaveLength(1);
  });
});
