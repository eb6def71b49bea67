import { describe, expect, it } from '@jest/globals';
import { jobResponse } from '../../lib/api/backup-schemas.ts';
import { HoldfastError } from '../../lib/errors.ts';
import type { BackupStatus } from '../../lib/model/backup.ts';
import {
  type ApiWorld,
  apiWorld,
  finishBackup,
  httpEvent,
  PROJECT,
  refusal,
  resources,
  send,
  vaultRequest,
} from '../support/api.ts';

/** Brings an available backup into another status. */
async function setStatus(world: ApiWorld, id: string, ...statuses: BackupStatus[]) {
  for (const status of statuses) {
    await world.catalog.backups.setStatus(PROJECT, id, status, { atMs: world.clock.nowMs() });
  }
}

/** As many restores run, and have jobs, as were accepted; never two. */
async function expectAtMostOne(world: ApiWorld, answers: { status: number }[]) {
  const accepted = answers.filter(({ status }) => status === 202).length;
  expect(accepted).toBeLessThanOrEqual(1);
  expect(world.jobs.started.filter(({ kind }) => kind === 'restore')).toHaveLength(accepted);
  expect(await Array.fromAsync(world.catalog.tasks.unfinished())).toHaveLength(accepted);
}

describe('restore backup', () => {
  const restore = (volumeId: string, more: object = {}) => ({
    restore: { volume_id: volumeId, ...more },
  });

  it('starts a restore to the disk it was made of', async () => {
    const world = await apiWorld();
    const { backupId, diskId } = await world.addBackup();
    const answer = await world.call('POST', `/backups/${backupId}/restore`, restore(diskId));
    const { job_id: jobId } = jobResponse.parse(answer.body);
    expect(answer.status).toBe(202);
    expect(world.jobs.started.at(-1)).toEqual({
      kind: 'restore',
      name: jobId,
      projectId: PROJECT,
      operationLogId: jobId,
    });
    expect(await world.catalog.tasks.get(PROJECT, jobId)).toMatchObject({
      type: 'restore',
      status: 'waiting',
      target: { diskId, name: 'disk', isNew: false },
    });
    expect((await world.call('GET', `/backups/${backupId}`)).body).toMatchObject({
      backup: { status: 'waiting_restore' },
    });
    expect((await world.call('GET', `/operation-logs/${jobId}`)).body).toMatchObject({
      operation_log: {
        operation_type: 'restore',
        extra_info: { restore: { backup_id: backupId, target_resource_id: diskId } },
      },
    });
  });

  it('takes resource_id for volume_id', async () => {
    const world = await apiWorld();
    const { backupId, diskId } = await world.addBackup();
    const request = { restore: { resource_id: diskId, power_on: false } };
    expect((await world.call('POST', `/backups/${backupId}/restore`, request)).status).toBe(202);
  });

  it.each([
    ['nothing', {}, 'restore'],
    ['no disk', { restore: {} }, 'restore.volume_id'],
    ['two disks', { restore: { volume_id: 'a', resource_id: 'b' } }, 'restore.resource_id'],
    ['a server', { restore: { volume_id: 'a', server_id: 's' } }, 'restore.server_id'],
    [
      'mappings',
      { restore: { volume_id: 'a', mappings: [{ backup_id: 'b', volume_id: 'v' }] } },
      'restore.mappings',
    ],
  ])('refuses a request with %s', async (_, request, field) => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    const answer = await world.call('POST', `/backups/${backupId}/restore`, request);
    expect(answer).toMatchObject({
      status: 400,
      body: refusal('BackupService.9900', `${field}: `),
    });
  });

  it('refuses what the backup, the vault or the disk do not allow', async () => {
    const world = await apiWorld();
    const { backupId, diskId, vaultId } = await world.addBackup();
    const other = await world.addDisk();
    const codeFor = async (volumeId: string) =>
      (await world.call('POST', `/backups/${backupId}/restore`, restore(volumeId))).body;

    expect(await codeFor(other)).toEqual(refusal('BackupService.2003', 'create one'));
    world.disks.setDisk(diskId, { status: 'in-use' });
    expect(await codeFor(diskId)).toEqual(refusal('BackupService.2011', 'in-use'));
    world.disks.setDisk(diskId, { status: 'restoring' });
    expect(await codeFor(diskId)).toEqual(refusal('BackupService.2010'));
    world.disks.setDisk(diskId, { status: 'available' });
    await world.disks.resize(diskId, 2 ** 30);
    expect(await codeFor(diskId)).toEqual(refusal('BackupService.2001'));
    await world.disks.resize(diskId, 2 ** 32);
    const next = (await world.addCheckpoint(vaultId)).backupIds[0]!;
    expect(await codeFor(diskId)).toEqual(refusal('BackupService.2002'));
    await finishBackup(world, next);
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    const frozen = await world.catalog.vaults.update({ ...vault, status: 'frozen' });
    expect(await codeFor(diskId)).toEqual(refusal('BackupService.6202', 'frozen'));
    await world.catalog.vaults.update({ ...frozen, status: 'lock' });
    await world.disks.deleteDisk(diskId);
    expect(await codeFor(diskId)).toEqual(refusal('BackupService.7000'));
    expect(world.jobs.started.filter(({ kind }) => kind === 'restore')).toEqual([]);
    expect(await Array.fromAsync(world.catalog.tasks.unfinished())).toEqual([]);
  });

  it('does not write to a disk that is in the vault of another project by now', async () => {
    const world = await apiWorld();
    const { backupId, diskId, vaultId } = await world.addBackup();
    const named = resources([diskId]);
    const out = { resource_ids: [diskId] };
    await world.call('POST', `/vaults/${vaultId}/removeresources`, out);
    await world.call('POST', `/backups/${backupId}/undelete`);
    const token = await world.admit('other');
    const body = vaultRequest({ resources: named });
    expect((await send(httpEvent('POST', '/v3/other/vaults', { token, body }), world)).status).toBe(
      200,
    );
    const answer = await world.call('POST', `/backups/${backupId}/restore`, restore(diskId));
    expect(answer).toMatchObject({
      status: 400,
      body: refusal('BackupService.2003', 'another project'),
    });
    const copy = { volume: { backup_id: backupId } };
    expect((await world.call('POST', '/cloudvolumes', copy)).status).toBe(202);
  });

  it('refuses a backup that is not available', async () => {
    const world = await apiWorld();
    const { diskId, backupId } = await world.addBackup();
    await setStatus(world, backupId, 'error');
    const answer = await world.call('POST', `/backups/${backupId}/restore`, restore(diskId));
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.2005', 'error') });
  });

  it('lets one restore to a disk run at a time', async () => {
    const world = await apiWorld();
    const { diskId, vaultId, backupId } = await world.addBackup();
    const second = (await world.addCheckpoint(vaultId)).backupIds[0]!;
    await finishBackup(world, second);
    const both = await Promise.all(
      [backupId, second].map((id) => world.call('POST', `/backups/${id}/restore`, restore(diskId))),
    );
    await expectAtMostOne(world, both);
    for (const { status, body } of both) {
      if (status !== 202) expect(body).toEqual(refusal('BackupService.2010'));
    }
    await world.call('POST', `/backups/${backupId}/restore`, restore(diskId));
    const later = await world.call('POST', `/backups/${second}/restore`, restore(diskId));
    expect(later).toMatchObject({ status: 400 });
    await expectAtMostOne(world, [{ status: 202 }]);
  });

  it('lets one restore of a backup run at a time', async () => {
    const world = await apiWorld();
    const { diskId, backupId } = await world.addBackup();
    const target = `/backups/${backupId}/restore`;
    const all = await Promise.all([
      world.call('POST', target, restore(diskId)),
      world.call('POST', target, restore(diskId)),
      world.call('POST', '/cloudvolumes', { volume: { backup_id: backupId } }),
    ]);
    await expectAtMostOne(world, all);
    const copy = { volume: { backup_id: backupId } };
    await world.call('POST', '/cloudvolumes', copy);
    const again = await world.call('POST', target, restore(diskId));
    expect(again).toMatchObject({ status: 400, body: refusal('BackupService.2005') });
  });

  it('lets one new disk be made of a backup at a time', async () => {
    const world = await apiWorld();
    const { backupId } = await world.addBackup();
    const copy = { volume: { backup_id: backupId } };
    const both = await Promise.all([1, 2].map(() => world.call('POST', '/cloudvolumes', copy)));
    await expectAtMostOne(world, both);
  });

  it('ends the task when the backup cannot be moved, so that nobody starts it later', async () => {
    const world = await apiWorld();
    const { diskId, backupId } = await world.addBackup();
    const setStatus = async () => {
      throw new HoldfastError('catalog.unavailable', { operation: 'setStatus' });
    };
    const catalog = { ...world.catalog, backups: { ...world.catalog.backups, setStatus } };
    const target = `/backups/${backupId}/restore`;
    const answer = await world.call('POST', target, restore(diskId), { ...world, catalog });
    expect(answer).toMatchObject({ status: 503, body: refusal('Holdfast.Unavailable') });
    expect(await Array.fromAsync(world.catalog.tasks.unfinished())).toEqual([]);
    expect(world.jobs.started.filter(({ kind }) => kind === 'restore')).toEqual([]);
  });
});
