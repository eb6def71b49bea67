import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { moveClock } from '../../../lib/adapters/local/file-clock.ts';
import { clockFile } from '../../../local/home.ts';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';
import { sleep } from '../../support/local-mode.ts';

/** Policies that run by themselves (spec sections 2.12 and 4.2), as a caller sees them. */

const TEST_MS = 180_000;
const MIB = 2 ** 20;
const DAILY = 'FREQ=DAILY;BYHOUR=02;BYMINUTE=00';
const HOURLY = 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=12,13,14,15,16;BYMINUTE=30';
/** The schedule is a minute's; its function may be busy with others. */
const SCHEDULE_MS = 90_000;

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

const deletePolicy = (id: string) => world.client.call('DELETE', `policies/${id}`);

it(
  'FP1: a policy backs up at its time point by itself, once, and not before',
  async () => {
    const disk = await world.addDisk(randomBytes(MIB), 'database');
    const vault = await world.addVault([disk]);
    const policy = await world.protect(vault, DAILY, { max_backups: 7 });
    await world.moveTo('2026-08-04T01:58:00Z');
    await world.fire('run-policies');
    expect(await world.backups()).toEqual([]);

    // Nobody fires anything from here: the schedule does.
    await world.moveTo('2026-08-04T02:00:00Z');
    const deadline = performance.now() + SCHEDULE_MS;
    while ((await world.backups()).length === 0 && performance.now() < deadline) await sleep(250);
    await world.settled();
    const [backup, ...others] = await world.backups();
    expect(others).toEqual([]);
    expect(backup).toMatchObject({
      name: expect.stringMatching(/^autobk_[0-9a-f]{4}$/),
      status: 'available',
      resource_id: disk,
      extend_info: { auto_trigger: true },
    });
    expect(backup?.created_at).toMatch(/^2026-08-04T02:0/);
    // However often it is looked at, a time point is run once.
    await Promise.all([world.fire('run-policies'), world.fire('run-policies')]);
    await world.settled();
    expect(await world.tasks()).toMatchObject([
      { operation_type: 'backup', status: 'success', policy_id: policy },
    ]);
    await deletePolicy(policy);
  },
  TEST_MS,
);

it(
  'FP3: all disks of a vault are backed up together, by hand and by policy',
  async () => {
    const contents = [1, 2, 3].map(() => randomBytes(MIB));
    const disks: string[] = [];
    for (const bytes of contents) disks.push(await world.addDisk(bytes));
    const vault = await world.addVault(disks);
    const { checkpoint } = await world.client.call<{ checkpoint: { id: string } }>(
      'POST',
      'checkpoints',
      { checkpoint: { vault_id: vault, parameters: { name: 'by-hand' } } },
    );
    const policy = await world.protect(vault, DAILY);
    await world.moveTo('2026-08-05T02:00Z');
    await world.fire('run-policies');
    await world.settled();

    const made = await world.backups(`&vault_id=${vault}`);
    const byCheckpoint = Map.groupBy(made, (backup) => backup.checkpoint_id);
    expect(byCheckpoint.size).toBe(2);
    const byHand = byCheckpoint.get(checkpoint.id) ?? [];
    expect(byHand.map(({ name }) => name).toSorted()).toEqual([
      'by-hand-0001',
      'by-hand-0002',
      'by-hand-0003',
    ]);
    const [automatic = []] = [...byCheckpoint.values()].filter((one) => one !== byHand);
    const names = automatic.map(({ name }) => name).toSorted();
    const base = names[0]?.slice(0, -5);
    expect(base).toMatch(/^autobk_[0-9a-f]{4}$/);
    expect(names).toEqual(['0001', '0002', '0003'].map((number) => `${base}-${number}`));
    for (const backups of byCheckpoint.values())
      expect(new Set(backups.map((one) => one.resource_id))).toEqual(new Set(disks));
    for (const { id, resource_id: disk } of automatic)
      expect(contents[disks.indexOf(disk)]?.equals(await world.restored(id))).toBe(true);
    await deletePolicy(policy);
  },
  TEST_MS,
);

it(
  'FP5: whoever takes a policy off stops it; what runs completes',
  async () => {
    const disk = await world.addDisk(randomBytes(MIB));
    const vault = await world.addVault([disk]);
    const shown = () => world.days(`&vault_id=${vault}`);
    const running = async () =>
      (await world.tasks(`&vault_id=${vault}`)).filter(({ status }) => status !== 'success');

    // Disabled while its task runs.
    const policy = await world.protect(vault, HOURLY);
    await world.moveTo('2026-08-05T12:30Z');
    await world.mode.pausing('s3', async () => {
      await world.fire('run-policies');
      await world.changePolicy(policy, { enabled: false });
      expect(await running()).toHaveLength(1);
    });
    await world.moveTo('2026-08-05T13:30Z');
    await world.fire('run-policies');
    expect(await shown()).toEqual(['08-05T12:30']);

    // Enabled again: what was missed meanwhile is not made up for. Then taken off while it runs.
    await world.changePolicy(policy, { enabled: true });
    await world.fire('run-policies');
    expect(await shown()).toEqual(['08-05T12:30']);
    await world.disks.write(disk, 0, randomBytes(MIB));
    await world.moveTo('2026-08-05T14:30Z');
    await world.mode.pausing('s3', async () => {
      await world.fire('run-policies');
      const off = { policy_id: policy };
      await world.client.call('POST', `vaults/${vault}/dissociatepolicy`, off);
      expect(await running()).toHaveLength(1);
    });
    await world.moveTo('2026-08-05T15:30Z');
    await world.fire('run-policies');
    await world.settled();
    expect(await shown()).toEqual(['08-05T12:30', '08-05T14:30']);
    for (const { status } of await world.backups(`&vault_id=${vault}`))
      expect(status).toBe('available');
    await deletePolicy(policy);
  },
  TEST_MS,
);

it(
  'a time point at which a backup still runs is skipped, and a task says so',
  async () => {
    const disk = await world.addDisk(randomBytes(MIB));
    const vault = await world.addVault([disk]);
    const policy = await world.protect(vault, HOURLY);
    await world.moveTo('2026-08-06T12:29:50Z');
    await world.mode.pausing('s3', async () => {
      await world.client.startBackup(vault, disk);
      await moveClock(clockFile(world.mode.home), 20_000);
      await world.fire('run-policies');
    });
    await world.settled();
    await world.fire('run-policies');
    expect(await world.tasks(`&vault_id=${vault}&status=skipped`)).toMatchObject([
      { policy_id: policy, error_info: { code: 'BackupService.6125' } },
    ]);
    await world.moveTo('2026-08-06T13:30Z');
    await world.fire('run-policies');
    await world.settled();
    expect(await world.days(`&vault_id=${vault}`)).toEqual(['08-06T12:29', '08-06T13:30']);
    await deletePolicy(policy);
  },
  TEST_MS,
);
