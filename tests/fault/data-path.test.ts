import { describe, expect, it } from '@jest/globals';
import {
  expectContent,
  expectIdle,
  expectRestores,
  expectWhole,
  runRestore,
  runVerify,
  type Scenario,
  scenario,
} from '../support/data-scenario.ts';
import { PROJECT, runJob } from '../support/data-world.ts';
import { Crash, engineContext, type Journal } from '../support/engine-context.ts';
import { type CallFault, type FaultKind, faultyPorts } from '../support/faulty-ports.ts';

/** Runs the scenario's backup, restore or verification with at most one fault. */
type Run = (scene: Scenario, fault: CallFault | null) => Promise<ReturnType<typeof faultyPorts>>;

const backup: Run = async ({ world, event }, fault) => {
  const ports = faultyPorts(world.ports, fault);
  await runJob('backup', event, ports, engineContext(ports));
  return ports;
};

const restore: Run = async ({ world, first, firstContent }, fault) => {
  const ports = faultyPorts(world.ports, fault);
  const { diskId, task } = await runRestore(world, first.id, engineContext, ports);
  expect(task.status).toBe(fault?.kind === 'denied' ? task.status : 'success');
  const { status } = await world.disks.describe(diskId).catch(() => ({ status: 'none' }));
  // A new disk is filled, or it is not given out.
  expect(status === 'available').toBe(task.status === 'success');
  if (task.status === 'success') await expectContent(world, diskId, firstContent);
  else expect(task.failure?.message).toContain('injected');
  return ports;
};

const verification: Run = async ({ world, first }, fault) => {
  const ports = faultyPorts(world.ports, fault);
  const task = await runVerify(world, first.id, engineContext, ports);
  expect(task.status).toBe(fault?.kind === 'denied' ? task.status : 'success');
  return ports;
};

/** Somebody cancels the backup while its first block is read. */
const cancelled: Run = async ({ world, event }, fault) => {
  const ports = faultyPorts(world.ports, fault);
  const { operationLogId } = event;
  const readBlocks: typeof ports.disks.readBlocks = async (...args) => {
    await world.ports.catalog.tasks.requestCancel(PROJECT, operationLogId, 0);
    return ports.disks.readBlocks(...args);
  };
  const disks = new Proxy(ports.disks, {
    get: (target, property) =>
      property === 'readBlocks' ? readBlocks : (Reflect.get(target, property) as unknown),
  });
  const cancelling = { ...ports, disks };
  await runJob('backup', event, cancelling, engineContext(cancelling));
  return ports;
};

const expectCancelled = async ({ world, first, backupId, event }: Scenario) => {
  const { catalog } = world.ports;
  const task = await catalog.tasks.get(PROJECT, event.operationLogId);
  expect(task).toMatchObject({ status: 'failed', failure: { code: 'Holdfast.Cancelled' } });
  expect(await catalog.backups.get(PROJECT, backupId)).toMatchObject({ status: 'deleted' });
  const snapshots = await world.disks.listSnapshots(first.disk.id);
  expect(snapshots.map(({ id }) => id)).toEqual([first.snapshotId]);
  await expectIdle(world);
};

/** Every call that a clean run makes, each with each kind of fault. */
const faultsOf = async (run: Run, kinds: FaultKind[]): Promise<CallFault[]> => {
  const { calls } = await run(await scenario(), null);
  return [...calls].flatMap(([call, count]) =>
    Array.from({ length: count }, (_, n) =>
      kinds.map((kind) => ({ call, nth: n + 1, kind })),
    ).flat(),
  );
};

const named = (fault: CallFault, check: Promise<void>): Promise<void> =>
  check.catch((cause: unknown) => {
    throw new Error(`${fault.call} ${fault.nth} ${fault.kind}: ${String(cause)}`, { cause });
  });

const forEachFault = async (
  run: Run,
  kinds: FaultKind[],
  check: (scene: Scenario) => Promise<void>,
): Promise<number> => {
  const faults = await faultsOf(run, kinds);
  for (const fault of faults) {
    const scene = await scenario();
    const one = async () => {
      const { happened } = await run(scene, fault);
      expect(happened()).toBe(1);
      await check(scene);
    };
    await named(fault, one());
  }
  return faults.length;
};

describe('an outage at any write, before it landed or after', () => {
  it('of a backup ends with the same backup', async () => {
    const count = await forEachFault(backup, ['before', 'after'], expectWhole);
    expect(count).toBeGreaterThan(60);
  }, 120_000);

  it('of a cancelled backup ends with nothing', async () => {
    const count = await forEachFault(cancelled, ['before', 'after'], expectCancelled);
    expect(count).toBeGreaterThan(25);
  }, 120_000);

  it('of a restore ends with the same disk', async () => {
    const count = await forEachFault(restore, ['before', 'after'], ({ world }) =>
      expectNothingOpen(world),
    );
    expect(count).toBeGreaterThan(30);
  }, 120_000);

  it('of a verification ends with the same verdict', async () => {
    await forEachFault(verification, ['before', 'after'], ({ world }) => expectNothingOpen(world));
  }, 120_000);
});

const expectNothingOpen = async (world: Scenario['world']) => {
  expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
};

describe('a refusal for good', () => {
  it('of any write of a backup ends with a whole backup or a clear failure, and then heals', async () => {
    let failures = 0;
    await forEachFault(backup, ['denied'], async (scene) => {
      const { world, backupId, event } = scene;
      const task = await world.ports.catalog.tasks.get(PROJECT, event.operationLogId);
      if (task.status === 'success') {
        // The refused call may have been the deletion of the old snapshot.
        await expectRestores(world, backupId, scene.original);
        await expectIdle(world);
        return;
      }
      failures++;
      await expectFailed(scene, 'injected');
    });
    expect(failures).toBeGreaterThan(15);
  }, 120_000);

  it('of any write of a restore ends with a filled disk or a clear failure', async () => {
    await forEachFault(restore, ['denied'], async ({ world, first }) => {
      await expectNothingOpen(world);
      const { status } = await world.ports.catalog.backups.get(PROJECT, first.id);
      expect(status).toBe('available');
    });
  }, 120_000);
});

/**
 * A failed task that says why; nothing visible, nothing kept, the disk free for the next backup.
 */
const expectFailed = async ({ world, first, backupId, event }: Scenario, why: string) => {
  const { catalog } = world.ports;
  const task = await catalog.tasks.get(PROJECT, event.operationLogId);
  expect(task.status).toBe('failed');
  expect(task.failure?.message).toContain(why);
  const failed = await catalog.backups.get(PROJECT, backupId);
  expect(failed).toMatchObject({ status: 'error', root: 'NONE' });
  expect(failed.failure).toEqual(task.failure);
  const snapshots = await world.disks.listSnapshots(failed.disk.id);
  expect(snapshots.map(({ id }) => id)).toEqual([first.snapshotId]);
  expect((await catalog.vaults.usage(world.vaultId)).backupCount).toBe(1);
  await expectIdle(world);
};

describe('an outage that does not end', () => {
  it.each([
    ['objects.put', 'The object store failed put'],
    ['disks.createSnapshot', 'The disk service failed createSnapshot'],
    ['index.put', 'The catalog failed put'],
    ['packs.open', 'The catalog failed open'],
    ['sessions.putRange', 'The catalog failed putRange'],
  ])('at %s fails the task, which says why', async (call, why) => {
    // Four attempts of the step; the clean-up after it finds the service well again.
    const times = call === 'disks.createSnapshot' ? 4 : 99;
    const scene = await scenario();
    await backup(scene, { call, nth: 1, kind: 'before', times });
    await expectFailed(scene, why);
  });

  it('drops a snapshot whose every answer was lost', async () => {
    const scene = await scenario();
    await backup(scene, { call: 'disks.createSnapshot', nth: 1, kind: 'after', times: 4 });
    await expectFailed(scene, 'The disk service failed createSnapshot');
  });

  it.each(['index.put', 'sessions.putRange'])(
    'at the answers of %s does not keep a backup from its end: what landed counts',
    async (call) => {
      const scene = await scenario();
      await backup(scene, { call, nth: 1, kind: 'after', times: 99 });
      await expectWhole(scene);
    },
  );
});

describe('a crash at any boundary of a job', () => {
  const crashes = async (
    start: (scene: Scenario, journal: Journal, crash?: object) => Promise<void>,
    check: (scene: Scenario) => Promise<void>,
  ) => {
    let boundaries = 0;
    for (const when of ['ran', 'kept'] as const) {
      for (let nth = 1; ; nth++) {
        const scene = await scenario();
        const journal: Journal = new Map();
        const crashed = await start(scene, journal, { nth, when }).then(
          () => false,
          (error: unknown) => {
            if (error instanceof Crash) return true;
            throw error;
          },
        );
        if (!crashed) break;
        boundaries++;
        await start(scene, journal);
        await check(scene);
      }
    }
    return boundaries;
  };

  it('of a backup: it goes on from its journal to the same backup', async () => {
    const boundaries = await crashes(async ({ world, event }, journal, crash) => {
      const options = { journal, ...(crash && { crash: crash as never }) };
      await runJob('backup', event, world.ports, engineContext(world.ports, options));
    }, expectWhole);
    expect(boundaries).toBeGreaterThanOrEqual(14);
  }, 60_000);

  it('of a cancelled backup: nothing of it is left', async () => {
    await crashes(async ({ world, event }, journal, crash) => {
      const task = await world.ports.catalog.tasks.get(PROJECT, event.operationLogId);
      if (task.status === 'waiting' && !task.cancelRequested)
        await world.ports.catalog.tasks.requestCancel(PROJECT, task.id, 0);
      const options = { journal, ...(crash && { crash: crash as never }) };
      await runJob('backup', event, world.ports, engineContext(world.ports, options));
    }, expectCancelled);
  }, 60_000);
});
