import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import type { ApiPorts } from '../../lib/service/api-ports.ts';
import { apiWorld, finishBackup, PROJECT, refusal, resources } from '../support/api.ts';
import { backupsIn } from '../support/listed.ts';

const back = (vaultId: string, parameters?: object) => ({
  checkpoint: { vault_id: vaultId, ...(parameters ? { parameters } : {}) },
});

describe('create checkpoint', () => {
  it('begins a backup of each disk, starts its job, and says so in texts', async () => {
    const world = await apiWorld();
    const diskIds = [await world.addDisk(2 * 2 ** 30, 'one'), await world.addDisk(1, 'two')];
    const vaultId = await world.addVault(diskIds);
    const answer = await world.call('POST', '/checkpoints', back(vaultId, { description: 'x' }));
    expect(answer).toMatchObject({
      status: 200,
      body: {
        checkpoint: {
          project_id: PROJECT,
          status: 'protecting',
          created_at: '2026-01-01T00:00:00.000+00:00',
          vault: { id: vaultId, name: 'vault-1', skipped_resources: [] },
          extra_info: { description: 'x', retention_duration: -1 },
        },
      },
    });
    const backups = await backupsIn(world.catalog, PROJECT);
    expect(backups.map((backup) => backup.disk.id).toSorted()).toEqual(diskIds.toSorted());
    for (const backup of backups) {
      expect(backup).toMatchObject({
        status: 'waiting_protect',
        root: 'NONE',
        incremental: true,
        autoTrigger: false,
        name: expect.stringMatching(/^manualbk_[0-9a-f]{4}-000[12]$/),
        description: 'x',
      });
      expect(world.jobs.started).toContainEqual({
        kind: 'backup',
        name: backup.operationLogId,
        projectId: PROJECT,
        operationLogId: backup.operationLogId,
      });
      const task = await world.catalog.tasks.get(PROJECT, backup.operationLogId);
      expect(task).toMatchObject({ type: 'backup', status: 'waiting', backupId: backup.id });
      expect(task.requestId).toBe(answer.headers['x-request-id']);
    }
    expect(world.jobs.started).toHaveLength(2);
    expect(JSON.stringify(answer.body)).toContain('"resource_size":"2"');
    expect(JSON.stringify(answer.body)).toContain('"backup_count":"0"');
  });

  it.each([
    [{}, {}, /^manualbk_[0-9a-f]{4}$/],
    [{ name: 'before upgrade' }, {}, /^before upgrade$/],
    [{ auto_trigger: true }, {}, /^autobk_[0-9a-f]{4}$/],
    [{ auto_trigger: true }, { backup_name_prefix: 'nightly' }, /^nightly_[0-9a-f]{4}$/],
    [{ incremental: false }, { backup_name_prefix: 'nightly' }, /^manualbk_[0-9a-f]{4}$/],
  ])('names a backup with %j in a vault with %j', async (parameters: object, vault, name) => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()], vault);
    const { backupIds } = await world.addCheckpoint(vaultId, parameters);
    const backup = await world.catalog.backups.get(PROJECT, backupIds[0]!);
    expect(backup).toMatchObject({
      name: expect.stringMatching(name),
      incremental: !('incremental' in parameters),
      autoTrigger: 'auto_trigger' in parameters,
    });
  });

  it.each([
    ['resources', (id: string) => ({ resources: [id] })],
    ['resource_details', (id: string) => ({ resource_details: resources([id]) })],
  ])('backs up only what %s names', async (_, parameters) => {
    const world = await apiWorld();
    const [one, two] = [await world.addDisk(), await world.addDisk()];
    const vaultId = await world.addVault([one, two]);
    await world.addCheckpoint(vaultId, parameters(two));
    const backups = await backupsIn(world.catalog, PROJECT);
    expect(backups.map((backup) => backup.disk.id)).toEqual([two]);
  });

  it('skips disks that cannot be backed up now, with code and reason', async () => {
    const world = await apiWorld();
    const [good, gone, broken, busy] = [
      await world.addDisk(1, 'good'),
      await world.addDisk(1, 'gone'),
      await world.addDisk(1, 'broken'),
      await world.addDisk(1, 'busy'),
    ];
    const vaultId = await world.addVault([good, gone, broken, busy]);
    await world.addCheckpoint(vaultId, { resources: [busy] });
    await world.disks.deleteDisk(gone);
    world.disks.setDisk(broken, { status: 'error' });
    world.disks.setDisk(good, { status: 'in-use' });
    const { checkpointId } = await world.addCheckpoint(vaultId);
    const { body } = await world.call('GET', `/checkpoints/${checkpointId}`);
    const skipped = { type: 'OS::Cinder::Volume', reason: expect.stringMatching(/./) };
    expect(body).toMatchObject({
      checkpoint: {
        vault: {
          resources: [{ id: good, name: 'good', protect_status: 'protecting' }],
          skipped_resources: expect.arrayContaining([
            { ...skipped, id: gone, name: 'gone', code: 'BackupService.7000' },
            { ...skipped, id: broken, name: 'broken', code: 'BackupService.7003' },
            { ...skipped, id: busy, name: 'busy', code: 'BackupService.6125' },
          ]),
        },
      },
    });
  });

  it('answers 6125 while all of its disks are being backed up, and begins nothing', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk(), await world.addDisk()]);
    await world.addCheckpoint(vaultId);
    const again = await world.call('POST', '/checkpoints', back(vaultId));
    expect(again).toMatchObject({ status: 400, body: refusal('BackupService.6125') });
    expect(world.jobs.started).toHaveLength(2);
  });

  it('lets one of two requests at the same time begin', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()]);
    const both = await Promise.all([
      world.call('POST', '/checkpoints', back(vaultId)),
      world.call('POST', '/checkpoints', back(vaultId)),
    ]);
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 400]));
    expect(both.find(({ status }) => status === 400)?.body).toEqual(refusal('BackupService.6125'));
    expect(world.jobs.started).toHaveLength(1);
  });

  it('names a disk as skipped when another request took it in between', async () => {
    const world = await apiWorld();
    const [one, two] = [await world.addDisk(), await world.addDisk()];
    const vaultId = await world.addVault([one, two]);
    const { backups } = world.catalog;
    const begin: typeof backups.begin = async (backup, task) => {
      if (backup.disk.id === one) throw new HoldfastError('BackupService.6125', { id: vaultId });
      await backups.begin(backup, task);
    };
    const ports = { ...world, catalog: { ...world.catalog, backups: { ...backups, begin } } };
    const answer = await world.call('POST', '/checkpoints', back(vaultId), ports);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        checkpoint: {
          vault: {
            resources: [{ id: two }],
            skipped_resources: [{ id: one, code: 'BackupService.6125' }],
          },
        },
      },
    });
  });

  it('succeeds when a job cannot be started: the task waits for the watchdog', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()]);
    const start = async () => {
      throw new HoldfastError('job.unavailable', { name: 'x' });
    };
    const ports: ApiPorts = { ...world, jobs: { ...world.jobs, start } };
    const answer = await world.call('POST', '/checkpoints', back(vaultId), ports);
    expect(answer.status).toBe(200);
    const tasks = await Array.fromAsync(world.catalog.tasks.unfinished());
    expect(tasks).toMatchObject([{ status: 'waiting' }]);
    expect(world.probe.problems).toMatchObject([{ event: 'job.start-postponed' }]);
  });

  it('begins nothing when the disk service cannot answer', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk(), await world.addDisk()]);
    const describe = async (id: string) => {
      throw new HoldfastError('disk.unavailable', { id, operation: 'describe' });
    };
    const disks = new Proxy(world.disks, {
      get: (target, name) => (name === 'describe' ? describe : Reflect.get(target, name)),
    });
    const answer = await world.call('POST', '/checkpoints', back(vaultId), { ...world, disks });
    expect(answer).toMatchObject({ status: 503, body: refusal('Holdfast.Unavailable') });
    expect(await backupsIn(world.catalog, PROJECT)).toEqual([]);
  });

  it.each([
    ['a missing vault', { vault_id: '11111111-2222-3333-4444-555555555555' }, 404, '6105'],
    ['no vault', { vault_id: undefined }, 400, '9900'],
    ['a disk of another vault', { parameters: { resources: ['x'] } }, 400, '6135'],
    ['a disk twice', { parameters: { resources: ['x', 'x'] } }, 400, '6104'],
    [
      'a server',
      { parameters: { resource_details: [{ id: 'x', type: 'OS::Nova::Server' }] } },
      400,
      '6102',
    ],
    [
      'disks named in both ways',
      { parameters: { resource_details: resources(['x']), resources: ['x'] } },
      400,
      '9900',
    ],
    ['a name that is too long', { parameters: { name: 'x'.repeat(65) } }, 400, '9900'],
    ['a name of two lines', { parameters: { name: 'a\nb' } }, 400, '9900'],
    ['an end of its time', { parameters: { retention_duration_days: 7 } }, 400, '9900'],
    ['incremental as text', { parameters: { incremental: 'true' } }, 400, '9900'],
  ])('refuses %s', async (_, change, status, code) => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()]);
    const request = { checkpoint: { vault_id: vaultId, ...change } };
    const answer = await world.call('POST', '/checkpoints', request);
    expect(answer).toMatchObject({ status, body: refusal(`BackupService.${code}`) });
    expect(world.jobs.started).toEqual([]);
  });

  it('refuses an empty vault, and one whose disks are all gone', async () => {
    const world = await apiWorld();
    const empty = await world.call('POST', '/checkpoints', back(await world.addVault()));
    expect(empty).toMatchObject({ status: 400, body: refusal('BackupService.0001') });
    const diskId = await world.addDisk();
    const vaultId = await world.addVault([diskId]);
    await world.disks.deleteDisk(diskId);
    const gone = await world.call('POST', '/checkpoints', back(vaultId));
    expect(gone).toMatchObject({ status: 400, body: refusal('BackupService.0001') });
  });

  it('has nothing to back up when some disks are busy and the others gone', async () => {
    const world = await apiWorld();
    const [busy, gone] = [await world.addDisk(), await world.addDisk()];
    const vaultId = await world.addVault([busy, gone]);
    await world.addCheckpoint(vaultId, { resources: [busy] });
    await world.disks.deleteDisk(gone);
    const answer = await world.call('POST', '/checkpoints', back(vaultId));
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.0001') });
  });

  it('refuses a vault in another state', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()]);
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    await world.catalog.vaults.update({ ...vault, status: 'frozen' });
    const answer = await world.call('POST', '/checkpoints', back(vaultId));
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.6113', 'frozen') });
  });

  it('refuses a full vault, unless it may expand', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()], { billing: { size: 10 } });
    const { backupIds } = await world.addCheckpoint(vaultId);
    const set = (vault: object) => world.call('PUT', `/vaults/${vaultId}`, { vault });
    expect((await set({ auto_expand: true })).status).toBe(200);
    await finishBackup(world, backupIds[0]!, { storedBytes: 13 * 2 ** 30 });
    await set({ auto_expand: false, billing: { size: 13 } });
    const full = await world.call('POST', '/checkpoints', back(vaultId));
    expect(full).toMatchObject({ status: 400, body: refusal('BackupService.6114') });

    // Turned on when it is full already, it has no effect, however often (spec FO5).
    await set({ auto_expand: true });
    await set({ auto_expand: true });
    const late = await world.call('POST', '/checkpoints', back(vaultId));
    expect(late).toMatchObject({ status: 400, body: refusal('BackupService.6114') });

    // With room again it does from then on: 1.25 times 14, rounded up.
    await set({ billing: { size: 14 } });
    const next = await world.addCheckpoint(vaultId);
    await finishBackup(world, next.backupIds[0]!, { storedBytes: 2 ** 30 });
    expect((await world.call('POST', '/checkpoints', back(vaultId))).status).toBe(200);
    expect((await world.catalog.vaults.get(PROJECT, vaultId)).sizeGib).toBe(18);
  });

  it('FO5: lets a vault expand again once backups were deleted from it', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()], { billing: { size: 10 } });
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    await world.catalog.vaults.update({ ...vault, autoExpand: true, expandsNot: true });
    const { backupIds } = await world.addCheckpoint(vaultId);
    expect(await world.catalog.vaults.get(PROJECT, vaultId)).not.toHaveProperty('expandsNot');
    await finishBackup(world, backupIds[0]!, { storedBytes: 10 * 2 ** 30 });
    expect((await world.call('POST', '/checkpoints', back(vaultId))).status).toBe(200);
    expect((await world.catalog.vaults.get(PROJECT, vaultId)).sizeGib).toBe(13);
  });
});

describe('show checkpoint', () => {
  it('is protecting until the next backup may begin', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()]);
    const { checkpointId, backupIds } = await world.addCheckpoint(vaultId);
    const [id] = backupIds;
    const { operationLogId } = await world.catalog.backups.get(PROJECT, id!);
    const status = async () => {
      const { body } = await world.call('GET', `/checkpoints/${checkpointId}`);
      const next = await world.call('POST', '/checkpoints', back(vaultId));
      return [(body as { checkpoint: { status: string } }).checkpoint.status, next.status];
    };
    const atMs = world.clock.nowMs();
    await world.catalog.backups.setStatus(PROJECT, id!, 'error', { atMs });
    expect(await status()).toEqual(['protecting', 400]);
    await world.catalog.tasks.end(PROJECT, operationLogId, { status: 'failed', atMs });
    expect(await status()).toEqual(['error', 200]);
    expect(await status()).toEqual(['error', 400]);
  });

  it('follows its backups: protecting, available, error, and gone with the last one', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk(), await world.addDisk()]);
    const { checkpointId, backupIds } = await world.addCheckpoint(vaultId, { name: 'kept' });
    const show = () => world.call('GET', `/checkpoints/${checkpointId}`);
    const status = (text: string) => ({
      checkpoint: { status: text, extra_info: { name: 'kept' } },
    });
    await finishBackup(world, backupIds[0]!);
    expect((await show()).body).toMatchObject(status('protecting'));
    await finishBackup(world, backupIds[1]!);
    expect((await show()).body).toMatchObject(status('available'));
    const failure = { code: 'backup.damaged', message: 'x' };
    const change = { atMs: world.clock.nowMs(), failure };
    await world.catalog.backups.setStatus(PROJECT, backupIds[1]!, 'error', change);
    expect((await show()).body).toMatchObject(status('error'));

    await world.call('DELETE', `/backups/${backupIds[1]}`);
    expect((await show()).body).toMatchObject({
      checkpoint: { status: 'available', vault: { resources: [{ backup_count: '1' }] } },
    });
    await world.call('DELETE', `/backups/${backupIds[0]}`);
    expect(await show()).toMatchObject({ status: 404, body: refusal('BackupService.6217') });
  });

  it.each(['11111111-2222-3333-4444-555555555555', 'nonsense'])(
    'answers 404 for %s',
    async (id) => {
      const world = await apiWorld();
      const answer = await world.call('GET', `/checkpoints/${id}`);
      expect(answer).toMatchObject({ status: 404, body: refusal('BackupService.6217') });
    },
  );
});
