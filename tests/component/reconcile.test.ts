import { describe, expect, it } from '@jest/globals';
import { memoryBlockIndex } from '../../lib/adapters/memory/memory-block-index.ts';
import { commitMarkerKey, manifestKey, vaultFileKey } from '../../lib/format/object-keys.ts';
import { createCheckpoint } from '../../lib/service/create-checkpoint.ts';
import {
  beginReconciliation,
  findVaults,
  finishReconciliation,
  planVaultReconciliation,
} from '../../lib/service/reconcile-vault.ts';
import { runCollectJob } from '../../lib/service/run-collect-job.ts';
import { startVerify } from '../../lib/service/start-verify.ts';
import { expectCode } from '../support/catalog-assertions.ts';
import {
  bytesOf,
  collect,
  collectAll,
  collectorWorld,
  expectRestored,
  hide,
  keysOf,
} from '../support/collector-scenario.ts';
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
import {
  bindAgain,
  copiedAtOpen,
  copyOfCatalog,
  expectConsistent,
  fenceAll,
  loseCatalog,
  reconcile,
  reconcileAfterDeath,
  reconcilePorts,
  visibleBackups,
} from '../support/lost-catalog.ts';

const write = async (world: DataWorld, texts: string[]) => {
  for (const [number, text] of texts.entries()) await writeBlock(world, number, text);
};
const vaultOf = (world: DataWorld) => ({ projectId: PROJECT, vaultId: world.vaultId });
const objectsOf = (world: DataWorld) => new Map(world.objects.objects);

/** A vault with two backups of one disk. */
const given = async () => {
  const world = await collectorWorld(4);
  await write(world, ['a', 'b', 'c', 'd']);
  const first = await backUp(world);
  const firstContent = await bytesOf(world);
  await write(world, ['e']);
  const second = await backUp(world);
  return { world, first, firstContent, second, secondContent: await bytesOf(world) };
};

/** A backup that is whole, and the catalog as it was when its session had just been opened. */
const committedAfter = async (world: DataWorld) => {
  const { backupId, event } = await beginBackup(world);
  let running = copyOfCatalog(world);
  const ports = copiedAtOpen(world, world.ports, (copy) => {
    running = copy;
  });
  await runJob('backup', event, ports);
  return { backupId, event, running };
};

describe('a catalog that was lost', () => {
  it('comes back from S3 and the key alone, with what the manifests know', async () => {
    const { world, first, firstContent, second, secondContent } = await given();
    const before = objectsOf(world);
    loseCatalog(world);
    const { isNew, plan } = await reconcile(world);
    expect([isNew, plan.bringBack.length]).toEqual([true, 2]);
    expect(objectsOf(world)).toEqual(before);
    const { catalog } = world.ports;
    expect(await catalog.vaults.get(PROJECT, world.vaultId)).toMatchObject({
      name: 'vault',
      keyId: world.keyId,
      status: 'available',
    });
    const { status, name, disk, parentBackupId, createdAtMs, snapshotId, checkpointId } = second;
    expect(await catalog.backups.get(PROJECT, second.id)).toMatchObject({
      status,
      name,
      parentBackupId,
      createdAtMs,
      snapshotId,
      checkpointId,
      disk: { ...disk, availabilityZone: 'local-a' },
    });
    const checkpoint = await catalog.backups.checkpoint(PROJECT, first.checkpointId);
    expect(checkpoint.backups.map(({ backupId }) => backupId)).toEqual([first.id]);
    await expectRestored(world, first.id, firstContent);
    await expectRestored(world, second.id, secondContent);
  });

  it('is found again in the index: the next backup stores nothing twice', async () => {
    const { world } = await given();
    loseCatalog(world);
    world.ports.index = memoryBlockIndex();
    await reconcile(world);
    await bindAgain(world);
    const { stats } = await backUp(world, DISK, false);
    expect(stats).toMatchObject({ newBytes: 0 });
  });

  it('shows deleted backups again, and leaves all of them to their owner', async () => {
    const { world, first } = await given();
    await hide(world, first);
    loseCatalog(world);
    await reconcile(world);
    expect((await visibleBackups(world)).get(first.id)).toBe('available');
    const { autoTrigger, expiresAtMs } = await world.ports.catalog.backups.get(PROJECT, first.id);
    expect([autoTrigger, expiresAtMs]).toEqual([false, undefined]);
  });

  it('lists a backup that is not whole as damaged, and a manifest that cannot be read', async () => {
    const { world, first, second, secondContent } = await given();
    const [pack] = keysOf(world, '/packs/');
    const { sessionId } = first.manifest!;
    world.objects.objects.get(manifestKey(vaultOf(world), sessionId))!.fill(7);
    loseCatalog(world);
    await reconcile(world);
    const visible = await visibleBackups(world);
    expect([visible.get(second.id), visible.size]).toEqual(['available', 2]);
    const unreadable = [...visible.keys()].find((id) => id !== second.id)!;
    expect(visible.get(unreadable)).toBe('error');
    // Until somebody has deleted it nobody knows what it names.
    expect((await collect(world)).blocked).toHaveLength(1);
    await hide(world, { id: unreadable });
    await collectAll(world);
    await expectRestored(world, second.id, secondContent);

    world.objects.objects.delete(pack!);
    loseCatalog(world);
    await reconcile(world);
    expect((await visibleBackups(world)).get(second.id)).toBe('error');
    expect((await collect(world)).blocked).toEqual([]);
  });

  it('takes one of the manifests that attempts of one backup have written', async () => {
    const { world, first, firstContent } = await given();
    const { objects } = world.objects;
    const { sessionId } = first.manifest!;
    const other = world.ids.uuid();
    const bytes = objects.get(manifestKey(vaultOf(world), sessionId))!;
    objects.set(manifestKey(vaultOf(world), other), bytes);
    loseCatalog(world);
    await reconcile(world);
    const { manifest } = await world.ports.catalog.backups.get(PROJECT, first.id);
    expect(manifest?.sessionId).toBe(sessionId);
    expect(await collect(world)).toMatchObject({ blocked: [] });
    await expectRestored(world, first.id, firstContent);
    expect(objects.has(manifestKey(vaultOf(world), other))).toBe(false);
  });

  it('begins nothing with another master key, and needs no vault file', async () => {
    const { world } = await given();
    const { objects } = world.objects;
    objects.delete(vaultFileKey(vaultOf(world)));
    loseCatalog(world);
    const ports = reconcilePorts(world);
    const keys = { ...ports.keys, unwrap: () => Promise.reject(new Error('another key')) };
    await expect(reconcile(world, { ...ports, keys })).rejects.toThrow('another key');
    expect(world.state.vaults.size).toBe(0);
    expect(await findVaults(ports)).toEqual([vaultOf(world)]);
    await reconcile(world);
    const { name } = await world.ports.catalog.vaults.get(PROJECT, world.vaultId);
    expect(name).toBe(`vault-${world.vaultId.slice(0, 8)}`);
    for (const key of objects.keys()) if (key.includes('/keys/')) objects.delete(key);
    loseCatalog(world);
    await expectCode(reconcile(world), 'key.missing');
  });
});

describe('a catalog that was restored to an earlier time', () => {
  it('is named by the collector together with what mends it', async () => {
    const { world } = await given();
    const earlier = copyOfCatalog(world);
    await write(world, ['x']);
    const lost = await backUp(world);
    loseCatalog(world, earlier);
    await collect(world);
    const [problem] = world.probe.problems.filter(({ event }) => event === 'collection.blocked');
    expect(String(problem?.error)).toContain(`holdfast -- reconcile ${world.vaultId}`);
    const { plan } = await planVaultReconciliation(vaultOf(world), reconcilePorts(world));
    expect(plan.bringBack.map(({ backup: { id } }) => id)).toEqual([lost.id]);
    expect(world.state.backups.has(lost.id)).toBe(false);
    await reconcile(world);
    expect((await collect(world)).blocked).toEqual([]);
    expect((await visibleBackups(world)).get(lost.id)).toBe('available');
  });

  it('marks backups as damaged that were deleted and collected since', async () => {
    const { world, first, second, secondContent } = await given();
    const earlier = copyOfCatalog(world);
    await hide(world, first);
    await collectAll(world);
    loseCatalog(world, earlier);
    await reconcile(world);
    const gone = await world.ports.catalog.backups.get(PROJECT, first.id);
    expect(gone).toMatchObject({ status: 'error', root: 'NONE' });
    expect(await visibleBackups(world)).toEqual(new Map([[second.id, 'available']]));
    await expectRestored(world, second.id, secondContent);
    await hide(world, first);
    await collectAll(world);
    expect(world.state.backups.has(first.id)).toBe(false);
    await expectRestored(world, second.id, secondContent);
  });

  it('offers no slot for reuse that its pack has lost since', async () => {
    const { world, first, second } = await given();
    await writeBlock(world, 1, 'other');
    await backUp(world);
    const earlier = copyOfCatalog(world);
    for (const backup of [first, second]) await hide(world, backup);
    const reports = await collectAll(world);
    expect(reports.reduce((sum, { shrunk }) => sum + shrunk, 0)).toBeGreaterThan(0);
    loseCatalog(world, earlier);
    await reconcile(world);
    for await (const pack of world.ports.catalog.garbage.packs(world.vaultId))
      expect(pack.storedBytes).toBe(
        world.objects.objects.get(keysOf(world, pack.id)[0] ?? '')?.length,
      );
    await write(world, ['a', 'b']);
    const again = await backUp(world);
    await expectRestored(world, again.id, await bytesOf(world));
  });

  it('fences who still writes, and finishes the one whose manifest is stored', async () => {
    const { world } = await given();
    await write(world, ['x']);
    const { backupId, running } = await committedAfter(world);
    const { sessions } = world.ports.catalog;
    loseCatalog(world, running);
    const [session, ...others] = await sessions.listOpen(world.vaultId);
    expect(others).toEqual([]);
    // It died between the commit and its marker: only the manifest tells.
    expect(world.objects.objects.delete(commitMarkerKey(vaultOf(world), session!.id))).toBe(true);
    await reconcile(world);
    expect(await sessions.listOpen(world.vaultId)).toEqual([]);
    expect((await visibleBackups(world)).get(backupId)).toBe('available');
    await expectRestored(world, backupId, await bytesOf(world));
  });

  it('makes a vault that was deleted since one whose backups can be recovered without it', async () => {
    const { world } = await given();
    world.objects.objects.clear();
    await reconcile(world);
    expect([...(await visibleBackups(world)).values()]).toEqual([]);
    const again = await backUp(world);
    loseCatalog(world);
    await reconcile(world);
    await expectRestored(world, again.id, await bytesOf(world));
    expect((await world.ports.catalog.vaults.get(PROJECT, world.vaultId)).name).toBe('vault');
  });

  it('undeletes a backup of which blocks are missing as a damaged one', async () => {
    const { world, first } = await given();
    await hide(world, first);
    world.objects.objects.delete(keysOf(world, '/packs/')[0]!);
    await reconcile(world);
    await world.ports.catalog.garbage.undelete(PROJECT, first.id, world.clock.nowMs());
    expect((await visibleBackups(world)).get(first.id)).toBe('error');
  });

  it('believes a commit marker, whatever became of the session since the tables were put back', async () => {
    const { world } = await given();
    await write(world, ['x']);
    const { backupId, running } = await committedAfter(world);
    loseCatalog(world, running);
    // The watchdog is there before the reconciliation.
    await fenceAll(world);
    await reconcileAfterDeath(world, 30);
    expect((await visibleBackups(world)).get(backupId)).toBe('available');
    expect(await collect(world)).toMatchObject({ blocked: [] });
    await expectRestored(world, backupId, await bytesOf(world));
  });

  it('collects again after a backup that was committed has been run a second time', async () => {
    const { world } = await given();
    await write(world, ['x']);
    const { backupId, event, running } = await committedAfter(world);
    loseCatalog(world, running);
    await fenceAll(world);
    const { tasks } = world.ports.catalog;
    const atMs = world.clock.nowMs();
    const { operationLogId } = event;
    await tasks.start(PROJECT, operationLogId, { atMs, totalBytes: 1, restarts: 1 });
    await runJob('backup', { ...event, attempt: 1 }, world.ports);
    expect((await collect(world)).blocked).not.toEqual([]);
    await reconcile(world);
    expect(await collect(world)).toMatchObject({ blocked: [] });
    await collectAll(world);
    await expectRestored(world, backupId, await bytesOf(world));
  });

  it('changes nothing of a vault with which nothing is wrong, twice', async () => {
    const { world, first } = await given();
    await hide(world, first);
    const before = copyOfCatalog(world);
    for (let n = 0; n < 2; n++) await reconcile(world);
    const { backups, packs, sessions, usage, checkpoints } = world.state;
    const { hiddenAtMs: _, deletedEpoch: __, ...hidden } = before.backups.get(first.id)!;
    expect(backups.get(first.id)).toMatchObject(hidden);
    backups.delete(first.id);
    before.backups.delete(first.id);
    const { backups: b, packs: p, sessions: s, usage: u, checkpoints: c } = before;
    expect([backups, packs, sessions, usage, checkpoints]).toEqual([b, p, s, u, c]);
  });
});

it('leaves a pack that a collector has begun to shrink to the next one', async () => {
  const { world, first, second, secondContent } = await given();
  await hide(world, first);
  await collect(world);
  const { packs } = world.state;
  const [shrinking] = [...packs.values()].filter(({ state }) => state === 'SEALED');
  shrinking!.state = 'SHRINKING';
  await reconcile(world);
  expect(packs.get(`${world.vaultId}/${shrinking!.id}`)?.state).toBe('SHRINKING');
  expect((await collect(world)).blocked).toEqual([]);
  expect(packs.get(`${world.vaultId}/${shrinking!.id}`)?.state).toBe('SEALED');
  await expectRestored(world, second.id, secondContent);
});

describe('while a vault is RECONCILING', () => {
  it('lets a backup be deleted that it finds damaged', async () => {
    const { world, second } = await given();
    world.objects.objects.delete(keysOf(world, '/packs/')[0]!);
    const ports = reconcilePorts(world);
    const { run } = await beginReconciliation(vaultOf(world), ports);
    const { backups } = ports.catalog;
    const setStatus: typeof backups.setStatus = async (...change) => {
      await hide(world, second);
      return backups.setStatus(...change);
    };
    const catalog = { ...ports.catalog, backups: { ...backups, setStatus } };
    const { damaged } = await finishReconciliation(run, { ...ports, catalog });
    expect(damaged.length).toBeGreaterThan(0);
    expect((await visibleBackups(world)).has(second.id)).toBe(false);
    await expectConsistent(world);
  });

  it('takes no backup and no verify, shows its backups, and is taken over', async () => {
    const { world, first } = await given();
    const ports = reconcilePorts(world);
    const { run } = await beginReconciliation(vaultOf(world), ports);
    const caller = { projectId: PROJECT, userId: 'u', role: 'Full', requestId: 'r' } as never;
    const command = { vaultId: world.vaultId, description: '', incremental: true };
    const begin = createCheckpoint(
      { ...command, autoTrigger: false },
      caller,
      world.ports as never,
    );
    await expectCode(begin, 'BackupService.6113');
    const verifying = startVerify({ backupId: first.id, percent: 100 }, caller, world.ports);
    await expectCode(verifying, 'BackupService.6112');
    await expectCode(collect(world), 'vault.reconciling');
    const job = await runCollectJob(vaultOf(world), plainContext(world.ports));
    expect(job).toEqual({ ended: 'reconciling', cycles: 0 });
    expect((await visibleBackups(world)).size).toBe(2);
    await reconcile(world);
    await expectCode(finishReconciliation(run, ports), 'cycle.superseded');
    expect(await collect(world)).toMatchObject({ blocked: [] });
  });
});
