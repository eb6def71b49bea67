import { describe, expect, it } from '@jest/globals';
import { prepareVault } from '../../lib/engine/prepare-vault.ts';
import { HoldfastError } from '../../lib/errors.ts';
import type { Backup } from '../../lib/model/backup.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import { deleteVault } from '../../lib/service/delete-vault.ts';
import { migrateResources } from '../../lib/service/migrate-resources.ts';
import { removeResources } from '../../lib/service/remove-resources.ts';
import { runCollectJob } from '../../lib/service/run-collect-job.ts';
import { someVault } from '../support/catalog-records.ts';
import { collect, collectAll, collectorWorld, hide } from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import {
  backUp,
  beginBackup,
  type DataWorld,
  DISK,
  PROJECT,
  plainContext,
  runJob,
} from '../support/data-world.ts';

/** The snapshot of a disk's newest backup is kept for change tracking (spec section 5.6). */

const CALLER = { projectId: PROJECT, userId: 'u', requestId: 'r' };
const BLOCK = 512 * 1024;

/** A disk with two backups; nothing that is deleted is kept for anybody. */
const scene = async (garbage = {}) => {
  const world = await collectorWorld(4, garbage);
  const made: Backup[] = [];
  for (const text of ['a', 'b']) {
    await writeBlock(world, 0, text);
    made.push(await backUp(world));
    world.clock.advance(1000);
  }
  return { world, first: made[0]!, newest: made[1]! };
};

const isKept = ({ disks }: DataWorld, { snapshotId }: Backup): Promise<boolean> =>
  disks.describeSnapshot(snapshotId ?? '').then(
    () => true,
    (error: unknown) => {
      expect(error).toMatchObject({ code: 'disk.snapshot-missing' });
      return false;
    },
  );

const OUTAGE = new HoldfastError('disk.unavailable', { id: DISK, operation: 'deleteSnapshot' });

/** Ports with which no snapshot is deleted. */
const failingDeletion = ({ ports }: DataWorld, error: Error): DataPorts => ({
  ...ports,
  disks: new Proxy(ports.disks, {
    get: (disks, name: keyof DataPorts['disks']) =>
      name === 'deleteSnapshot' ? () => Promise.reject(error) : disks[name].bind(disks),
  }),
});

const portsOf = (world: DataWorld) => ({ ...world, ...world.ports });

const remove = (world: DataWorld) =>
  removeResources({ vaultId: world.vaultId, diskIds: [DISK] }, CALLER, portsOf(world));

/** The same world with another vault. */
const elsewhere = async (world: DataWorld): Promise<DataWorld> => {
  const [vaultId, keyId] = [world.ids.uuid(), world.ids.uuid()];
  const named = { projectId: PROJECT, vaultId, keyId, name: 'other' };
  const vault = someVault({ id: vaultId, projectId: PROJECT, name: 'other', keyId });
  await world.ports.catalog.vaults.create(vault, await prepareVault(named, world.ports));
  return { ...world, vaultId, keyId };
};

const move = async (from: DataWorld, { vaultId: destinationVaultId }: DataWorld) => {
  const command = { vaultId: from.vaultId, destinationVaultId, diskIds: [DISK] };
  await migrateResources(command, CALLER, portsOf(from));
  for (let job = from.jobs.started.shift(); job; job = from.jobs.started.shift())
    await runJob('move', { ...job, attempt: 0 }, from.ports);
};

describe('the snapshot of the newest backup', () => {
  it('is the only one that is kept', async () => {
    const { world, first, newest } = await scene();
    expect([await isKept(world, first), await isKept(world, newest)]).toEqual([false, true]);
  });

  it('goes with the backups of a disk that is taken out of its vault', async () => {
    const { world, newest } = await scene();
    await remove(world);
    expect(await isKept(world, newest)).toBe(true);
    await collectAll(world);
    expect(await isKept(world, newest)).toBe(false);
  });

  it('stays while the backup can be taken back, and is of use then', async () => {
    const { world, newest } = await scene({ windowMs: 86_400_000 });
    await hide(world, newest);
    await collectAll(world);
    await world.ports.catalog.garbage.undelete(PROJECT, newest.id, world.clock.nowMs());
    await writeBlock(world, 1, 'c');
    expect((await backUp(world)).stats).toMatchObject({ readBytes: BLOCK });
    expect(await isKept(world, newest)).toBe(false);
  });

  it('goes with a vault that is deleted', async () => {
    const { world, newest } = await scene();
    const vault = { projectId: PROJECT, vaultId: world.vaultId };
    await deleteVault(vault, CALLER, portsOf(world));
    await runCollectJob(vault, plainContext(world.ports));
    expect(await isKept(world, newest)).toBe(false);
  });

  it('goes with a backup that failed, if its job could not drop it', async () => {
    const { world } = await scene();
    await writeBlock(world, 1, 'c');
    const failing = failingDeletion(world, OUTAGE);
    failing.objects = { ...failing.objects, put: () => Promise.reject(OUTAGE) };
    const { backupId, event } = await beginBackup(world);
    await runJob('backup', event, failing);
    const failed = await world.ports.catalog.backups.get(PROJECT, backupId);
    expect(failed).toMatchObject({ status: 'error', root: 'NONE' });
    expect(await isKept(world, failed)).toBe(true);
    await hide(world, failed);
    await collectAll(world);
    expect(await isKept(world, failed)).toBe(false);
  });
});

describe('the snapshot of a backup that moved', () => {
  it('is of use in the other vault, and goes when the disk leaves that one', async () => {
    const { world, newest } = await scene();
    const there = await elsewhere(world);
    await move(world, there);
    await collectAll(world);
    expect(await Array.fromAsync(world.ports.catalog.backups.roots(world.vaultId))).toEqual([]);
    expect(await isKept(world, newest)).toBe(true);
    await writeBlock(world, 1, 'c');
    const next = await backUp(there);
    expect(next.stats).toMatchObject({ readBytes: BLOCK });
    expect([await isKept(world, newest), await isKept(world, next)]).toEqual([false, true]);
    await remove(there);
    await collectAll(there);
    expect(await isKept(world, next)).toBe(false);
  });

  it('goes with the last of its copies, when the disk came back before the first was collected', async () => {
    const { world, newest } = await scene();
    const there = await elsewhere(world);
    await move(world, there);
    await move(there, world);
    for (const one of [there, world]) {
      await collectAll(one);
      expect(await isKept(world, newest)).toBe(true);
    }
    await remove(world);
    await collectAll(world);
    expect(await isKept(world, newest)).toBe(false);
  });
});

describe('a snapshot that cannot be deleted', () => {
  it('during an outage keeps its backup for the next cycle', async () => {
    const { world, newest } = await scene();
    await remove(world);
    const { rootsRemoved } = await collect(world, failingDeletion(world, OUTAGE));
    expect(rootsRemoved).toBe(0);
    await collectAll(world);
    expect(await isKept(world, newest)).toBe(false);
  });

  it('at all is told, and what was stored is freed', async () => {
    const { world } = await scene();
    await remove(world);
    const refusal = new HoldfastError('config.invalid', {
      name: 'disks',
      reason: 'there are none',
    });
    const { rootsRemoved } = await collect(world, failingDeletion(world, refusal));
    expect(rootsRemoved).toBe(2);
    expect(world.probe.problems).toContainEqual(
      expect.objectContaining({ event: 'snapshot.not-deleted' }),
    );
  });

  it('is deleted again after a crash before its backup was removed', async () => {
    const { world, newest } = await scene();
    await remove(world);
    const { catalog } = world.ports;
    const removeRoot = () => Promise.reject(new Error('died'));
    const ports = {
      ...world.ports,
      catalog: { ...catalog, garbage: { ...catalog.garbage, removeRoot } },
    };
    await expect(collect(world, ports)).rejects.toThrow('died');
    await collectAll(world);
    expect(await isKept(world, newest)).toBe(false);
    expect(await Array.fromAsync(catalog.backups.roots(world.vaultId))).toEqual([]);
  });
});
