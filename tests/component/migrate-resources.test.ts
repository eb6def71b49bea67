import { describe, expect, it } from '@jest/globals';
import { prepareVault } from '../../lib/engine/prepare-vault.ts';
import { HoldfastError } from '../../lib/errors.ts';
import type { Backup } from '../../lib/model/backup.ts';
import { collectVault } from '../../lib/service/collect-vault.ts';
import { deleteVault } from '../../lib/service/delete-vault.ts';
import { migrateResources } from '../../lib/service/migrate-resources.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import { someVault } from '../support/catalog-records.ts';
import {
  backUp,
  beginBackup,
  bindDisk,
  type DataWorld,
  DISK,
  dataWorld,
  PROJECT,
  restoreNew,
  runJob,
  verify,
} from '../support/data-world.ts';

/** Spec section 3.5, migration: disks move to another vault, and their backups with them. */

const MIB = 2 ** 20;
const CALLER = { projectId: PROJECT, userId: 'u', requestId: 'r' };

interface Scene {
  world: DataWorld;
  /** The same world, with its helpers at work on the other vault. */
  there: DataWorld;
  made: Backup[];
  contents: Buffer[];
}

/** A disk with three backups, each of other bytes, and another vault. */
const scene = async (): Promise<Scene> => {
  const world = await dataWorld();
  const [vaultId, keyId] = [world.ids.uuid(), world.ids.uuid()];
  const named = { projectId: PROJECT, vaultId, keyId, name: 'other' };
  const wrapped = await prepareVault(named, world.ports);
  await world.ports.catalog.vaults.create(
    someVault({ id: vaultId, projectId: PROJECT, name: 'other', keyId }),
    wrapped,
  );
  await world.disks.addDisk({ id: DISK, name: 'data', sizeBytes: 4 * MIB + 512 });
  await bindDisk(world);
  const made: Backup[] = [];
  const contents: Buffer[] = [];
  for (const letter of ['a', 'b', 'c']) {
    await world.disks.write(DISK, made.length * MIB, Buffer.alloc(MIB + 100, letter));
    contents.push(Buffer.from(await world.disks.read(DISK, 0, 4 * MIB + 512)));
    made.push(await backUp(world));
    world.clock.advance(3_600_000);
  }
  return { world, there: { ...world, vaultId, keyId }, made, contents };
};

const migrate = ({ world, there }: Scene) =>
  migrateResources(
    { vaultId: world.vaultId, destinationVaultId: there.vaultId, diskIds: [DISK] },
    CALLER,
    world.ports as never,
  );

/** Runs the jobs that were started and have not run, and those that they start. */
const runAll = async ({ world }: Scene, ports = world.ports): Promise<void> => {
  const started = world.jobs.started.splice(0);
  for (const { kind, projectId, operationLogId, name } of started) {
    const attempt = Number(/-r(\d+)$/.exec(name)?.[1] ?? 0);
    await runJob(kind, { projectId, operationLogId, attempt }, ports);
  }
  if (started.length > 0) await runAll({ world } as Scene, ports);
};

const shownIn = ({ ports }: DataWorld, vaultId: string) =>
  Array.fromAsync(ports.catalog.backups.ofVault(vaultId));

/** Every backup is in the other vault, once, as it was, and restores. */
const expectMoved = async (given: Scene): Promise<void> => {
  const { world, there, made, contents } = given;
  expect(await shownIn(world, world.vaultId)).toEqual([]);
  const moved = await shownIn(world, there.vaultId);
  expect(moved.map(({ movedFrom }) => movedFrom?.backupId)).toEqual(made.map(({ id }) => id));
  for (const [n, backup] of moved.entries()) {
    const { name, createdAtMs, autoTrigger, snapshotId } = made[n]!;
    expect(backup).toMatchObject({
      name,
      createdAtMs,
      autoTrigger,
      snapshotId,
      status: 'available',
    });
    expect(await verify(there, backup.id)).toMatchObject({ status: 'success' });
    const { diskId } = await restoreNew(there, backup.id);
    const restored = Buffer.from(await world.disks.read(diskId, 0, 4 * MIB + 512));
    expect(restored.equals(contents[n]!)).toBe(true);
  }
  for (const vaultId of [world.vaultId, there.vaultId])
    expect(await world.ports.catalog.sessions.listOpen(vaultId)).toEqual([]);
};

describe('migrate resources', () => {
  it('moves a disk at once, and its backups one after the other, oldest first', async () => {
    const given = await scene();
    const { world, there } = given;
    expect(await migrate(given)).toEqual([DISK]);
    expect(await world.ports.catalog.vaults.binding(PROJECT, DISK)).toMatchObject({
      vaultId: there.vaultId,
      protectingTaskId: expect.any(String),
    });
    await runAll(given);
    await expectMoved(given);
    const { tasks } = world.ports.catalog;
    const entries = await Array.fromAsync(tasks.entries(PROJECT, { types: ['sync'] }));
    const moves = await tasks.getAll(entries);
    expect(moves.map(({ status, vaultId }) => [status, vaultId])).toEqual(
      [1, 2, 3].map(() => ['success', there.vaultId]),
    );
    expect(await world.ports.catalog.vaults.binding(PROJECT, DISK)).not.toHaveProperty(
      'protectingTaskId',
    );
    expect(world.probe.problems).toEqual([]);
  });

  it('stores and reads again only what differs from the backup moved before', async () => {
    const given = await scene();
    await migrate(given);
    await runAll(given);
    const [first, second, third] = await shownIn(given.world, given.there.vaultId);
    expect(second?.parentBackupId).toBe(first?.id);
    expect(third?.parentBackupId).toBe(second?.id);
    expect(first?.stats?.newBytes).toBeGreaterThan(0);
    // A megabyte and a bit more was written at a time: three blocks.
    expect(second?.stats?.readBytes).toBe(3 * 512 * 1024);
  });

  it('goes on by change tracking with the next backup in the other vault', async () => {
    const given = await scene();
    await migrate(given);
    await runAll(given);
    await given.world.disks.write(DISK, 0, Buffer.alloc(100, 'z'));
    const next = await backUp(given.there);
    expect(next).toMatchObject({ status: 'available', stats: { readBytes: 512 * 1024 } });
    expect(await verify(given.there, next.id)).toMatchObject({ status: 'success' });
  });

  it('moves a disk without backups, and leaves those of others', async () => {
    const given = await scene();
    const { world, there } = given;
    await world.disks.addDisk({ id: 'blank', name: 'blank', sizeBytes: MIB });
    await bindDisk(world, 'blank');
    const command = { vaultId: world.vaultId, destinationVaultId: there.vaultId };
    await migrateResources({ ...command, diskIds: ['blank'] }, CALLER, world.ports as never);
    expect(world.jobs.started).toEqual([]);
    expect(await shownIn(world, world.vaultId)).toHaveLength(3);
    expect(await world.ports.catalog.vaults.bindings(there.vaultId)).toHaveLength(1);
  });

  it('ends in one vault, whatever step fails for good, when it is asked for again', async () => {
    const methods = [
      ['sessions', 'open'],
      ['sessions', 'commit'],
      ['sessions', 'putRange'],
      ['backups', 'hide'],
      ['backups', 'setStatus'],
      ['backups', 'begin'],
      ['tasks', 'end'],
    ] as const;
    for (const [part, method] of methods) {
      const given = await scene();
      const { world } = given;
      await migrate(given);
      let calls = 0;
      const own = world.ports.catalog[part] as unknown as Record<
        string,
        (...a: never[]) => unknown
      >;
      const failing = (...args: never[]) => {
        calls++;
        if (calls === 2) throw new HoldfastError('catalog.unavailable', { operation: method });
        return own[method]!(...args);
      };
      const catalog = { ...world.ports.catalog, [part]: { ...own, [method]: failing } };
      await runAll(given, { ...world.ports, catalog } as never).catch((error: unknown) => {
        if (!(error instanceof HoldfastError)) throw error;
      });
      // Whatever was left half done is the watchdog's.
      for (let look = 0; look < 4; look++) {
        world.clock.advance(61_000);
        await watchJobs(world.ports);
        await runAll(given);
      }
      if ((await shownIn(world, world.vaultId)).length > 0) await migrate(given);
      await runAll(given);
      await expectMoved(given);
    }
  });

  it.each([
    // What is being copied is in both vaults then.
    ['locked', { locked: true }, [3, 1], 'BackupService.6110'],
    ['frozen', { status: 'frozen' }, [2, 1], 'BackupService.6112'],
  ] as const)('goes no further when the vault is %s meanwhile', async (_, change, left, code) => {
    const given = await scene();
    const { world, there } = given;
    const { vaults } = world.ports.catalog;
    await migrate(given);
    const before = await vaults.get(PROJECT, world.vaultId);
    await vaults.update({ ...before, ...change });
    await runAll(given);
    const shown = async () => [
      (await shownIn(world, world.vaultId)).length,
      (await shownIn(world, there.vaultId)).length,
    ];
    expect(await shown()).toEqual(left);
    expect(world.probe.problems).toMatchObject([{ event: 'move.not-continued', error: { code } }]);
    await expect(migrate(given)).rejects.toMatchObject({ code });
    expect(await shown()).toEqual(left);
    if (code === 'BackupService.6110') return;
    await vaults.update({ ...(await vaults.get(PROJECT, world.vaultId)), status: 'available' });
    await migrate(given);
    await runAll(given);
    await expectMoved(given);
  });

  it('copies nothing twice: a source that was brought back is only hidden again', async () => {
    const given = await scene();
    const { world, made } = given;
    await migrate(given);
    await runAll(given);
    const { garbage } = world.ports.catalog;
    await garbage.undelete(PROJECT, made[1]!.id, world.clock.nowMs());
    await migrate(given);
    expect(world.jobs.started).toEqual([]);
    await expectMoved(given);
  });

  it('waits with hiding until a restore of the source has ended', async () => {
    const given = await scene();
    const { world, made, there } = given;
    await migrate(given);
    const { backups } = world.ports.catalog;
    await backups.setStatus(PROJECT, made[0]!.id, 'waiting_restore', { atMs: 0 });
    const [job] = world.jobs.started.splice(0);
    const event = { projectId: PROJECT, operationLogId: job!.operationLogId, attempt: 0 };
    await runJob('move', event, world.ports).catch(() => {});
    const source = await world.ports.catalog.backups.get(PROJECT, made[0]!.id);
    expect(source).toMatchObject({ root: 'VISIBLE', status: 'waiting_restore' });
    expect(await shownIn(world, there.vaultId)).toHaveLength(1);
    // Nor does the watchdog end it before, however often the job was restarted.
    const look = async () => {
      world.clock.advance(61_000);
      const looked = await watchJobs(world.ports);
      return { looked, task: await world.ports.catalog.tasks.get(PROJECT, event.operationLogId) };
    };
    for (let restart = 1; restart <= 2; restart++) await look();
    expect(await look()).toMatchObject({ looked: { failed: [] }, task: { status: 'running' } });
    await backups.setStatus(PROJECT, made[0]!.id, 'available', { atMs: 0 });
    expect(await look()).toMatchObject({ task: { status: 'success' } });
    expect(await shownIn(world, world.vaultId)).toHaveLength(2);
  });

  it('ends when the copy was deleted and collected while it waited with hiding', async () => {
    const given = await scene();
    const { world, made, there } = given;
    await migrate(given);
    const { backups, tasks, vaults } = world.ports.catalog;
    await backups.setStatus(PROJECT, made[0]!.id, 'waiting_restore', { atMs: 0 });
    await runAll(given).catch(() => {});
    const [copy] = await shownIn(world, there.vaultId);
    world.state.backups.delete(copy!.id);
    await backups.setStatus(PROJECT, made[0]!.id, 'available', { atMs: 0 });
    world.clock.advance(61_000);
    await watchJobs(world.ports);
    await runAll(given);
    expect(await tasks.get(PROJECT, copy!.operationLogId)).toMatchObject({ status: 'failed' });
    expect(await vaults.binding(PROJECT, DISK)).not.toHaveProperty('protectingTaskId');
    world.clock.advance(61_000);
    await collectVault({ projectId: PROJECT, vaultId: world.vaultId }, Infinity, world.ports);
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
    expect(await shownIn(world, world.vaultId)).toHaveLength(3);
  });

  it('does not bring back what was deleted before its turn, and goes on with the others', async () => {
    const given = await scene();
    const { world, there, made } = given;
    await migrate(given);
    await world.ports.catalog.backups.hide(PROJECT, made[0]!.id, world.clock.nowMs());
    await runAll(given);
    const moved = await shownIn(world, there.vaultId);
    expect(moved.map(({ movedFrom }) => movedFrom?.backupId)).toEqual([made[1]!.id, made[2]!.id]);
    expect(await shownIn(world, world.vaultId)).toEqual([]);
  });

  it('keeps the vault that it leaves from being deleted, until its backups are there', async () => {
    const given = await scene();
    const { world } = given;
    await migrate(given);
    const vault = { projectId: PROJECT, vaultId: world.vaultId };
    const deleting = () => deleteVault(vault, CALLER, { ...world, ...world.ports });
    await expect(deleting()).rejects.toMatchObject({ code: 'BackupService.6111' });
    await runAll(given);
    await deleting();
    expect(await world.ports.catalog.vaults.get(PROJECT, world.vaultId)).toMatchObject({
      status: 'deleting',
    });
  });

  it('keeps that vault between two of its backups, too, and while another backup runs', async () => {
    const given = await scene();
    const { world, there } = given;
    await migrate(given);
    const [first] = world.jobs.started.splice(0);
    await runJob('move', { ...CALLER, operationLogId: first!.operationLogId, attempt: 0 }, {
      ...world.ports,
      // Whoever runs the job dies before the next one begins.
      jobs: { ...world.ports.jobs, start: () => Promise.reject(new Error('killed')) },
    } as never).catch(() => {});
    const [second] = (await shownIn(world, there.vaultId)).slice(-1);
    const end = { status: 'failed', atMs: 0 } as const;
    await world.ports.catalog.tasks.end(PROJECT, second!.operationLogId, end);
    await world.ports.catalog.backups.setStatus(PROJECT, second!.id, 'error', { atMs: 0 });
    await world.ports.catalog.backups.hide(PROJECT, second!.id, 0);
    const vault = { projectId: PROJECT, vaultId: world.vaultId };
    const deleting = () => deleteVault(vault, CALLER, { ...world, ...world.ports });
    await expect(deleting()).rejects.toMatchObject({ code: 'BackupService.6111' });
    const running = await beginBackup(there);
    await expect(deleting()).rejects.toMatchObject({ code: 'BackupService.6111' });
    await runJob('backup', running.event, world.ports);
    await migrate(given);
    await runAll(given);
    expect(await shownIn(world, world.vaultId)).toEqual([]);
    await deleting();
  });

  it('moves a backup that is being restored when its turn comes, and waits with hiding', async () => {
    const given = await scene();
    const { world, there, made } = given;
    await migrate(given);
    const { backups } = world.ports.catalog;
    const [, busy] = made;
    await backups.setStatus(PROJECT, busy!.id, 'waiting_restore', { atMs: 0 });
    await runAll(given).catch(() => {});
    expect(await shownIn(world, there.vaultId)).toHaveLength(2);
    await backups.setStatus(PROJECT, busy!.id, 'available', { atMs: 0 });
    for (let look = 0; look < 2; look++) {
      world.clock.advance(61_000);
      await watchJobs(world.ports);
      await runAll(given);
    }
    await expectMoved(given);
  });

  it('leaves a disk in its new vault that moves while its old one is being deleted', async () => {
    const given = await scene();
    const { world, there } = given;
    const { vaults } = world.ports.catalog;
    for (const { id } of given.made) await world.ports.catalog.backups.hide(PROJECT, id, 0);
    const bindings: typeof vaults.bindings = async (id) => {
      const found = await vaults.bindings(id);
      await migrate(given);
      return found;
    };
    const catalog = { ...world.ports.catalog, vaults: { ...vaults, bindings } };
    const vault = { projectId: PROJECT, vaultId: world.vaultId };
    await deleteVault(vault, CALLER, { ...world, ...world.ports, catalog });
    expect(await vaults.bindings(there.vaultId)).toMatchObject([{ diskId: DISK }]);
  });

  it('fails with the damage, and leaves the source where it is', async () => {
    const given = await scene();
    const { world, there } = given;
    for (const [key, bytes] of world.objects.objects)
      if (key.includes('/packs/')) bytes.fill(0, 100, 200);
    await migrate(given);
    await runAll(given);
    expect(await shownIn(world, there.vaultId)).toEqual([]);
    expect(await shownIn(world, world.vaultId)).toHaveLength(3);
    for (const vaultId of [world.vaultId, there.vaultId])
      expect(await world.ports.catalog.sessions.listOpen(vaultId)).toEqual([]);
  });
});
