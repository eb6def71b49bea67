import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import type { Backup } from '../../lib/model/backup.ts';
import type { Policy, RetentionRule } from '../../lib/model/policy.ts';
import { applyRetentionToVault } from '../../lib/service/apply-retention.ts';
import { createCheckpoint } from '../../lib/service/create-checkpoint.ts';
import { sweepRetention } from '../../lib/service/sweep-retention.ts';
import { bindDisk, DISK, dataWorld, PROJECT, runJob } from '../support/data-world.ts';
import { tasksIn } from '../support/listed.ts';
import { appliedOf, somePolicy } from '../support/policy-records.ts';
import { retentionRule } from '../support/retention-history.ts';

const DAY_MS = 86_400_000;
const CALLER = { projectId: PROJECT, userId: 'u', requestId: 'r' };

/** A vault with a disk and an applied policy, at 02:00 of January 1; all ports in memory. */
const scene = async (retention: RetentionRule, vaultChange: { locked?: boolean } = {}) => {
  const world = await dataWorld();
  const { catalog } = world.ports;
  await world.disks.addDisk({ id: DISK, name: 'disk', sizeBytes: 2 ** 20 });
  await bindDisk(world);
  const vault = await catalog.vaults.get(PROJECT, world.vaultId);
  await catalog.vaults.update({ ...vault, ...vaultChange });
  world.clock.advance(2 * 3_600_000);
  const nowMs = world.clock.nowMs();
  let policy = somePolicy({ projectId: PROJECT, retention, retentionSinceMs: nowMs });
  await catalog.policies.create(policy);
  await catalog.policies.apply({
    projectId: PROJECT,
    vaultId: vault.id,
    type: 'backup',
    policyId: policy.id,
    settledUntilMs: nowMs,
    appliedAtMs: nowMs,
  });

  /** What a time point, or a caller, starts; its jobs are run to their end. */
  const backUp = async (kind: 'automatic' | 'manual' = 'automatic') => {
    const autoTrigger = kind === 'automatic';
    const started = world.jobs.started.length;
    await createCheckpoint(
      {
        vaultId: vault.id,
        description: '',
        incremental: true,
        autoTrigger,
        ...(autoTrigger && { policy }),
      },
      CALLER,
      world.ports as never,
    );
    for (const { operationLogId } of world.jobs.started.slice(started))
      await runJob('backup', { projectId: PROJECT, operationLogId, attempt: 0 }, world.ports);
  };
  return {
    world,
    backUp,
    /** A backup a day; the clock goes on to the next day's 02:00. */
    daily: async (days: number) => {
      for (let n = 0; n < days; n++) {
        await backUp();
        world.clock.advance(DAY_MS);
      }
    },
    change: async (change: Partial<Policy>) => {
      const retentionSinceMs = world.clock.nowMs();
      policy = await catalog.policies.update({ ...policy, retentionSinceMs, ...change });
    },
    sweep: () => applyRetentionToVault({ projectId: PROJECT, vaultId: vault.id }, world.ports),
    /** The days of January of what a caller sees. */
    shown: async () =>
      (await visible(world)).map(({ createdAtMs }) => new Date(createdAtMs).getUTCDate()),
    backups: () => visible(world),
  };
};

const visible = ({ ports, vaultId }: Awaited<ReturnType<typeof dataWorld>>): Promise<Backup[]> =>
  Array.fromAsync(ports.catalog.backups.ofVault(vaultId));

describe('retention after each completed backup', () => {
  it('keeps the newest N automatic ones, and logs what it deletes', async () => {
    const { daily, shown, world } = await scene(retentionRule({ maxBackups: 3 }));
    await daily(5);
    expect(await shown()).toEqual([3, 4, 5]);
    const tasks = await tasksIn(world.ports.catalog, PROJECT);
    expect(tasks.filter(({ type }) => type === 'delete')).toMatchObject([
      { status: 'success', requestId: 'retention', disk: { id: DISK } },
      { status: 'success' },
    ]);
  });

  it('applies a changed number when a manual backup completes, and leaves manual ones', async () => {
    const { daily, shown, change, backUp } = await scene(retentionRule({ maxBackups: 3 }));
    await backUp('manual');
    await daily(3);
    await change({ retention: retentionRule({ maxBackups: 1 }) });
    expect(await shown()).toEqual([1, 1, 2, 3]);
    await backUp('manual');
    expect(await shown()).toEqual([1, 3, 4]);
  });

  it('deletes nothing while the policy is disabled, or when it is gone', async () => {
    const { daily, shown, change, backUp, world } = await scene(retentionRule({ maxBackups: 1 }));
    await change({ enabled: false });
    await daily(2);
    expect(await shown()).toEqual([1, 2]);
    const { policies } = world.ports.catalog;
    const [applied] = await policies.appliedTo(PROJECT, world.vaultId);
    await change({ enabled: true });
    await policies.delete(PROJECT, applied!.policyId);
    await backUp('manual');
    expect(await shown()).toEqual([1, 2, 3]);
  });

  it('acts on the disk that was backed up, and on no other', async () => {
    const { daily, world, change, backUp, backups } = await scene(retentionRule({ maxBackups: 2 }));
    await world.disks.addDisk({ id: 'disk-2', name: 'other', sizeBytes: 2 ** 20 });
    await bindDisk(world, 'disk-2');
    await daily(2);
    expect(await backups()).toHaveLength(4);
    await change({ retention: retentionRule({ maxBackups: 1 }) });
    await world.ports.catalog.vaults.unbind({
      projectId: PROJECT,
      vaultId: world.vaultId,
      diskId: 'disk-2',
    });
    await backUp();
    const left = (await backups()).map(({ disk, createdAtMs }) => [
      disk.id,
      new Date(createdAtMs).getUTCDate(),
    ]);
    expect(left).toEqual([
      ['disk-2', 1],
      ['disk-2', 2],
      ['disk-1', 3],
    ]);
  });

  it('does not fail the backup when a deletion fails', async () => {
    const { daily, backUp, sweep, world, shown } = await scene(retentionRule({ maxBackups: 1 }));
    await daily(1);
    const { backups } = world.ports.catalog;
    const real = { ...backups };
    Object.assign(backups, {
      hide: () => Promise.reject(new HoldfastError('catalog.unavailable', { operation: '' })),
    });
    await backUp();
    expect(world.probe.problems).toMatchObject([{ event: 'retention.not-deleted' }]);
    expect(await shown()).toEqual([1, 2]);
    Object.assign(backups, real);
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(await shown()).toEqual([2]);
  });
});

describe('the sweep of a vault', () => {
  it('deletes what has expired, also when the policy is disabled or gone', async () => {
    const { daily, shown, change, sweep, world } = await scene(retentionRule({ durationDays: 2 }));
    await daily(3);
    await change({ enabled: false });
    // 02:00 of January 4: the backup of the 1st expired on the 3rd.
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(await shown()).toEqual([2, 3]);
    world.clock.advance(6 * 3_600_000);
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
    const { policies } = world.ports.catalog;
    const [applied] = await policies.appliedTo(PROJECT, world.vaultId);
    await policies.unapply(PROJECT, world.vaultId, applied!.policyId);
    world.clock.advance(DAY_MS);
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    expect(await shown()).toEqual([]);
  });

  it('applies a changed number no sooner than the next backup does', async () => {
    const { daily, sweep, change, backUp, shown } = await scene(retentionRule({ maxBackups: 3 }));
    await daily(3);
    await change({ retention: retentionRule({ maxBackups: 1 }) });
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
    await backUp();
    expect(await shown()).toEqual([4]);
  });

  it('applies the rule of another policy no sooner than the next backup does', async () => {
    const { daily, sweep, backUp, shown, world } = await scene(retentionRule({ maxBackups: 3 }));
    const { policies } = world.ports.catalog;
    const retention = retentionRule({ maxBackups: 1 });
    const other = somePolicy({ projectId: PROJECT, retention, retentionSinceMs: 0 });
    await policies.create(other);
    await daily(3);
    const appliedAtMs = world.clock.nowMs();
    const vault = { id: world.vaultId, projectId: PROJECT };
    await policies.apply(appliedOf(vault, other, { appliedAtMs }));
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
    await backUp('manual');
    expect(await shown()).toEqual([3, 4]);
  });

  it('is when expired ones go, not the completion of a backup', async () => {
    const { daily, sweep, shown } = await scene(retentionRule({ durationDays: 1 }));
    await daily(4);
    expect(await shown()).toEqual([1, 2, 3, 4]);
    expect(await sweep()).toEqual({ deleted: 3, failed: 0 });
  });

  it('deletes what a locked vault lets nobody delete by hand, when its time has come', async () => {
    const { daily, shown, change, sweep, world } = await scene(retentionRule({ maxBackups: 2 }), {
      locked: true,
    });
    await daily(3);
    expect(await shown()).toEqual([2, 3]);
    await change({ retention: retentionRule({ maxBackups: 1 }) });
    await daily(1);
    expect(await shown()).toEqual([3, 4]);
    world.clock.advance(100 * DAY_MS);
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
  });

  it('keeps up with a vault of 256 disks and 24 backups of each a day: three sweeps suffice', async () => {
    const { daily, sweep, backups, world } = await scene(retentionRule({ durationDays: 1 }));
    await daily(1);
    const [backup] = await backups();
    world.clock.advance(3 * DAY_MS);
    const count = 256 * 24;
    const ofVault = async function* () {
      for (let n = 0; n < count; n++) yield { ...backup!, id: `b${n}` };
    };
    const hide = async () => undefined;
    Object.assign(world.ports.catalog.backups, { ofVault, hide });
    expect((await sweep()).deleted * 3).toBeGreaterThanOrEqual(count);
  });

  it('leaves alone what a person brought back', async () => {
    const { daily, sweep, world, backups, shown } = await scene(retentionRule({ durationDays: 1 }));
    await daily(1);
    const [first] = await backups();
    world.clock.advance(5 * DAY_MS);
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    const { garbage } = world.ports.catalog;
    await garbage.undelete(PROJECT, first!.id, world.clock.nowMs());
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
    expect(await shown()).toEqual([1]);
  });

  it('leaves a vault alone that is being deleted', async () => {
    const { daily, sweep, world } = await scene(retentionRule({ durationDays: 1 }));
    await daily(1);
    world.clock.advance(5 * DAY_MS);
    const { garbage, vaults } = world.ports.catalog;
    await vaults.unbind({ projectId: PROJECT, vaultId: world.vaultId, diskId: DISK });
    await garbage.startDeletingVault(PROJECT, world.vaultId, world.clock.nowMs());
    expect(await sweep()).toEqual({ deleted: 0, failed: 0 });
  });

  it('leaves one that is being restored for the next sweep, and deletes the others', async () => {
    const { daily, sweep, world, backups } = await scene(retentionRule({ durationDays: 1 }));
    await daily(2);
    world.clock.advance(5 * DAY_MS);
    const { catalog } = world.ports;
    const [first] = await backups();
    await catalog.backups.setStatus(PROJECT, first!.id, 'waiting_restore', { atMs: 0 });
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
    await catalog.backups.setStatus(PROJECT, first!.id, 'available', { atMs: 0 });
    expect(await sweep()).toEqual({ deleted: 1, failed: 0 });
  });
});

describe('the sweep of all vaults', () => {
  it('goes through every vault, also when one of them fails', async () => {
    const { daily, world, shown } = await scene(retentionRule({ durationDays: 1 }));
    await daily(1);
    world.clock.advance(5 * DAY_MS);
    const { vaults, garbage } = world.ports.catalog;
    const vault = await vaults.get(PROJECT, world.vaultId);
    const key = await vaults.key(vault.id, vault.keyId);
    for (const id of ['broken', 'empty']) {
      await vaults.create({ ...vault, id, revision: 1 }, { ...key, vaultId: id });
    }
    const ids = await Array.fromAsync(garbage.vaultIds());
    expect(ids.map(({ vaultId }) => vaultId).toSorted()).toEqual(
      ['broken', 'empty', vault.id].toSorted(),
    );

    const get = vaults.get.bind(vaults);
    Object.assign(vaults, {
      get: (projectId: string, id: string) =>
        id === 'broken'
          ? Promise.reject(new HoldfastError('catalog.unavailable', { operation: 'get' }))
          : get(projectId, id),
    });
    expect(await sweepRetention(world.ports)).toEqual({
      vaults: 2,
      deleted: 1,
      failed: 0,
      tasks: 0,
    });
    expect(await shown()).toEqual([]);
    expect(world.probe.problems).toMatchObject([
      { event: 'retention.vault-failed', facts: { vaultId: 'broken' } },
    ]);
  });

  it('passes over a vault that is gone by then', async () => {
    const { world } = await scene(retentionRule());
    const vaultIds = async function* () {
      yield { projectId: PROJECT, vaultId: world.ids.uuid() };
    };
    Object.assign(world.ports.catalog.garbage, { vaultIds });
    expect(await sweepRetention(world.ports)).toEqual({
      vaults: 0,
      deleted: 0,
      failed: 0,
      tasks: 0,
    });
    expect(world.probe.problems).toEqual([]);
  });
});
