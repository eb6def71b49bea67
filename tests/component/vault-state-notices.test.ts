import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { noticeSchema } from '../../lib/runtime/notice-function.ts';
import { freezeVault } from '../../lib/service/freeze-vault.ts';
import { runPolicies } from '../../lib/service/run-policies.ts';
import { sweepRetention } from '../../lib/service/sweep-retention.ts';
import { type ApiWorld, apiWorld, finishBackup, PROJECT } from '../support/api.ts';
import { tasksIn } from '../support/listed.ts';

/** Spec section 3.2, smn_notify: what the sweep and time points tell of vaults. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const typesOf = (world: ApiWorld) =>
  world.notifier.sent
    .splice(0)
    .map(({ type, ...rest }) => ('lacks' in rest ? [type, ...rest.lacks] : [type]));

const addPolicy = async (world: ApiWorld): Promise<string> => {
  const { body } = await world.call('POST', '/policies', {
    policy: {
      name: 'nightly',
      operation_type: 'backup',
      trigger: { properties: { pattern: ['FREQ=DAILY;BYHOUR=02;BYMINUTE=00'] } },
      operation_definition: {},
    },
  });
  return (body as { policy: { id: string } }).policy.id;
};

describe('a vault that nothing backs up', () => {
  it('is told once, when it is a day old, and once that it is protected again', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault();
    await sweepRetention(world);
    expect(typesOf(world)).toEqual([]);
    world.clock.advance(DAY_MS);
    await sweepRetention(world);
    await sweepRetention(world);
    expect(typesOf(world)).toEqual([['vault.unprotected', 'enabled-policy', 'resources']]);

    const policyId = await addPolicy(world);
    await world.call('POST', `/vaults/${vaultId}/associatepolicy`, { policy_id: policyId });
    await sweepRetention(world);
    expect(typesOf(world)).toEqual([]);
    const resources = [{ id: await world.addDisk(), type: 'OS::Cinder::Volume' }];
    await world.call('POST', `/vaults/${vaultId}/addresources`, { resources });
    await sweepRetention(world);
    await sweepRetention(world);
    expect(typesOf(world)).toEqual([['vault.protected']]);

    await world.call('PUT', `/policies/${policyId}`, { policy: { enabled: false } });
    await sweepRetention(world);
    expect(typesOf(world)).toEqual([['vault.unprotected', 'enabled-policy']]);
  });

  it('is told later when it cannot be told now', async () => {
    const world = await apiWorld();
    await world.addVault();
    world.clock.advance(DAY_MS);
    const send = world.notifier.send.bind(world.notifier);
    world.notifier.send = async ({ id }) => {
      throw new HoldfastError('notifier.unavailable', { id });
    };
    await sweepRetention(world);
    world.notifier.send = send;
    await sweepRetention(world);
    expect(typesOf(world)).toHaveLength(1);
  });
});

describe('a time point that makes no backup', () => {
  /** A vault whose policy has come to its time point. */
  const atTwo = async (vault: object = {}, disks = 1) => {
    const world = await apiWorld();
    const diskIds = await Promise.all(Array.from({ length: disks }, () => world.addDisk()));
    const policyId = await addPolicy(world);
    const vaultId = await world.addVault(diskIds, { backup_policy_id: policyId, ...vault });
    world.clock.advance(2 * HOUR_MS);
    const fill = () => Object.assign(world.state.usage.get(vaultId)!, { usedBytes: 2 ** 40 });
    return { world, policyId, vaultId, fill };
  };

  it('is told with its code, as one notice for all disks, however often it is run', async () => {
    const { world, policyId, vaultId, fill } = await atTwo({}, 3);
    fill();
    const { policies } = world.catalog;
    const settle = policies.settle.bind(policies);
    policies.settle = async () => undefined;
    const pointMs = world.clock.nowMs();
    await runPolicies(world);
    policies.settle = settle;
    world.clock.advance(HOUR_MS);
    for (let minute = 0; minute < 3; minute++) await runPolicies(world);
    const [first, second, ...others] = world.notifier.sent;
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      type: 'vault.not-backed-up',
      vaultId,
      policyId,
      pointMs,
      code: 'BackupService.6114',
      message: expect.stringContaining('full'),
    });
    expect(second?.id).toBe(first?.id);
    expect(noticeSchema.parse(first)).toEqual(first);
  });

  it('is about the disks that it had not begun to back up when it died', async () => {
    const { world, vaultId, fill } = await atTwo({}, 2);
    const { backups } = world.catalog;
    const begin = backups.begin.bind(backups);
    let begun = 0;
    backups.begin = async (backup, task) => {
      if (begun++ > 0) throw new HoldfastError('catalog.unavailable', { operation: 'begin' });
      await begin(backup, task);
    };
    await runPolicies(world);
    fill();
    world.clock.advance(HOUR_MS);
    expect(await runPolicies(world)).toMatchObject({ failed: [vaultId] });
    const tasks = await tasksIn(world.catalog, PROJECT);
    expect(new Set(tasks.map(({ disk }) => disk.id)).size).toBe(2);
    expect(tasks.map(({ status }) => status).toSorted()).toEqual(['failed', 'waiting']);
    expect(world.notifier.sent).toHaveLength(1);
  });

  it('of one disk is told and logged for it, and the others are backed up', async () => {
    const { world, vaultId } = await atTwo({}, 3);
    const [gone, suspended] = await world.catalog.vaults.bindings(vaultId);
    await world.disks.deleteDisk(gone!.diskId);
    await world.catalog.vaults.setSuspended(suspended!, true);
    expect(await runPolicies(world)).toMatchObject({ started: [vaultId] });
    const tasks = await tasksIn(world.catalog, PROJECT);
    expect(tasks.map(({ status }) => status).toSorted()).toEqual(['failed', 'waiting']);
    const failed = tasks.find(({ status }) => status === 'failed');
    const { diskId } = gone!;
    expect(failed).toMatchObject({
      disk: { id: diskId },
      failure: { code: 'BackupService.7000', message: expect.stringContaining(diskId) },
    });
    expect(world.notifier.sent).toMatchObject([
      { type: 'backup.failed', id: failed!.id, diskId, code: 'BackupService.7000' },
    ]);
    expect(noticeSchema.parse(world.notifier.sent[0])).toEqual(world.notifier.sent[0]);
  });

  it.each(['create', 'settle'] as const)('is not run later, if %s fails', async (method) => {
    const { world, vaultId } = await atTwo({}, 2);
    const { backupIds } = await world.addCheckpoint(vaultId);
    const { tasks, policies } = world.catalog;
    const [create, settle] = [tasks.create.bind(tasks), policies.settle.bind(policies)];
    const fail = () => Promise.reject(new HoldfastError('catalog.unavailable', { operation: '' }));
    let calls = 0;
    if (method === 'create') tasks.create = (task) => (calls++ === 1 ? fail() : create(task));
    else policies.settle = (...args) => (calls++ === 0 ? fail() : settle(...args));
    await runPolicies(world);
    for (const id of backupIds) await finishBackup(world, id);
    world.clock.advance(HOUR_MS);
    expect(await runPolicies(world)).toMatchObject({ skipped: [vaultId] });
    const statuses = (await tasksIn(world.catalog, PROJECT)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual(['skipped', 'skipped', 'success', 'success']);
    expect(await runPolicies(world)).toMatchObject({ started: [], skipped: [] });
  });

  it('goes on when it was run without a disk', async () => {
    const { world, vaultId } = await atTwo({}, 2);
    const [gone] = await world.catalog.vaults.bindings(vaultId);
    await world.disks.deleteDisk(gone!.diskId);
    const { policies } = world.catalog;
    const settle = policies.settle.bind(policies);
    policies.settle = async () => undefined;
    await runPolicies(world);
    policies.settle = settle;
    world.clock.advance(HOUR_MS);
    expect(await runPolicies(world)).toMatchObject({ started: [vaultId], failed: [] });
    const types = new Set(world.notifier.sent.map(({ type }) => type));
    expect([...types]).toEqual(['backup.failed']);
  });

  it.each<
    [string, Parameters<typeof atTwo>, (given: Awaited<ReturnType<typeof atTwo>>) => unknown]
  >([
    ['those who do not want to know', [{ smn_notify: false }], ({ fill }) => fill()],
    ['the owner of a vault without disks', [{}, 0], () => {}],
    [
      'who is told each day that it is frozen',
      [],
      ({ world, vaultId }) => freezeVault({ projectId: PROJECT, vaultId, frozen: true }, world),
    ],
    [
      'who has suspended its disks',
      [],
      async ({ world, vaultId }) => {
        const [disk] = await world.catalog.vaults.bindings(vaultId);
        await world.catalog.vaults.setSuspended(disk!, true);
      },
    ],
    [
      'anybody when a backup goes on already',
      [],
      ({ world, vaultId }) => world.addCheckpoint(vaultId),
    ],
  ])('is not told to %s', async (_, vault, prepare) => {
    const given = await atTwo(...vault);
    await prepare(given);
    expect(await runPolicies(given.world)).toMatchObject({ started: [] });
    expect(given.world.notifier.sent).toEqual([]);
  });
});

describe('a frozen vault', () => {
  it('is told each day, and not to those who do not want to know', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault();
    const silent = await world.addVault([], { smn_notify: false });
    for (const id of [vaultId, silent])
      await freezeVault({ projectId: PROJECT, vaultId: id, frozen: true }, world);
    for (let sweep = 0; sweep < 6; sweep++) {
      await sweepRetention(world);
      world.clock.advance(8 * HOUR_MS);
    }
    const told = world.notifier.sent.map(({ type, vaultId: id }) => [type, id]);
    expect(told).toEqual([
      ['vault.frozen', vaultId],
      ['vault.frozen', vaultId],
    ]);
    expect(new Set(world.notifier.sent.map(({ id }) => id)).size).toBe(2);
  });
});
