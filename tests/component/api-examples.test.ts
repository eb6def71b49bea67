import { expect, it } from '@jest/globals';
import { type ApiWorld, apiWorld, finishBackup, PROJECT } from '../support/api.ts';

/**
 * The canonical examples of spec section 9.5, by their numbers, with disks for its servers. An
 * answer is the example's, field by field; what this release adds to it is named.
 */

const DISK = 'd1603440-187d-4516-af25-121250c7cc97';
const CREATED = '2026-01-01T00:00:00.000+00:00';
const id = expect.stringMatching(/^[0-9a-f-]{36}$/);
const type = 'OS::Cinder::Volume';
const PATTERN = ['FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=01;BYMINUTE=00'];

const post = async (world: ApiWorld, path: string, body: object) => {
  const answer = await world.call('POST', path, body);
  return { status: answer.status, body: answer.body as Record<string, Record<string, string>> };
};

/** Example 1, as far as the others need it. */
async function vaultProd(world: ApiWorld) {
  const diskId = await world.addDisk(140 * 2 ** 30, 'web-1');
  const answer = await post(world, '/vaults', {
    vault: {
      name: 'vault-prod',
      description: 'tier 1',
      billing: {
        consistent_level: 'crash_consistent',
        object_type: 'disk',
        protect_type: 'backup',
        size: 200,
        charging_mode: 'post_paid',
      },
      resources: [{ id: diskId, type, extra_info: {} }],
      tags: [{ key: 'tier', value: '1' }],
      auto_expand: true,
      threshold: 80,
      smn_notify: true,
    },
  });
  return { diskId, vaultId: answer.body['vault']?.['id'] as string, answer };
}

/** Example 3: back up now. */
async function beforeUpgrade(world: ApiWorld) {
  const { diskId, vaultId } = await vaultProd(world);
  const answer = await post(world, '/checkpoints', {
    checkpoint: {
      vault_id: vaultId,
      parameters: {
        name: 'before-upgrade',
        description: '',
        incremental: true,
        auto_trigger: false,
        resource_details: [{ id: diskId, type }],
      },
    },
  });
  const checkpointId = answer.body['checkpoint']?.['id'] as string;
  const { backups } = await world.catalog.backups.checkpoint(PROJECT, checkpointId);
  return { diskId, vaultId, checkpointId, backupId: backups[0]?.backupId as string, answer };
}

it('1. Create a vault', async () => {
  const { diskId, answer } = await vaultProd(await apiWorld());
  expect(answer).toEqual({
    status: 200,
    body: {
      vault: {
        id,
        name: 'vault-prod',
        description: 'tier 1',
        provider_id: DISK,
        project_id: PROJECT,
        user_id: 'u1',
        enterprise_project_id: '0',
        created_at: CREATED,
        auto_bind: false,
        bind_rules: {},
        auto_expand: true,
        locked: false,
        smn_notify: true,
        threshold: 80,
        tags: [{ key: 'tier', value: '1' }],
        billing: {
          allocated: 140,
          used: 0,
          size: 200,
          charging_mode: 'post_paid',
          cloud_type: 'public',
          consistent_level: 'crash_consistent',
          object_type: 'disk',
          protect_type: 'backup',
          spec_code: 'vault.backup.volume.normal',
          status: 'available',
          is_multi_az: false,
          frozen_scene: null,
          storage_unit: null,
          order_id: '',
          product_id: '',
        },
        resources: [
          {
            id: diskId,
            type,
            name: 'web-1',
            size: 140,
            backup_size: 0,
            backup_count: 0,
            protect_status: 'available',
            auto_protect: true,
            extra_info: {},
          },
        ],
      },
    },
  });
});

it('2. Policy, then apply it', async () => {
  const world = await apiWorld();
  const { vaultId } = await vaultProd(world);
  const { status, body } = await post(world, '/policies', {
    policy: {
      name: 'nightly',
      operation_type: 'backup',
      enabled: true,
      trigger: { properties: { pattern: PATTERN } },
      operation_definition: { max_backups: 3, retention_duration_days: -1 },
    },
  });
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      policy: {
        id,
        name: 'nightly',
        enabled: true,
        operation_type: 'backup',
        policy_type: 'custom_policy',
        associated_vaults: [],
        trigger: {
          id,
          name: 'default',
          type: 'time',
          properties: { pattern: PATTERN, start_time: '2026-01-01 00:00:00' },
        },
        operation_definition: {
          max_backups: 3,
          retention_duration_days: -1,
          day_backups: 0,
          week_backups: 0,
          month_backups: 0,
          year_backups: 0,
          timezone: null,
        },
      },
    },
  });
  const applied = { vault_id: vaultId, policy_id: body['policy']?.['id'] };
  expect(
    await post(world, `/vaults/${vaultId}/associatepolicy`, { policy_id: applied.policy_id }),
  ).toEqual({ status: 200, body: { associate_policy: applied } });
});

it('3. Back up now', async () => {
  const { diskId, vaultId, answer } = await beforeUpgrade(await apiWorld());
  expect(answer).toEqual({
    status: 200,
    body: {
      checkpoint: {
        id,
        project_id: PROJECT,
        status: 'protecting',
        created_at: CREATED,
        vault: {
          id: vaultId,
          name: 'vault-prod',
          skipped_resources: [],
          resources: [
            {
              id: diskId,
              type,
              name: 'web-1',
              // In the example it is still `available`; here its task is there already.
              protect_status: 'protecting',
              resource_size: '140',
              backup_size: '0',
              backup_count: '0',
            },
          ],
        },
        extra_info: { name: 'before-upgrade', description: '', retention_duration: -1 },
      },
    },
  });
});

it('4. Get a backup', async () => {
  const world = await apiWorld();
  const { diskId, vaultId, checkpointId, backupId } = await beforeUpgrade(world);
  world.clock.advance(60_000);
  await finishBackup(world, backupId);
  const { status, body } = await world.call('GET', `/backups/${backupId}`);
  expect({ status, body }).toMatchObject({
    status: 200,
    body: {
      backup: {
        id: backupId,
        checkpoint_id: checkpointId,
        vault_id: vaultId,
        project_id: PROJECT,
        provider_id: DISK,
        name: 'before-upgrade',
        description: '',
        image_type: 'backup',
        status: 'available',
        incremental: false,
        parent_id: '',
        version: 3,
        resource_id: diskId,
        resource_name: 'web-1',
        resource_type: type,
        resource_size: 140,
        resource_az: 'local-a',
        created_at: CREATED,
        updated_at: '2026-01-01T00:01:00.000+00:00',
        protected_at: expect.stringMatching(/\+00:00$/),
        expired_at: null,
        extend_info: {
          auto_trigger: false,
          encrypted: false,
          supported_restore_mode: 'backup',
          snapshot_id: '',
        },
        replication_records: [],
        // A server has one for each of its disks; a disk has none.
        children: [],
      },
    },
  });
});

it('5. Restore and poll', async () => {
  const world = await apiWorld();
  const { diskId, vaultId, checkpointId, backupId } = await beforeUpgrade(world);
  await finishBackup(world, backupId);
  const { status, body } = await post(world, `/backups/${backupId}/restore`, {
    restore: { volume_id: diskId, power_on: true },
  });
  const taskId = body['job_id'] as unknown as string;
  expect({ status, body }).toEqual({ status: 202, body: { job_id: id } });
  const { clock, catalog } = world;
  await catalog.tasks.start(PROJECT, taskId, { atMs: clock.nowMs(), totalBytes: 100 });
  expect((await world.call('GET', `/operation-logs/${taskId}`)).body).toMatchObject({
    operation_log: {
      id: taskId,
      operation_type: 'restore',
      status: 'running',
      project_id: PROJECT,
      provider_id: DISK,
      checkpoint_id: checkpointId,
      vault_id: vaultId,
      vault_name: 'vault-prod',
      policy_id: null,
      created_at: CREATED,
      started_at: CREATED,
      updated_at: CREATED,
      ended_at: null,
      error_info: { code: '', message: '' },
      extra_info: {
        common: { progress: 0, request_id: id, task_id: taskId },
        resource: { id: diskId, type, name: 'web-1' },
        restore: {
          backup_id: backupId,
          backup_name: 'before-upgrade',
          target_resource_id: diskId,
          target_resource_name: 'web-1',
        },
      },
    },
  });
});

it.each([
  ['7. Share', 'members', { members: ['0bb2'] }],
  ['8. Replicate one backup', 'replicate', { replicate: { destination_region: 'eu-west-1' } }],
])('%s: a later release', async (_, path, body) => {
  const world = await apiWorld();
  const { backupId } = await world.addBackup();
  expect(await post(world, `/backups/${backupId}/${path}`, body)).toMatchObject({
    status: 501,
    body: { error_code: 'Holdfast.NotImplemented' },
  });
});

it('9. Dissociate (deletes backups)', async () => {
  const world = await apiWorld();
  const { diskId, vaultId, backupId } = await beforeUpgrade(world);
  await finishBackup(world, backupId);
  expect(
    await post(world, `/vaults/${vaultId}/removeresources`, { resource_ids: [diskId] }),
  ).toEqual({ status: 200, body: { remove_resource_ids: [diskId] } });
  expect((await world.call('GET', `/backups/${backupId}`)).status).toBe(404);
});

it('10. Conflicting retention: 9900, and both are named', async () => {
  const { status, body } = await post(await apiWorld(), '/policies', {
    policy: {
      name: 'nightly',
      operation_type: 'backup',
      trigger: { properties: { pattern: PATTERN } },
      operation_definition: {
        retention_duration_days: 30,
        day_backups: 7,
        timezone: 'UTC+01:00',
      },
    },
  });
  expect({ status, body }).toMatchObject({
    status: 400,
    body: { error_code: 'BackupService.9900' },
  });
  expect(body['error_msg']).toContain('retention_duration_days');
  expect(body['error_msg']).toContain('day_backups');
});
