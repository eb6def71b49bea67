import { describe, expect, it } from '@jest/globals';
import { backupListResponse, jobResponse } from '../../lib/api/backup-schemas.ts';
import { HoldfastError } from '../../lib/errors.ts';
import type { BackupStatus } from '../../lib/model/backup.ts';
import { type ApiWorld, apiWorld, finishBackup, PROJECT, refusal } from '../support/api.ts';

const NONE = '11111111-2222-3333-4444-555555555555';

/** Brings an available backup into another status. */
async function setStatus(world: ApiWorld, id: string, ...statuses: BackupStatus[]) {
  for (const status of statuses) {
    await world.catalog.backups.setStatus(PROJECT, id, status, { atMs: world.clock.nowMs() });
  }
}

describe('show and rename backup', () => {
  it('answers with the whole backup', async () => {
    const world = await apiWorld();
    const { backupId, vaultId, checkpointId, diskId } = await world.addBackup(2 ** 30 + 1);
    world.clock.advance(1500);
    const renamed = await world.call('PUT', `/backups/${backupId}`, {
      backup: { name: 'new name' },
    });
    expect(renamed.status).toBe(200);
    const shown = await world.call('GET', `/backups/${backupId}`);
    expect(shown.body).toEqual(renamed.body);
    expect(shown.body).toMatchObject({
      backup: {
        id: backupId,
        vault_id: vaultId,
        checkpoint_id: checkpointId,
        name: 'new name',
        status: 'available',
        image_type: 'backup',
        resource_id: diskId,
        resource_size: 2,
        resource_az: 'local-a',
        resource_type: 'OS::Cinder::Volume',
        parent_id: '',
        version: 3,
        created_at: '2026-01-01T00:00:00.000+00:00',
        updated_at: '2026-01-01T00:00:01.500+00:00',
        expired_at: null,
        incremental: false,
        extend_info: { supported_restore_mode: 'backup', auto_trigger: false, incremental: false },
        children: [],
        error_info: { code: '', message: '' },
      },
    });
  });

  it('keeps the name without one, and refuses an empty one', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    expect((await world.call('PUT', `/backups/${backupId}`, { backup: {} })).body).toMatchObject({
      backup: { name: expect.stringMatching(/^manualbk_/) },
    });
    const empty = await world.call('PUT', `/backups/${backupId}`, { backup: { name: '' } });
    expect(empty.body).toEqual(refusal('BackupService.9900', 'backup.name'));
  });

  it('says why a backup failed', async () => {
    const world = await apiWorld();
    const { backupIds } = await world.addCheckpoint(await world.addVault([await world.addDisk()]));
    const failure = { code: 'disk.unavailable', message: 'the disk is away' };
    const change = { atMs: world.clock.nowMs(), failure };
    await world.catalog.backups.setStatus(PROJECT, backupIds[0]!, 'error', change);
    expect((await world.call('GET', `/backups/${backupIds[0]}`)).body).toMatchObject({
      backup: {
        status: 'error',
        error_info: failure,
        extend_info: { supported_restore_mode: 'na' },
      },
    });
  });

  it.each([NONE, 'nonsense'])('answers 404 for %s whatever is asked', async (id) => {
    const world = await apiWorld();
    const asked: [string, string, object?][] = [
      ['GET', ''],
      ['DELETE', ''],
      ['PUT', '', { backup: { name: 'x' } }],
      ['POST', '/restore', { restore: { volume_id: 'x' } }],
      ['POST', '/verify', {}],
    ];
    for (const [method, path, body] of asked) {
      const answer = await world.call(method, `/backups/${id}${path}`, body);
      expect(answer).toMatchObject({ status: 404, body: refusal('BackupService.6200') });
    }
  });
});

describe('list backups', () => {
  it('pages by offset and by marker, newest first', async () => {
    const world = await apiWorld();
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) {
      ids.unshift((await world.addBackup()).backupId);
      world.clock.advance(1000);
    }
    const list = async (query: string) => {
      const { backups, count } = backupListResponse.parse(
        (await world.call('GET', `/backups?${query}`)).body,
      );
      return { ids: backups.map(({ id }) => id), count };
    };
    expect(await list('')).toEqual({ ids, count: 4 });
    expect(await list('limit=2&offset=1')).toEqual({ ids: ids.slice(1, 3), count: 4 });
    expect(await list(`limit=2&marker=${ids[1]}`)).toEqual({ ids: ids.slice(2), count: 4 });
    expect(await list('sort=created_at:asc')).toEqual({ ids: ids.toReversed(), count: 4 });
    expect(await list('sort=status,created_at:asc&limit=1')).toEqual({
      ids: ids.slice(3),
      count: 4,
    });
    expect(await list('sort=id:desc')).toEqual({ ids: ids.toSorted().toReversed(), count: 4 });
    expect((await world.call('GET', `/backups?marker=${NONE}`)).body).toEqual(
      refusal('BackupService.9900', 'marker'),
    );
  });

  it.each([
    ['status=available', 1],
    ['status=protecting,available', 1],
    ['status=error', 0],
    ['name=none', 0],
    ['image_type=backup', 1],
    ['image_type=replication', 0],
    ['resource_type=OS::Cinder::Volume', 1],
    ['resource_type=OS::Nova::Server', 0],
    ['resource_name=disk', 1],
    ['resource_name=other', 0],
    ['resource_az=local-a', 1],
    ['resource_az=elsewhere', 0],
    ['incremental=true', 0],
    ['incremental=False', 1],
    ['own_type=private', 1],
    ['own_type=shared&member_status=pending', 0],
    ['parent_id=x', 0],
    ['dec=true', 0],
    ['show_replication=true', 1],
    ['enterprise_project_id=0', 1],
    ['enterprise_project_id=7', 0],
    ['enterprise_project_id=all_granted_eps', 1],
    ['used_percent=10', 1],
    ['used_percent=11', 0],
    ['start_time=2026-01-01T00:00:00Z', 1],
    ['start_time=2026-01-01T00:00:01Z', 0],
    ['end_time=2026-01-01T00%3A00%3A00Z', 1],
    ['end_time=2025-12-31T23:59:59Z', 0],
    ['checkpoint_id=x', 0],
    ['resource_id=x', 0],
    ['vault_id=x', 0],
  ])('filters by %s', async (query, count) => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()]);
    const { backupIds } = await world.addCheckpoint(vaultId);
    await finishBackup(world, backupIds[0]!, { storedBytes: 10 * 2 ** 30 });
    expect((await world.call('GET', `/backups?${query}`)).body).toMatchObject({ count });
  });

  it('filters by ids', async () => {
    const world = await apiWorld();
    const { backupId, vaultId, diskId, checkpointId } = await world.addBackup();
    await world.addBackup();
    for (const query of [
      `vault_id=${vaultId}`,
      `resource_id=${diskId}`,
      `checkpoint_id=${checkpointId}`,
    ]) {
      expect((await world.call('GET', `/backups?${query}`)).body).toMatchObject({
        count: 1,
        backups: [{ id: backupId }],
      });
    }
  });

  it.each([
    'limit=0',
    'sort=age',
    `marker=${'x'.repeat(256)}`,
    'sort=name:down',
    'sort=name,',
    'status=gone',
    'start_time=yesterday',
    'start_time=2026-02-30T00:00:00Z',
    'used_percent=0',
    'used_percent=101',
    'incremental=maybe',
    'image_type=x',
    'member_status=x',
  ])('refuses %s', async (query) => {
    const world = await apiWorld();
    const [field] = query.split('=') as [string];
    const answer = await world.call('GET', `/backups?${query}`);
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900', field) });
  });
});

describe('delete backup', () => {
  it('hides it, counts it no more, and logs it', async () => {
    const world = await apiWorld();
    const { backupId, vaultId, diskId } = await world.addBackup();
    const answer = await world.call('DELETE', `/backups/${backupId}`);
    expect(answer).toMatchObject({ status: 204, body: undefined });
    expect((await world.call('GET', `/backups/${backupId}`)).status).toBe(404);
    expect((await world.call('DELETE', `/backups/${backupId}`)).status).toBe(404);
    expect((await world.call('GET', '/backups')).body).toMatchObject({ count: 0 });
    expect((await world.call('GET', `/vaults/${vaultId}`)).body).toMatchObject({
      vault: { resources: [{ id: diskId, backup_count: 0 }] },
    });
    const logs = await world.call('GET', '/operation-logs?operation_type=delete');
    expect(logs.body).toMatchObject({
      count: 1,
      operation_logs: [
        {
          status: 'success',
          ended_at: '2026-01-01T00:00:00.000+00:00',
          extra_info: {
            common: { progress: 100, request_id: answer.headers['x-request-id'] },
            delete: { backup_id: backupId },
          },
        },
      ],
    });
  });

  it('refuses while it is made or restored', async () => {
    const world = await apiWorld();
    const { backupIds } = await world.addCheckpoint(await world.addVault([await world.addDisk()]));
    const { backupId } = await world.addBackup();
    const made = await world.call('DELETE', `/backups/${backupIds[0]}`);
    expect(made).toMatchObject({ status: 400, body: refusal('BackupService.6201') });
    await setStatus(world, backupId, 'waiting_restore');
    expect((await world.call('DELETE', `/backups/${backupId}`)).body).toEqual(
      refusal('BackupService.6216'),
    );
    await setStatus(world, backupId, 'restoring');
    expect((await world.call('DELETE', `/backups/${backupId}`)).body).toEqual(
      refusal('BackupService.6216'),
    );
  });

  it('keeps automatic backups of a locked vault, and deletes manual ones', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()], { locked: true });
    const automatic = (await world.addCheckpoint(vaultId, { auto_trigger: true })).backupIds[0]!;
    await finishBackup(world, automatic);
    const manual = (await world.addCheckpoint(vaultId)).backupIds[0]!;
    await finishBackup(world, manual);
    const kept = await world.call('DELETE', `/backups/${automatic}`);
    expect(kept).toMatchObject({ status: 400, body: refusal('BackupService.6220') });
    expect((await world.call('DELETE', `/backups/${manual}`)).status).toBe(204);

    const unlocked = await world.addVault([await world.addDisk()]);
    const free = (await world.addCheckpoint(unlocked, { auto_trigger: true })).backupIds[0]!;
    await finishBackup(world, free);
    expect((await world.call('DELETE', `/backups/${free}`)).status).toBe(204);
  });

  it('has deleted it even if that cannot be logged', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    const create = async () => {
      throw new HoldfastError('catalog.unavailable', { operation: 'create' });
    };
    const catalog = { ...world.catalog, tasks: { ...world.catalog.tasks, create } };
    const answer = await world.call('DELETE', `/backups/${backupId}`, undefined, {
      ...world,
      catalog,
    });
    expect(answer.status).toBe(204);
    expect(world.probe.problems).toMatchObject([{ event: 'backup.deletion-not-logged' }]);
  });
});

describe('verify backup', () => {
  it.each([
    [undefined, 100],
    [{}, 100],
    [{ verify: {} }, 100],
    [{ verify: { percent: 5 } }, 5],
  ])('starts with body %j', async (body, percent) => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    const answer = await world.call('POST', `/backups/${backupId}/verify`, body);
    expect(answer.status).toBe(202);
    const { job_id: jobId } = jobResponse.parse(answer.body);
    expect(world.jobs.started.at(-1)).toMatchObject({ kind: 'verify', name: jobId });
    expect((await world.call('GET', `/operation-logs/${jobId}`)).body).toMatchObject({
      operation_log: { operation_type: 'verify', extra_info: { verify: { percent } } },
    });
  });

  it('refuses a share that is none and a backup without data', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    for (const percent of [0, 101, 1.5, '5']) {
      const answer = await world.call('POST', `/backups/${backupId}/verify`, {
        verify: { percent },
      });
      expect(answer.body).toEqual(refusal('BackupService.9900', 'verify.percent'));
    }
    const { backupIds } = await world.addCheckpoint(await world.addVault([await world.addDisk()]));
    const early = await world.call('POST', `/backups/${backupIds[0]}/verify`);
    expect(early).toMatchObject({ status: 409, body: refusal('Holdfast.NotVerifiable') });
  });

  it('refuses while its vault is reconciled', async () => {
    const world = await apiWorld();
    const { backupId, vaultId } = await world.addBackup();
    await world.catalog.reconciling.begin(vaultId, 'run');
    expect(await world.call('POST', `/backups/${backupId}/verify`)).toMatchObject({
      status: 400,
      body: refusal('BackupService.6112', 'reconciling'),
    });
  });

  it('verifies a damaged backup', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    await setStatus(world, backupId, 'error');
    expect((await world.call('POST', `/backups/${backupId}/verify`)).status).toBe(202);
  });
});

describe('undelete backup', () => {
  it('lists what is deleted, and brings it back', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    const idsOf = async (query: string) => {
      const { body } = await world.call('GET', `/backups${query}`);
      return (body as { backups: { id: string }[] }).backups.map(({ id }) => id);
    };
    await world.call('DELETE', `/backups/${backupId}`);
    expect(await idsOf('')).toEqual([]);
    expect(await idsOf('?deleted=true')).toEqual([backupId]);
    const answer = await world.call('POST', `/backups/${backupId}/undelete`);
    expect(answer).toMatchObject({ status: 200, body: { backup: { status: 'available' } } });
    expect(await idsOf('')).toEqual([backupId]);
    expect(await idsOf('?deleted=true')).toEqual([]);
  });

  it('says that a backup is gone once it was collected', async () => {
    const world = await apiWorld();
    const answer = await world.call('POST', '/backups/none/undelete');
    expect(answer).toMatchObject({ status: 404, body: refusal('BackupService.6200') });
  });
});
