import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import type { OperationLog } from '../../lib/model/operation-log.ts';
import { sessionIdOf } from '../../lib/service/job-session.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import {
  expectContent,
  expectRestores,
  expectWhole,
  hasContent,
  type Scenario,
  scenario,
  writeBlock,
} from '../support/data-scenario.ts';
import { beginTask, DISK, PROJECT, runJob } from '../support/data-world.ts';
import { Crash, engineContext, type Journal } from '../support/engine-context.ts';

const LEASE_MS = 60_000;
/** Operations of a restore of two segments up to its swap. */
const AFTER_SWAP = 4;

const crashBackup = async ({ world, event }: Scenario, nth: number): Promise<Journal> => {
  const journal: Journal = new Map();
  const context = engineContext(world.ports, { journal, crash: { nth, when: 'kept' } });
  await expect(runJob('backup', event, world.ports, context)).rejects.toThrow(Crash);
  return journal;
};

const watch = ({ world }: Scenario, afterMs = LEASE_MS + 1) => {
  world.clock.advance(afterMs);
  return watchJobs(world.ports);
};

const taskOf = ({ world, event }: Scenario): Promise<OperationLog> =>
  world.ports.catalog.tasks.get(PROJECT, event.operationLogId);

describe('the watchdog', () => {
  it('leaves a task alone that reported lately, or whose session has its lease', async () => {
    const scene = await scenario();
    await crashBackup(scene, 3);
    expect(await watch(scene, LEASE_MS - 1)).toEqual({ restarted: [], failed: [] });
    const sessionId = sessionIdOf(scene.event.operationLogId, 0);
    const leaseUntilMs = scene.world.clock.nowMs() + 3 * LEASE_MS;
    await scene.world.ports.catalog.sessions.renew(scene.world.vaultId, sessionId, leaseUntilMs);
    expect(await watch(scene, 2 * LEASE_MS)).toEqual({ restarted: [], failed: [] });
  });

  it('takes for stalled what was stamped by a clock that was wrong, and is restarted', async () => {
    const scene = await scenario();
    const { world, event } = scene;
    const years = 10 * 365 * 86_400_000;
    world.clock.advance(years);
    await crashBackup(scene, 4);
    expect(await watch(scene, -years)).toEqual({ restarted: [event.operationLogId], failed: [] });
    await runJob('backup', { ...event, attempt: 1 }, world.ports);
    await expectWhole(scene);
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
  });

  it('starts a job whose start was lost, by the same name, and then counts it as a restart', async () => {
    const scene = await scenario();
    const { operationLogId: id } = scene.event;
    expect(await watch(scene)).toEqual({ restarted: [id], failed: [] });
    expect(scene.world.jobs.started.map(({ name }) => name)).toEqual([id]);
    // It ran under that name and died before it could say anything: the name starts nothing more.
    expect(await watch(scene)).toEqual({ restarted: [id], failed: [] });
    expect(scene.world.jobs.started.map(({ name }) => name)).toEqual([id, `${id}-r1`]);
    await runJob('backup', { ...scene.event, attempt: 1 }, scene.world.ports);
    await expectWhole(scene);
  });

  it('fences a stalled backup; the restart makes it, and the zombie changes nothing', async () => {
    const scene = await scenario();
    const { world, event } = scene;
    const journal = await crashBackup(scene, 4);
    expect(await watch(scene)).toMatchObject({ restarted: [event.operationLogId] });
    const session = await world.ports.catalog.sessions.get(
      world.vaultId,
      sessionIdOf(event.operationLogId, 0),
    );
    expect(session.state).toBe('FENCED');
    const zombie = engineContext(world.ports, { journal });
    expect(await runJob('backup', event, world.ports, zombie)).toEqual({ ended: 'superseded' });
    expect(await taskOf(scene)).toMatchObject({ status: 'running', restarts: 1 });
    await runJob('backup', { ...event, attempt: 1 }, world.ports);
    await expectWhole(scene);
  });

  it('does not take a zombie for the job that replaced it, whatever it fails of', async () => {
    const scene = await scenario();
    const { world, event } = scene;
    // It dies before its session: there is nothing to fence.
    const journal = await crashBackup(scene, 2);
    await watch(scene);
    await runJob('backup', { ...event, attempt: 1 }, world.ports);
    await runJob('backup', event, world.ports, engineContext(world.ports, { journal }));
    await expectWhole(scene);
  });

  it('ends a task as a success whose job died after the commit', async () => {
    const scene = await scenario();
    await crashBackup(scene, 6);
    expect((await taskOf(scene)).status).toBe('running');
    await watch(scene);
    // Its snapshot was dropped by a later backup: nobody asks for another one.
    const { snapshotId } = await scene.world.ports.catalog.backups.get(PROJECT, scene.backupId);
    scene.world.disks.loseSnapshot(snapshotId ?? '');
    await runJob('backup', { ...scene.event, attempt: 1 }, scene.world.ports);
    const snapshots = await scene.world.disks.listSnapshots(DISK);
    expect(snapshots.map(({ id }) => id)).toEqual([scene.first.snapshotId]);
    expect(await taskOf(scene)).toMatchObject({
      status: 'success',
      outcome: { readBytes: 2 ** 21 },
    });
    await expectRestores(scene.world, scene.backupId, scene.original);
  });

  it('gives up after two restarts: a failed task that says so, no backup, no snapshot', async () => {
    const scene = await scenario();
    const { world, event, first, backupId } = scene;
    await crashBackup(scene, 3);
    await watch(scene);
    await watch(scene);
    expect(await watch(scene)).toEqual({ restarted: [], failed: [event.operationLogId] });
    expect(await taskOf(scene)).toMatchObject({
      status: 'timeout',
      failure: { code: 'Holdfast.Unavailable', message: expect.stringContaining('no progress') },
    });
    const { catalog } = world.ports;
    expect(await catalog.backups.get(PROJECT, backupId)).toMatchObject({
      status: 'error',
      root: 'NONE',
    });
    const snapshots = await world.disks.listSnapshots(DISK);
    expect(snapshots.map(({ id }) => id)).toEqual([first.snapshotId]);
    expect(await catalog.sessions.listOpen(world.vaultId)).toEqual([]);
    expect((await catalog.vaults.bindings(world.vaultId))[0]).not.toHaveProperty(
      'protectingTaskId',
    );
  });

  it('gives up a backup that was committed as the success it is', async () => {
    const scene = await scenario();
    await crashBackup(scene, 6);
    for (let sweep = 0; sweep < 3; sweep++) await watch(scene);
    expect((await taskOf(scene)).status).toBe('success');
    await expectRestores(scene.world, scene.backupId, scene.original);
  });

  it('says of a committed backup that it is whole, though its parent was removed since', async () => {
    const scene = await scenario();
    const { world, event, first } = scene;
    const journal: Journal = new Map();
    const context = engineContext(world.ports, { journal, crash: { nth: 6, when: 'ran' } });
    await expect(runJob('backup', event, world.ports, context)).rejects.toThrow(Crash);
    world.state.backups.delete(first.id);
    await runJob('backup', event, world.ports, engineContext(world.ports, { journal }));
    expect(await taskOf(scene)).toMatchObject({ status: 'success' });
    await expectRestores(world, scene.backupId, scene.original);
  });

  it('ends a task whose backup was committed, deleted and collected since', async () => {
    const scene = await scenario();
    const { world, event, backupId } = scene;
    await crashBackup(scene, 6);
    world.state.backups.delete(backupId);
    await watch(scene);
    await runJob('backup', { ...event, attempt: 1 }, world.ports);
    expect(await taskOf(scene)).toMatchObject({
      status: 'failed',
      failure: { code: 'BackupService.6200' },
    });
    const [binding] = await world.ports.catalog.vaults.bindings(world.vaultId);
    expect(binding).not.toHaveProperty('protectingTaskId');
  });

  it('takes the disk back from a stalled restore, also when it died between the two', async () => {
    const scene = await scenario();
    const { world, first } = scene;
    const target = { diskId: DISK, name: 'disk', isNew: false };
    const taskId = await beginTask(world, 'restore', first.id, target);
    const event = { projectId: PROJECT, operationLogId: taskId, attempt: 0 };
    await world.ports.catalog.backups.setStatus(PROJECT, first.id, 'waiting_restore', { atMs: 0 });
    const context = engineContext(world.ports, { crash: { nth: 1, when: 'kept' } });
    await expect(runJob('restore', event, world.ports, context)).rejects.toThrow(Crash);
    expect((await world.disks.describe(DISK)).status).toBe('restoring');
    // A sweep before this one fenced the session and died.
    await world.ports.catalog.sessions.end(world.vaultId, sessionIdOf(taskId, 0), 'FENCED');
    await watch(scene);
    expect((await world.disks.describe(DISK)).status).toBe('available');
    await runJob('restore', { ...event, attempt: 1 }, world.ports);
    expect((await world.ports.catalog.tasks.get(PROJECT, taskId)).status).toBe('success');
  });

  it.each([
    ['is restarted', 1],
    ['is given up', 3],
  ])('does not restore twice when a job died after the swap and %s', async (_, sweeps) => {
    const scene = await scenario();
    const { world, first, firstContent } = scene;
    const target = { diskId: DISK, name: 'disk', isNew: false };
    const taskId = await beginTask(world, 'restore', first.id, target);
    const event = { projectId: PROJECT, operationLogId: taskId, attempt: 0 };
    await world.ports.catalog.backups.setStatus(PROJECT, first.id, 'waiting_restore', { atMs: 0 });
    const context = engineContext(world.ports, { crash: { nth: AFTER_SWAP, when: 'kept' } });
    await expect(runJob('restore', event, world.ports, context)).rejects.toThrow(Crash);
    expect((await world.disks.describe(DISK)).status).toBe('available');
    await expectContent(world, DISK, firstContent);
    await writeBlock(world, 0, 'written since');
    for (let sweep = 0; sweep < sweeps; sweep++) await watch(scene);
    if (sweeps === 1) await runJob('restore', { ...event, attempt: 1 }, world.ports);
    const { catalog } = world.ports;
    expect(await catalog.tasks.get(PROJECT, taskId)).toMatchObject({ status: 'success' });
    expect(await catalog.backups.get(PROJECT, first.id)).toMatchObject({ status: 'available' });
    expect(await hasContent(world, DISK, firstContent)).toBe(false);
  });

  it('passes over a restore to a new disk that was never made', async () => {
    const scene = await scenario();
    const { world, first } = scene;
    const target = { diskId: 'not-made', name: 'new', isNew: true };
    const taskId = await beginTask(world, 'restore', first.id, target);
    expect((await watch(scene)).restarted).toContain(taskId);
    expect(world.probe.problems).toEqual([]);
  });

  it('reports a task that it cannot help and goes on to the next', async () => {
    const scene = await scenario();
    const { world, event, first } = scene;
    await beginTask(world, 'verify', first.id);
    const ports = {
      ...world.ports,
      jobs: {
        ...world.jobs,
        start: async (job: { operationLogId: string; name: string }) => {
          if (job.operationLogId !== event.operationLogId) return;
          throw new HoldfastError('job.unavailable', { name: job.name });
        },
      },
    };
    world.clock.advance(LEASE_MS + 1);
    expect((await watchJobs(ports)).restarted).toHaveLength(1);
    expect(world.probe.problems).toMatchObject([
      { event: 'job.not-helped', facts: { task: event.operationLogId } },
    ]);
  });

  it('lets a backup wait for its snapshot as long as it asks', async () => {
    const scene = await scenario();
    const { world, event } = scene;
    const states = ['pending', 'pending', 'completed'] as const;
    let asked = 0;
    const describeSnapshot = world.disks.describeSnapshot.bind(world.disks);
    world.disks.describeSnapshot = async (id) => ({
      ...(await describeSnapshot(id)),
      state: states[Math.min(asked++, 2)] ?? 'completed',
    });
    const context = engineContext(world.ports);
    await runJob('backup', event, world.ports, {
      ...context,
      waitUntil: async (_, check) => {
        while (!(await check())) {
          expect(await watch(scene, LEASE_MS - 1)).toEqual({ restarted: [], failed: [] });
        }
      },
    });
    expect(asked).toBeGreaterThan(2);
    await expectWhole(scene);
  });
});
