import { describe, expect, it } from '@jest/globals';
import {
  type ApiWorld,
  apiWorld,
  finishBackup,
  PROJECT,
  resources,
  vaultRequest,
} from '../support/api.ts';

/** The oddities of spec section 9.3, by their names there: clients break without them. */

const vaultOf = async (world: ApiWorld, vaultId: string) =>
  ((await world.call('GET', `/vaults/${vaultId}`)).body as { vault: Record<string, unknown> })
    .vault;

it('GET /vaults/external has a misspelt query parameter objcet_type', async () => {
  const world = await apiWorld();
  await world.addVault();
  const count = async (filter: string) => {
    const query = `external_project_id=${PROJECT}&region_id=local&${filter}`;
    return (await world.call('GET', `/vaults/external?${query}`)).body;
  };
  expect(await count('objcet_type=disk')).toMatchObject({ count: 1 });
  expect(await count('objcet_type=server')).toMatchObject({ count: 0 });
  expect(await count('object_type=server')).toMatchObject({ count: 1 });
});

it('POST restore is 202 with the job_id of an operation log that can be polled', async () => {
  const world = await apiWorld();
  const { backupId, diskId } = await world.addBackup();
  const { status, body } = await world.call('POST', `/backups/${backupId}/restore`, {
    restore: { volume_id: diskId },
  });
  const { job_id: taskId } = body as { job_id: string };
  expect([status, body]).toEqual([202, { job_id: taskId }]);
  expect((await world.call('GET', `/operation-logs/${taskId}`)).body).toMatchObject({
    operation_log: { id: taskId, operation_type: 'restore', status: 'waiting' },
  });
});

describe('tags', () => {
  it('are written one in "tag", or several with an action; both 204, under the singular /vault', async () => {
    const world = await apiWorld();
    const tags = `/vault/${await world.addVault()}/tags`;
    const one = await world.call('POST', tags, { tag: { key: 'a', value: '1' } });
    const more = await world.call('POST', `${tags}/action`, {
      action: 'create',
      tags: [{ key: 'b', value: '2' }],
    });
    const gone = await world.call('POST', `${tags}/action`, {
      action: 'delete',
      tags: [{ key: 'a' }],
    });
    expect([one, more, gone].map(({ status, body }) => [status, body])).toEqual(
      Array.from({ length: 3 }, () => [204, undefined]),
    );
    expect((await world.call('GET', tags)).body).toMatchObject({
      tags: [{ key: 'b', value: '2' }],
    });
  });

  it('have one value at a vault, and values in the project', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([], { tags: [{ key: 'a', value: '1' }] });
    await world.addVault([], { tags: [{ key: 'a', value: '2' }] });
    expect((await world.call('GET', `/vault/${vaultId}/tags`)).body).toMatchObject({
      tags: [{ key: 'a', value: '1' }],
    });
    expect((await world.call('GET', '/vault/tags')).body).toEqual({
      tags: [{ key: 'a', values: ['1', '2'] }],
    });
  });
});

it('resource_instances/action filters or counts, and takes limit and offset as texts', async () => {
  const world = await apiWorld();
  for (const name of ['a', 'b', 'c']) await world.addVault([], { name });
  const search = async (body: object) =>
    (await world.call('POST', '/vault/resource_instances/action', body)).body;
  expect(await search({ action: 'filter', limit: '1', offset: '1' })).toMatchObject({
    resources: [{ resource_name: 'b' }],
    total_count: 3,
  });
  expect(await search({ action: 'count' })).toEqual({ total_count: 3 });
});

it.each([
  [0, '0'],
  ['0', '0'],
  [undefined, '0'],
])('enterprise_project_id %j is answered as the text %j', async (given, answered) => {
  const world = await apiWorld();
  const more = given === undefined ? {} : { enterprise_project_id: given };
  const vaultId = await world.addVault([], more);
  expect(await vaultOf(world, vaultId)).toMatchObject({ enterprise_project_id: answered });
  const list = await world.call('GET', `/vaults?enterprise_project_id=${String(given ?? 0)}`);
  expect(list.body).toMatchObject({ count: 1 });
});

describe('what is absent is true', () => {
  it('smn_notify of a vault', async () => {
    const world = await apiWorld();
    expect(await vaultOf(world, await world.addVault())).toMatchObject({ smn_notify: true });
    const off = await world.addVault([], { smn_notify: false });
    expect(await vaultOf(world, off)).toMatchObject({ smn_notify: false });
  });

  it.each([
    [{}, true],
    [{ enabled: false }, false],
  ])('enabled of a policy %j', async (given, enabled) => {
    const world = await apiWorld();
    const { body } = await world.call('POST', '/policies', {
      policy: {
        ...given,
        name: 'nightly',
        operation_type: 'backup',
        trigger: { properties: { pattern: ['FREQ=DAILY;INTERVAL=1;BYHOUR=1;BYMINUTE=00'] } },
        operation_definition: { max_backups: 3 },
      },
    });
    expect(body).toMatchObject({ policy: { enabled } });
  });
});

it('DELETE vault is 204 at once; the vault is deleting until it is 404', async () => {
  const world = await apiWorld();
  const vaultId = await world.addVault();
  expect(await world.call('DELETE', `/vaults/${vaultId}`)).toMatchObject({ status: 204 });
  expect(await vaultOf(world, vaultId)).toMatchObject({ billing: { status: 'deleting' } });
  world.state.vaults.delete(vaultId); // As the collector does at the end.
  expect((await world.call('GET', `/vaults/${vaultId}`)).status).toBe(404);
});

it('a checkpoint is 404 once its last backup is deleted', async () => {
  const world = await apiWorld();
  const vaultId = await world.addVault([await world.addDisk(), await world.addDisk()]);
  const { checkpointId, backupIds } = await world.addCheckpoint(vaultId);
  for (const backupId of backupIds) await finishBackup(world, backupId);
  const statuses: number[] = [];
  for (const backupId of backupIds) {
    await world.call('DELETE', `/backups/${backupId}`);
    statuses.push((await world.call('GET', `/checkpoints/${checkpointId}`)).status);
  }
  expect(statuses).toEqual([200, 404]);
});

it('sizes and counts of resources are texts in a checkpoint, and numbers in a vault', async () => {
  const world = await apiWorld();
  const { vaultId, checkpointId } = await world.addBackup(2 ** 30);
  const { body } = await world.call('GET', `/checkpoints/${checkpointId}`);
  expect(body).toMatchObject({
    checkpoint: {
      vault: { resources: [{ resource_size: '1', backup_size: '1', backup_count: '1' }] },
    },
  });
  expect(await vaultOf(world, vaultId)).toMatchObject({
    resources: [{ size: 1, backup_size: 1, backup_count: 1 }],
  });
});

it('times have milliseconds and +00:00, or are null', async () => {
  const world = await apiWorld();
  const { backupId } = await world.addBackup();
  const { body } = await world.call('GET', `/backups/${backupId}`);
  const { backup } = body as { backup: Record<string, unknown> };
  const times = ['created_at', 'updated_at', 'protected_at'].map((name) => backup[name]);
  for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/);
  expect(backup['expired_at']).toBeNull();
});

it('POST /vaults with pre_paid is refused: there is no billing that could take the order', async () => {
  const world = await apiWorld();
  const request = vaultRequest({
    resources: resources([]),
    billing: { charging_mode: 'pre_paid', period_type: 'month', period_num: 1 },
  });
  expect(await world.call('POST', '/vaults', request)).toMatchObject({
    status: 400,
    body: { error_code: 'BackupService.9900', error_msg: expect.stringContaining('charging_mode') },
  });
  expect((await world.call('GET', '/vaults')).body).toMatchObject({ count: 0 });
});
