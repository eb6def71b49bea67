import { describe, expect, it } from '@jest/globals';
import { type ApiWorld, apiWorld, finishBackup, PROJECT, refusal } from '../support/api.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const backUp = async (world: ApiWorld, vaultId: string, storedBytes: number) => {
  const { backupIds } = await world.addCheckpoint(vaultId);
  for (const id of backupIds) await finishBackup(world, id, { storedBytes });
  return backupIds;
};

describe('all vaults at once', () => {
  it('change their notifications, and only what is named', async () => {
    const world = await apiWorld();
    const one = await world.addVault([], { threshold: 50 });
    const two = await world.addVault([], { threshold: 60 });
    const update = (vault: object) => world.call('PUT', '/vaults/batch-update', { vault });
    expect((await update({ smn_notify: false })).body).toEqual({
      updated_vaults_id: expect.arrayContaining([one, two]),
    });
    await update({ threshold: 90 });
    for (const id of [one, two]) {
      expect((await world.call('GET', `/vaults/${id}`)).body).toMatchObject({
        vault: { threshold: 90, smn_notify: false },
      });
    }
  });

  it.each(['deleting', 'frozen'] as const)('leave out a vault that is %s', async (status) => {
    const world = await apiWorld();
    const id = await world.addVault();
    const vault = await world.catalog.vaults.get(PROJECT, id);
    await world.catalog.vaults.update({ ...vault, status });
    const answer = await world.call('PUT', '/vaults/batch-update', { vault: { threshold: 1 } });
    expect(answer.body).toEqual({ updated_vaults_id: [] });
    expect((await world.catalog.vaults.get(PROJECT, id)).threshold).toBe(80);
  });

  it.each([{}, { threshold: 0 }, { threshold: 101 }, { smn_notify: 'yes' }])(
    'refuse %j',
    async (vault) => {
      const world = await apiWorld();
      const answer = await world.call('PUT', '/vaults/batch-update', { vault });
      expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900', 'vault') });
    },
  );

  it('are summed up in whole GB', async () => {
    const world = await apiWorld();
    expect((await world.call('GET', '/vaults/summary')).body).toEqual({ size: 0, used_size: 0 });
    const first = await world.addVault([await world.addDisk()], { billing: { size: 20 } });
    await world.addVault([], { billing: { size: 30 } });
    await backUp(world, first, GIB + 1);
    expect((await world.call('GET', '/vaults/summary')).body).toEqual({ size: 50, used_size: 2 });
  });

  it('are listed as external ones of their own project and region alone', async () => {
    const world = await apiWorld();
    const id = await world.addVault();
    const list = async (query: string) =>
      (await world.call('GET', `/vaults/external?${query}`)).body;
    const own = `external_project_id=${PROJECT}&region_id=local`;
    expect(await list(own)).toMatchObject({ count: 1, vaults: [{ id }] });
    expect(await list(`${own}&objcet_type=server`)).toMatchObject({ count: 0 });
    expect(await list(`${own}&vault_id=${id}`)).toMatchObject({ count: 1 });
    expect(await list(`external_project_id=other&region_id=local`)).toMatchObject({ count: 0 });
    expect(await list(`external_project_id=${PROJECT}&region_id=eu`)).toMatchObject({ count: 0 });
    const missing = await world.call('GET', '/vaults/external?region_id=local');
    expect(missing).toMatchObject({
      status: 400,
      body: refusal('BackupService.9900', 'external_project_id'),
    });
  });
});

describe('storage usage', () => {
  it('counts the backups of each disk and the bytes they added', async () => {
    const world = await apiWorld();
    const [one, two] = [await world.addDisk(GIB, 'one'), await world.addDisk(GIB, 'two')];
    const vaultId = await world.addVault([one]);
    await world.addVault([two]);
    const [first] = await backUp(world, vaultId, 3 * MIB);
    await backUp(world, vaultId, MIB + 1);
    const list = async (query = '') => (await world.call('GET', `/storage_usage?${query}`)).body;
    const usage = (resource_id: string, name: string, count: number, size: number) => ({
      resource_id,
      resource_name: name,
      resource_type: 'OS::Cinder::Volume',
      backup_count: count,
      backup_size: size,
      backup_size_multiaz: 0,
    });
    expect(await list()).toEqual({
      resource_count: 2,
      storage_usage: expect.arrayContaining([usage(one, 'one', 2, 5), usage(two, 'two', 0, 0)]),
    });
    expect(await list(`resource_id=${one}`)).toMatchObject({ resource_count: 1 });
    expect(await list('resource_type=OS::Nova::Server')).toMatchObject({ resource_count: 0 });
    expect(await list('limit=1&offset=2')).toEqual({ resource_count: 2, storage_usage: [] });
    await world.call('DELETE', `/backups/${first}`);
    expect(await list(`resource_id=${one}`)).toMatchObject({
      storage_usage: [usage(one, 'one', 1, 2)],
    });
  });
});

describe('suspended protection', () => {
  const set = (world: ApiWorld, vaultId: string, action: string, ids: string[]) =>
    world.call('PUT', `/vaults/${vaultId}/set-resources`, { action, resource_ids: ids });

  it('leaves a disk out of backups until it is resumed', async () => {
    const world = await apiWorld();
    const [one, two] = [await world.addDisk(), await world.addDisk()];
    const vaultId = await world.addVault([one, two]);
    expect((await set(world, vaultId, 'suspend', [one])).body).toEqual({ set_resource_ids: [one] });
    expect((await world.call('GET', `/vaults/${vaultId}`)).body).toMatchObject({
      vault: {
        resources: expect.arrayContaining([
          expect.objectContaining({ id: one, auto_protect: false }),
          expect.objectContaining({ id: two, auto_protect: true }),
        ]),
      },
    });
    const checkpoint = { vault_id: vaultId, parameters: {} };
    const partial = await world.call('POST', '/checkpoints', { checkpoint });
    expect(partial.body).toMatchObject({
      checkpoint: {
        vault: {
          resources: [{ id: two }],
          skipped_resources: [{ id: one, code: 'BackupService.6215' }],
        },
      },
    });
    const named = { vault_id: vaultId, parameters: { resources: [one] } };
    const none = await world.call('POST', '/checkpoints', { checkpoint: named });
    expect(none).toMatchObject({ status: 400, body: refusal('BackupService.0001') });
    await set(world, vaultId, 'unsuspend', [one]);
    const again = await world.call('POST', '/checkpoints', { checkpoint: named });
    expect(again.body).toMatchObject({ checkpoint: { vault: { resources: [{ id: one }] } } });
  });

  it('is for disks of the vault, each named once, all or none', async () => {
    const world = await apiWorld();
    const disk = await world.addDisk();
    const vaultId = await world.addVault([disk]);
    const refused = [
      [[disk, 'other'], 'BackupService.6135'],
      [[disk, disk], 'BackupService.6104'],
      [[], 'BackupService.9900'],
    ] as const;
    for (const [ids, code] of refused) {
      const answer = await set(world, vaultId, 'suspend', [...ids]);
      expect(answer).toMatchObject({ status: 400, body: refusal(code) });
    }
    const gone = await set(world, world.ids.uuid(), 'suspend', [disk]);
    expect(gone).toMatchObject({ status: 404, body: refusal('BackupService.6105') });
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    await world.catalog.vaults.update({ ...vault, status: 'frozen' });
    const frozen = await set(world, vaultId, 'suspend', [disk]);
    expect(frozen).toMatchObject({ status: 400, body: refusal('BackupService.6112') });
    expect(await world.catalog.vaults.bindings(vaultId)).toMatchObject([{ diskId: disk }]);
    expect((await world.catalog.vaults.bindings(vaultId))[0]).not.toHaveProperty('suspended');
  });
});
