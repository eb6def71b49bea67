import { expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { deleteVault } from '../../lib/service/delete-vault.ts';
import { runCollectJob } from '../../lib/service/run-collect-job.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import { collectAll, collectorWorld, hide } from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import {
  backUp,
  beginBackup,
  bindDisk,
  type DataWorld,
  PROJECT,
  plainContext,
  runJob,
} from '../support/data-world.ts';
import { tasksIn } from '../support/listed.ts';

const caller = { projectId: PROJECT, userId: 'u', requestId: 'r', role: 'Full' } as const;
const vaultOf = ({ vaultId }: DataWorld) => ({ projectId: PROJECT, vaultId });

const filled = async () => {
  const world = await collectorWorld(4, { windowMs: 86_400_000, sessionsKeptMs: 86_400_000 });
  for (const [n, text] of ['a', 'b', 'c'].entries()) await writeBlock(world, n, text);
  const first = await backUp(world);
  await writeBlock(world, 0, 'd');
  await backUp(world);
  await hide(world, first);
  return world;
};

/** Items of the vault that the catalog still has; its log and its ledger stay for whoever asks. */
const itemsOf = ({ state, vaultId }: DataWorld) => {
  const { tasks: _, progress: __, credentials: ___, vaultChanges: ____, ...kept } = state;
  return Object.entries(kept).flatMap(([name, items]) =>
    items instanceof Map
      ? [...(items as Map<unknown, unknown>)]
          .filter(([key, item]) => JSON.stringify([key, item]).includes(vaultId))
          .map(([key]) => `${name} ${String(key)}`)
      : [],
  );
};

const deletionTasks = async ({ ports }: DataWorld) =>
  (await tasksIn(ports.catalog, PROJECT)).filter(({ type }) => type === 'vault_delete');

it('has a task, also when it is asked for again; the watchdog ends it when nobody else could', async () => {
  const world = await filled();
  const ports = { ...world, ...world.ports };
  await deleteVault(vaultOf(world), caller, ports);
  world.clock.advance(86_400_000);
  await deleteVault(vaultOf(world), caller, ports);
  await watchJobs(world.ports);
  const [task, ...others] = await deletionTasks(world);
  expect(others).toEqual([]);
  expect(task).toMatchObject({ status: 'running', requestId: 'r', vaultId: world.vaultId });
  const end = () => Promise.reject(new Error('died'));
  const dying = { ...world.ports.catalog, tasks: { ...world.ports.catalog.tasks, end } };
  const crashing = plainContext({ ...world.ports, catalog: dying });
  await expect(runCollectJob(vaultOf(world), crashing)).rejects.toThrow('died');
  await watchJobs(world.ports);
  expect(await deletionTasks(world)).toMatchObject([{ id: task!.id, status: 'success' }]);
});

it('gets its task from the collector when whoever asked for it died before logging it', async () => {
  const world = await filled();
  const { catalog } = world.ports;
  const usage = () => Promise.reject(new Error('died'));
  const dying = { ...catalog, vaults: { ...catalog.vaults, usage } };
  const ports = { ...world, ...world.ports, catalog: dying };
  await expect(deleteVault(vaultOf(world), caller, ports)).rejects.toThrow('died');
  expect(await deletionTasks(world)).toEqual([]);
  expect(await catalog.vaults.get(PROJECT, world.vaultId)).toMatchObject({ status: 'deleting' });
  expect(await runCollectJob(vaultOf(world), plainContext(world.ports))).toMatchObject({
    ended: 'success',
  });
  expect(await deletionTasks(world)).toMatchObject([
    { status: 'success', requestId: 'collector', outcome: { backups: 1 } },
  ]);
});

it('ends with nothing left, neither objects nor items, whatever clock a backup was deleted by', async () => {
  const world = await filled();
  const later = world.clock.nowMs() + 10 * 365 * 86_400_000;
  for (const [id, backup] of world.state.backups)
    if (backup.root === 'HIDDEN') world.state.backups.set(id, { ...backup, hiddenAtMs: later });
  await deleteVault(vaultOf(world), caller, { ...world, ...world.ports });
  expect(world.jobs.collections).toMatchObject([vaultOf(world)]);
  const end = await runCollectJob(vaultOf(world), plainContext(world.ports));
  expect(end).toMatchObject({ ended: 'success' });
  expect([...world.objects.objects.keys()]).toEqual([]);
  expect(itemsOf(world)).toEqual([]);
  expect(await deletionTasks(world)).toMatchObject([
    { status: 'success', outcome: { backups: 1 }, endedAtMs: expect.any(Number) },
  ]);
  expect(await runCollectJob(vaultOf(world), plainContext(world.ports))).toMatchObject({
    ended: 'gone',
  });
});

it('is refused when the vault is locked while its disks are taken out', async () => {
  const world = await filled();
  const { catalog } = world.ports;
  const unbind: typeof catalog.vaults.unbind = async (disk) => {
    await catalog.vaults.unbind(disk);
    const vault = await catalog.vaults.get(PROJECT, world.vaultId);
    await catalog.vaults.update({ ...vault, locked: true });
  };
  const locking = { ...catalog, vaults: { ...catalog.vaults, unbind } };
  const ports = { ...world, ...world.ports, catalog: locking };
  const refused = { code: 'BackupService.6111' };
  await expect(deleteVault(vaultOf(world), caller, ports)).rejects.toMatchObject(refused);
  await expect(deleteVault(vaultOf(world), caller, ports)).rejects.toMatchObject(refused);
  expect(await catalog.vaults.get(PROJECT, world.vaultId)).toMatchObject({ status: 'available' });
});

it('is refused while a disk is being backed up', async () => {
  const world = await filled();
  const { event } = await beginBackup(world);
  const deletion = deleteVault(vaultOf(world), caller, { ...world, ...world.ports });
  await expect(deletion).rejects.toMatchObject({ code: 'BackupService.6111' });
  await runJob('backup', event, world.ports);
  expect(await world.ports.catalog.vaults.get(PROJECT, world.vaultId)).toMatchObject({
    status: 'available',
  });
});

it('keeps its disks as they were when it cannot begin', async () => {
  const world = await filled();
  const { catalog } = world.ports;
  const { vaults, garbage } = catalog;
  await world.disks.addDisk({ id: 'disk-2', name: 'other', sizeBytes: 512 });
  await bindDisk(world, 'disk-2');
  const suspended = { ...vaultOf(world), diskId: 'disk-2' };
  await vaults.setSuspended(suspended, true);
  const bindings = await vaults.bindings(world.vaultId);
  const startDeletingVault = async () => {
    expect(await vaults.bindings(world.vaultId)).toEqual([]);
    throw new HoldfastError('catalog.unavailable', { operation: 'startDeletingVault' });
  };
  const failing = { ...catalog, garbage: { ...garbage, startDeletingVault } };
  const ports = { ...world, ...world.ports };
  const deletion = deleteVault(vaultOf(world), caller, { ...ports, catalog: failing });
  await expect(deletion).rejects.toMatchObject({ code: 'catalog.unavailable' });
  expect(await vaults.bindings(world.vaultId)).toEqual(bindings);
  expect(world.probe.problems).toEqual([]);
  await deleteVault(vaultOf(world), caller, ports);
});

it('lets nothing new begin, and may be asked for again', async () => {
  const world = await filled();
  const ports = { ...world, ...world.ports };
  await deleteVault(vaultOf(world), caller, ports);
  await deleteVault(vaultOf(world), caller, ports);
  expect(world.jobs.collections).toHaveLength(1);
  await expect(bindDisk(world)).rejects.toThrow();
  await collectAll(world).catch(() => {});
  expect([...world.objects.objects.keys()]).toEqual([]);
});
