import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { apiWorld, httpEvent, PROJECT, refusal, send } from '../support/api.ts';

const created = z.object({ job_id: z.string(), volume_id: z.string() });

describe('create disk from backup', () => {
  it('starts a restore to a disk that the job makes, and shows it as creating', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup(3 * 2 ** 30 + 5);
    const answer = await world.call('POST', '/cloudvolumes', { volume: { backup_id: backupId } });
    const { job_id: jobId, volume_id: volumeId } = created.parse(answer.body);
    expect(answer).toMatchObject({ status: 202, body: { volume_ids: [volumeId] } });
    expect(world.jobs.started.at(-1)).toMatchObject({ kind: 'restore', name: jobId });
    expect((await world.catalog.tasks.get(PROJECT, jobId)).target).toEqual({
      diskId: volumeId,
      name: 'disk',
      isNew: true,
      sizeBytes: 3 * 2 ** 30 + 5,
      availabilityZone: 'local-a',
    });

    const show = () => world.call('GET', `/cloudvolumes/${volumeId}`);
    expect((await show()).body).toMatchObject({
      volume: { id: volumeId, name: 'disk', size: 4, status: 'creating', bootable: 'false' },
    });
    const token = await world.admit('other');
    const others = httpEvent('GET', `/v3/other/cloudvolumes/${volumeId}`, { token });
    expect((await send(others, world)).status).toBe(404);
    const end = { status: 'failed', atMs: world.clock.nowMs() } as const;
    await world.catalog.tasks.end(PROJECT, jobId, end);
    expect(await show()).toMatchObject({ status: 404, body: refusal('BackupService.7000') });
  });

  it('takes the size, name and zone that are asked for, also under v2', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup(3 * 2 ** 30);
    const volume = { backup_id: backupId, name: 'copy', size: 5, availability_zone: 'b', count: 1 };
    const event = httpEvent('POST', `/v2/${PROJECT}/cloudvolumes`, {
      token: world.token,
      body: { volume },
    });
    const answer = await send(event, world);
    const { job_id: jobId } = created.parse(answer.body);
    expect((await world.catalog.tasks.get(PROJECT, jobId)).target).toMatchObject({
      name: 'copy',
      sizeBytes: 5 * 2 ** 30,
      availabilityZone: 'b',
    });
  });

  it.each([
    ['a disk smaller than the backup', { size: 2 }, 400, 'BackupService.2001'],
    ['two disks', { count: 2 }, 400, 'BackupService.9900'],
    ['a disk of 65 TiB', { size: 66_560 }, 400, 'BackupService.9900'],
    ['no backup', { backup_id: undefined }, 400, 'BackupService.9900'],
    ['a missing backup', { backup_id: 'x' }, 404, 'BackupService.6200'],
  ])('refuses %s', async (_, change, status, code) => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup(3 * 2 ** 30);
    const request = { volume: { backup_id: backupId, ...change } };
    const answer = await world.call('POST', '/cloudvolumes', request);
    expect(answer).toMatchObject({ status, body: refusal(code) });
    expect(await Array.fromAsync(world.catalog.tasks.unfinished())).toEqual([]);
  });

  it('refuses a backup or a vault that is not ready', async () => {
    const world = await apiWorld();
    const { backupId, vaultId } = await world.addBackup();
    const create = async () =>
      (await world.call('POST', '/cloudvolumes', { volume: { backup_id: backupId } })).body;
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    await world.catalog.vaults.update({ ...vault, status: 'error' });
    expect(await create()).toEqual(refusal('BackupService.6202'));
    const change = { atMs: world.clock.nowMs() };
    await world.catalog.backups.setStatus(PROJECT, backupId, 'waiting_restore', change);
    expect(await create()).toEqual(refusal('BackupService.2005'));
  });
});

describe('show and list disks', () => {
  it('shows what there is', async () => {
    const world = await apiWorld();
    const [one, two] = [await world.addDisk(1, 'one'), await world.addDisk(2 ** 30, 'two')];
    world.disks.setDisk(two, { status: 'in-use', bootable: true });
    expect((await world.call('GET', `/cloudvolumes/${two}`)).body).toMatchObject({
      volume: { id: two, name: 'two', size: 1, status: 'in-use', bootable: 'true' },
    });
    const ids = [one, two].toSorted();
    for (const path of ['/cloudvolumes', '/cloudvolumes/detail']) {
      expect((await world.call('GET', path)).body).toMatchObject({
        count: 2,
        volumes: ids.map((id) => ({ id })),
      });
    }
    const paged = await world.call('GET', `/cloudvolumes?limit=1&marker=${ids[0]}`);
    expect(paged.body).toMatchObject({ count: 2, volumes: [{ id: ids[1] }] });
    for (const query of ['name=two', 'status=in-use']) {
      const filtered = await world.call('GET', `/cloudvolumes?${query}`);
      expect(filtered.body).toMatchObject({ count: 1, volumes: [{ id: two }] });
    }
    const elsewhere = await world.call('GET', '/cloudvolumes?availability_zone=b');
    expect(elsewhere.body).toMatchObject({ count: 0 });
  });

  it.each(['none', '..', '%2e%2e%2fetc', 'x'.repeat(65)])('answers 404 for %s', async (id) => {
    const world = await apiWorld();
    const answer = await world.call('GET', `/cloudvolumes/${id}`);
    expect(answer).toMatchObject({ status: 404, body: refusal('BackupService.7000') });
  });
});

describe('protectables', () => {
  it('says of each disk whether it can be bound, and why not', async () => {
    const world = await apiWorld();
    const [free, bound, broken] = [
      await world.addDisk(1, 'free'),
      await world.addDisk(2 ** 30, 'bound'),
      await world.addDisk(1, 'broken'),
    ];
    const vaultId = await world.addVault([bound]);
    world.disks.setDisk(broken, { status: 'error' });
    const show = async (id: string) =>
      (await world.call('GET', `/protectables/disk/instances/${id}`)).body;
    expect(await show(free)).toMatchObject({
      instance: {
        id: free,
        type: 'OS::Cinder::Volume',
        status: 'active',
        protectable: { result: true, code: '' },
      },
    });
    expect(await show(bound)).toMatchObject({
      instance: {
        size: 1,
        protectable: { result: false, code: 'BackupService.7006', vault: { id: vaultId } },
      },
    });
    expect(await show(broken)).toMatchObject({
      instance: { status: 'error', protectable: { result: false, code: 'BackupService.7003' } },
    });
    const list = async (query: string) =>
      (await world.call('GET', `/protectables/disk/instances?${query}`)).body;
    expect(await list('')).toMatchObject({ count: 3 });
    expect(await list('limit=1')).toMatchObject({ count: 3, instances: [{}] });
    expect(await list('status=error')).toMatchObject({ count: 1, instances: [{ id: broken }] });
    expect(await list('status=active')).toMatchObject({ count: 2 });
    expect(await list('status=available')).toMatchObject({ count: 2 });
    expect(await list('status=available&status=error')).toMatchObject({ count: 3 });
    expect(await list('status=in-use')).toMatchObject({ count: 0 });
    expect(await list('name=free')).toMatchObject({ count: 1, instances: [{ id: free }] });
    expect(await list(`id=${bound}`)).toMatchObject({ count: 1, instances: [{ id: bound }] });
    expect(await list('server_id=s')).toMatchObject({ count: 0, instances: [] });
    const marker = [free, bound, broken].toSorted()[1];
    expect(await list(`marker=${marker}`)).toMatchObject({ count: 3, instances: [{}] });
  });

  it('knows disks alone', async () => {
    const world = await apiWorld();
    for (const path of ['/protectables/server/instances', '/protectables/turbo/instances/x']) {
      const answer = await world.call('GET', path);
      expect(answer).toMatchObject({
        status: 400,
        body: refusal('BackupService.9900', 'protectable_type'),
      });
    }
  });

  it('answers 404 for a disk that is not there', async () => {
    const world = await apiWorld();
    const answer = await world.call('GET', '/protectables/disk/instances/none');
    expect(answer).toMatchObject({ status: 404, body: refusal('BackupService.7000') });
  });
});
