import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import type { Disks } from '../../lib/ports/disks.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import {
  contentOf,
  expectContent,
  expectIdle,
  expectRestores,
  expectWhole,
  runRestore,
  runVerify,
  type Scenario,
  scenario,
  writeBlock,
} from '../support/data-scenario.ts';
import {
  backUp,
  beginBackup,
  beginTask,
  bindDisk,
  DISK,
  largestObject,
  PROJECT,
  runJob,
} from '../support/data-world.ts';

import { engineContext } from '../support/engine-context.ts';

/** The world's ports with a disk method that does something first. */
const before = (
  ports: DataPorts,
  method: 'readBlocks' | 'createSnapshot' | 'deleteSnapshot' | 'writeBlocks',
  first: () => Promise<unknown>,
): DataPorts => ({
  ...ports,
  disks: new Proxy(ports.disks, {
    get: (target, property: keyof Disks) => {
      const run = (target[property] as (...args: unknown[]) => Promise<unknown>).bind(target);
      return property === method ? (...args: unknown[]) => first().then(() => run(...args)) : run;
    },
  }),
});

const cancel = ({ world, event }: Scenario) =>
  world.ports.catalog.tasks.requestCancel(PROJECT, event.operationLogId, 0);

describe('a cancelled backup', () => {
  const expectNothing = async ({ world, first, backupId, event }: Scenario) => {
    const { catalog } = world.ports;
    const task = await catalog.tasks.get(PROJECT, event.operationLogId);
    expect(task).toMatchObject({ status: 'failed', failure: { code: 'Holdfast.Cancelled' } });
    expect((await catalog.backups.get(PROJECT, backupId)).status).toBe('deleted');
    const snapshots = await world.disks.listSnapshots(DISK);
    expect(snapshots.map(({ id }) => id)).toEqual([first.snapshotId]);
    await expectIdle(world);
  };

  it('before it began takes no snapshot', async () => {
    const scene = await scenario();
    await cancel(scene);
    const refuse = async () => {
      throw new Error('no snapshot is to be taken');
    };
    await runJob('backup', scene.event, before(scene.world.ports, 'createSnapshot', refuse));
    await expectNothing(scene);
  });

  it.each(['createSnapshot', 'readBlocks'] as const)(
    'at %s leaves nothing, and the next backup is whole',
    async (method) => {
      const scene = await scenario();
      const { world, event } = scene;
      await runJob(
        'backup',
        event,
        before(world.ports, method, () => cancel(scene)),
      );
      await expectNothing(scene);
      const next = await beginBackup(world);
      await runJob('backup', next.event, world.ports);
      await expectRestores(world, next.backupId, scene.original);
    },
  );

  it('while it waits for its snapshot reads nothing', async () => {
    const scene = await scenario();
    const { world, event } = scene;
    const refuse = async () => {
      throw new Error('nothing is to be read');
    };
    const cancelling = before(world.ports, 'createSnapshot', () => cancel(scene));
    await runJob('backup', event, before(cancelling, 'readBlocks', refuse));
    await expectNothing(scene);
  });

  it('does not disturb a verification that finds damage', async () => {
    const scene = await scenario();
    const { world, event, first } = scene;
    await runJob(
      'backup',
      event,
      before(world.ports, 'readBlocks', () => cancel(scene)),
    );
    const pack = largestObject(world, '/packs/');
    world.objects.objects.delete(pack);
    const task = await runVerify(world, first.id);
    expect(task.outcome).toMatchObject({ damagedPacks: [pack.split('/').at(-1)] });
    expect(task.outcome?.['affectedBackups']).toEqual([first.id]);
  });

  it('after its commit is the backup it is', async () => {
    const scene = await scenario();
    const { world, event } = scene;
    await runJob('backup', event, {
      ...world.ports,
      objects: {
        ...world.objects,
        put: async (key, ...rest) => {
          if (key.endsWith('/committed')) await cancel(scene);
          await world.objects.put(key, ...rest);
        },
      },
    });
    await expectWhole(scene);
  });
});

describe('a damaged parent makes the next backup slower, never wrong', () => {
  it.each([
    ['manifest', '/manifest'],
    ['segment', '/segments/'],
  ])('its %s', async (_, part) => {
    const scene = await scenario();
    const { world, event, backupId } = scene;
    world.objects.objects.delete(largestObject(world, part));
    await runJob('backup', event, world.ports);
    const { stats } = await world.ports.catalog.backups.get(PROJECT, backupId);
    expect(stats?.readBytes).toBeGreaterThan(4 * BLOCK_BYTES);
    expect(stats?.newBytes).toBe(3 * BLOCK_BYTES);
    await expectRestores(world, backupId, scene.original);
  });

  it('its pack, once it is known', async () => {
    const scene = await scenario();
    const { world, event, backupId, first } = scene;
    world.objects.objects.delete(largestObject(world, '/packs/'));
    expect(await runVerify(world, first.id)).toMatchObject({ status: 'failed' });
    await runJob('backup', event, world.ports);
    await expectRestores(world, backupId, scene.original);
    expect((await runRestore(world, backupId)).task.status).toBe('success');
  });

  it('a pack found damaged while a backup runs ends that one clearly; the next one heals', async () => {
    const scene = await scenario();
    const { world, event, backupId } = scene;
    const key = largestObject(world, '/packs/');
    const packId = key.split('/').at(-1) ?? '';
    world.objects.objects.delete(key);
    const find = () => world.ports.catalog.packs.quarantine(world.vaultId, packId, 'found');
    await runJob('backup', event, before(world.ports, 'readBlocks', find));
    const task = await world.ports.catalog.tasks.get(PROJECT, event.operationLogId);
    expect(task).toMatchObject({ status: 'failed', failure: { code: 'Holdfast.Damaged' } });
    expect(task.failure?.message).toContain(packId);
    expect(await world.ports.catalog.backups.get(PROJECT, backupId)).toMatchObject({
      status: 'error',
      root: 'NONE',
    });
    await expectIdle(world);
    const next = await backUp(world);
    await expectRestores(world, next.id, scene.original);
  });
});

describe('a restore to the original disk', () => {
  const restore = async (scene: Scenario, ports: DataPorts) => {
    const { world, first } = scene;
    const target = { diskId: DISK, name: 'disk', isNew: false };
    const id = await beginTask(world, 'restore', first.id, target);
    await world.ports.catalog.backups.setStatus(PROJECT, first.id, 'waiting_restore', { atMs: 0 });
    await runJob('restore', { projectId: PROJECT, operationLogId: id, attempt: 0 }, ports);
    return world.ports.catalog.tasks.get(PROJECT, id);
  };

  it('leaves a backup damaged that is found so in the moment in which the restore ends', async () => {
    const scene = await scenario();
    const { world, first } = scene;
    const { catalog } = world.ports;
    const setStatus: typeof catalog.backups.setStatus = async (project, id, status, change) => {
      if (status === 'available')
        await catalog.backups.setStatus(project, id, 'error', { atMs: 1 });
      return catalog.backups.setStatus(project, id, status, change);
    };
    const backups = { ...catalog.backups, setStatus };
    const task = await restore(scene, { ...world.ports, catalog: { ...catalog, backups } });
    expect(task.status).toBe('success');
    expect((await catalog.backups.get(PROJECT, first.id)).status).toBe('error');
  });

  it('shows the old content to its end, then the new one', async () => {
    const scene = await scenario();
    const { world, original, firstContent } = scene;
    let seen = 0;
    const look = async () => {
      seen++;
      await expectContent(world, DISK, original);
    };
    const task = await restore(scene, before(world.ports, 'writeBlocks', look));
    expect(task.status).toBe('success');
    expect(seen).toBeGreaterThan(0);
    await expectContent(world, DISK, firstContent);
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
  });

  it.each([
    [
      'its pack is gone',
      (scene: Scenario) => {
        scene.world.objects.objects.delete(largestObject(scene.world, '/packs/'));
        return scene.world.ports;
      },
      'Holdfast.Damaged',
    ],
    [
      'it is cancelled',
      ({ world }: Scenario) =>
        before(world.ports, 'writeBlocks', async () => {
          for await (const { id, type } of world.ports.catalog.tasks.unfinished())
            if (type === 'restore') await world.ports.catalog.tasks.requestCancel(PROJECT, id, 0);
        }),
      'Holdfast.Cancelled',
    ],
    [
      'the disk refuses',
      ({ world }: Scenario) =>
        before(world.ports, 'writeBlocks', async () => {
          throw new HoldfastError('disk.malformed', { id: DISK, reason: 'for the test' });
        }),
      'BackupService.9910',
    ],
  ])('leaves the old content when %s', async (_, breakIt, code) => {
    const scene = await scenario();
    const { world, first, original } = scene;
    const task = await restore(scene, breakIt(scene));
    expect(task).toMatchObject({ status: 'failed', failure: { code } });
    await expectContent(world, DISK, original);
    expect(await world.disks.describe(DISK)).toMatchObject({ status: 'available' });
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
    expect((await world.ports.catalog.backups.get(PROJECT, first.id)).status).toBe('available');
  });
});

describe('at the same time', () => {
  it('a backup is deleted while it is verified, and its damage is found', async () => {
    const scene = await scenario();
    const { world, first } = scene;
    const pack = largestObject(world, '/packs/');
    world.objects.objects.delete(pack);
    const ports = {
      ...world.ports,
      objects: {
        ...world.objects,
        getTail: async (key: string, count: number) => {
          await world.ports.catalog.backups.hide(PROJECT, first.id, 0);
          return world.objects.getTail(key, count);
        },
      },
    };
    const task = await runVerify(world, first.id, undefined, ports);
    expect(task).toMatchObject({ status: 'failed', failure: { code: 'Holdfast.Damaged' } });
    expect((await world.ports.catalog.backups.get(PROJECT, first.id)).status).toBe('deleted');
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
  });

  it('two disks of a vault are backed up, each whole', async () => {
    const scene = await scenario();
    const { world, event, original } = scene;
    const { sizeBytes } = await world.disks.describe(DISK);
    await world.disks.addDisk({ id: 'disk-2', name: 'disk-2', sizeBytes });
    await bindDisk(world, 'disk-2');
    for (const n of [0, 1, 3])
      await writeBlock(world, n, n === 1 ? 'changed' : `other ${n}`, 'disk-2');
    const other = await beginBackup(world, 'disk-2');
    const content = await contentOf(world, 'disk-2');
    await Promise.all([
      runJob('backup', event, world.ports),
      runJob('backup', other.event, world.ports),
    ]);
    await expectIdle(world);
    await expectRestores(world, scene.backupId, original);
    await expectRestores(world, other.backupId, content);
  });

  it('of two workers with one range, the first to record it is the one that counts', async () => {
    const scene = await scenario();
    const { world, event, backupId } = scene;
    const { catalog } = world.ports;
    let isFirst = true;
    // A worker that was given up as lost records the first segment alone, just before the other.
    const putRange: typeof catalog.sessions.putRange = async (vaultId, id, range) => {
      const one = { ...range, to: range.from + 1, segments: range.segments.slice(0, 1) };
      if (isFirst) await catalog.sessions.putRange(vaultId, id, one);
      isFirst = false;
      await catalog.sessions.putRange(vaultId, id, range);
    };
    const sessions = { ...catalog.sessions, putRange };
    const settings = { ...world.ports.settings, rangeSegments: 2 };
    const ports = { ...world.ports, settings, catalog: { ...catalog, sessions } };
    await runJob('backup', event, ports);
    await expectRestores(world, backupId, scene.original);
  });

  it('a rename between two runs of the commit changes nothing', async () => {
    const scene = await scenario();
    const { world, event, backupId } = scene;
    let isFirst = true;
    const { catalog } = world.ports;
    const commit: typeof catalog.sessions.commit = async (args) => {
      if (!isFirst) return catalog.sessions.commit(args);
      isFirst = false;
      await catalog.backups.rename(PROJECT, backupId, 'renamed', 1);
      throw new HoldfastError('catalog.unavailable', { operation: 'commit' });
    };
    const sessions = { ...catalog.sessions, commit };
    const ports = { ...world.ports, catalog: { ...catalog, sessions } };
    await runJob('backup', event, ports, engineContext(ports));
    await expectWhole(scene);
  });
});
