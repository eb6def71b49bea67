import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { apiWorld, finishBackup, PROJECT, refusal, resources } from '../support/api.ts';

describe('list vaults', () => {
  it('pages newest first and counts all that match', async () => {
    const world = await apiWorld();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      ids.unshift(await world.addVault([], { name: `v${n}` }));
      world.clock.advance(1000);
    }
    const page = await world.call('GET', '/vaults?limit=2&offset=1');
    expect(page.body).toMatchObject({
      count: 5,
      limit: 2,
      offset: 1,
      vaults: [{ id: ids[1] }, { id: ids[2] }],
    });
    expect((await world.call('GET', '/vaults')).body).toMatchObject({
      count: 5,
      limit: 1000,
      offset: 0,
    });
  });

  it.each([
    ['name=mine', 1],
    ['name=other', 1],
    ['name=nobody', 0],
    ['status=available', 2],
    ['status=lock,frozen', 0],
    ['status=lock&status=available', 2],
    ['object_type=disk', 2],
    ['object_type=server', 0],
    ['protect_type=replication', 0],
    ['cloud_type=hybrid', 0],
    ['cloud_type=public', 2],
    ['enterprise_project_id=7', 1],
    ['enterprise_project_id=all_granted_eps', 2],
    ['policy_id=p', 0],
    ['id=none', 0],
    ['name=', 2],
    ['unknown=1', 2],
  ])('filters by %s', async (query, count) => {
    const world = await apiWorld();
    await world.addVault([], { name: 'mine' });
    await world.addVault([], { name: 'other', enterprise_project_id: 7 });
    expect((await world.call('GET', `/vaults?${query}`)).body).toMatchObject({ count });
  });

  it('filters by id and by disks', async () => {
    const world = await apiWorld();
    const [one, two] = [await world.addDisk(), await world.addDisk()];
    const first = await world.addVault([one]);
    const second = await world.addVault([two]);
    await world.addVault();
    expect((await world.call('GET', `/vaults?id=${first}`)).body).toMatchObject({ count: 1 });
    for (const both of [`id=${first},${second}`, `id=${first}&id=none&id=${second}`]) {
      expect((await world.call('GET', `/vaults?${both}`)).body).toMatchObject({ count: 2 });
    }
    expect((await world.call('GET', `/vaults?resource_ids=${one},${two}`)).body).toMatchObject({
      count: 2,
    });
    expect((await world.call('GET', `/vaults?resource_ids=${one},x`)).body).toMatchObject({
      count: 1,
      vaults: [{ id: first }],
    });
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['offset=-1', 'offset'],
    ['status=closed', 'status'],
    ['object_type=cat', 'object_type'],
  ])('refuses %s and names the parameter', async (query, field) => {
    const world = await apiWorld();
    const answer = await world.call('GET', `/vaults?${query}`);
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900', field) });
  });
});

describe('show vault', () => {
  it('counts what its backups use', async () => {
    const world = await apiWorld();
    const { vaultId, diskId } = await world.addBackup();
    const { backupIds } = await world.addCheckpoint(vaultId);
    const during = await world.call('GET', `/vaults/${vaultId}`);
    expect(during.body).toMatchObject({
      vault: {
        billing: { used: 1, allocated: 3 },
        resources: [{ id: diskId, backup_count: 1, backup_size: 1, protect_status: 'protecting' }],
      },
    });
    await finishBackup(world, backupIds[0]!, { storedBytes: 2 ** 20 });
    expect((await world.call('GET', `/vaults/${vaultId}`)).body).toMatchObject({
      vault: {
        billing: { used: 2 },
        resources: [{ backup_count: 2, backup_size: 2, protect_status: 'available' }],
      },
    });
  });

  it.each(['11111111-2222-3333-4444-555555555555', 'nonsense', '%2e%2e', '__proto__'])(
    'answers 404 for %s',
    async (id) => {
      const world = await apiWorld();
      for (const method of ['GET', 'DELETE']) {
        expect(await world.call(method, `/vaults/${id}`)).toMatchObject({
          status: 404,
          body: refusal('BackupService.6105'),
        });
      }
    },
  );

  it('answers 400 for a path that cannot be decoded', async () => {
    const world = await apiWorld();
    expect(await world.call('GET', '/vaults/%zz')).toMatchObject({
      status: 400,
      body: refusal('BackupService.9900', 'vault_id'),
    });
  });
});

describe('update vault', () => {
  it('changes what is named and keeps the rest', async () => {
    const world = await apiWorld();
    const id = await world.addVault([], { threshold: 70, smn_notify: false });
    const answer = await world.call('PUT', `/vaults/${id}`, {
      vault: {
        name: 'renamed',
        billing: { size: 200 },
        locked: true,
        bind_rules: { tags: [{ key: 'a', value: 'b' }] },
      },
    });
    const expected = {
      vault: {
        name: 'renamed',
        threshold: 70,
        smn_notify: false,
        locked: true,
        billing: { size: 200 },
        bind_rules: { tags: [{ key: 'a', value: 'b' }] },
      },
    };
    expect(answer).toMatchObject({ status: 200, body: expected });
    expect((await world.call('GET', `/vaults/${id}`)).body).toMatchObject(expected);
  });

  it('never unlocks', async () => {
    const world = await apiWorld();
    const id = await world.addVault([], { locked: true });
    const answer = await world.call('PUT', `/vaults/${id}`, { vault: { locked: false } });
    expect(answer).toMatchObject({
      status: 400,
      body: refusal(
        'BackupService.6110',
        'vault not support to modify locked attribute from true to false.',
      ),
    });
    expect(await world.call('PUT', `/vaults/${id}`, { vault: { name: 'still' } })).toMatchObject({
      status: 200,
    });
  });

  it('shrinks down to what is used', async () => {
    const world = await apiWorld();
    const { vaultId } = await world.addBackup();
    const { backupIds } = await world.addCheckpoint(vaultId);
    await finishBackup(world, backupIds[0]!, { storedBytes: 2 ** 30 });
    const resize = (size: number) =>
      world.call('PUT', `/vaults/${vaultId}`, { vault: { billing: { size } } });
    expect((await resize(1)).body).toEqual(refusal('BackupService.6101', 'used'));
    expect((await resize(0)).body).toEqual(refusal('BackupService.6101'));
    expect(await resize(2)).toMatchObject({ status: 200 });
  });

  it('refuses another consistency, a vault in another state and one that does not exist', async () => {
    const world = await apiWorld();
    const id = await world.addVault();
    const app = { vault: { billing: { consistent_level: 'app_consistent' } } };
    expect((await world.call('PUT', `/vaults/${id}`, app)).body).toEqual(
      refusal('BackupService.6110'),
    );
    const vault = await world.catalog.vaults.get(PROJECT, id);
    await world.catalog.vaults.update({ ...vault, status: 'frozen' });
    expect((await world.call('PUT', `/vaults/${id}`, { vault: {} })).body).toEqual(
      refusal('BackupService.6112', 'frozen'),
    );
    const none = await world.call('PUT', `/vaults/${world.ids.uuid()}`, { vault: {} });
    expect(none).toMatchObject({ status: 404, body: refusal('BackupService.6105') });
  });

  it('loses neither of two updates at the same time', async () => {
    const world = await apiWorld();
    const id = await world.addVault();
    await Promise.all([
      world.call('PUT', `/vaults/${id}`, { vault: { name: 'both' } }),
      world.call('PUT', `/vaults/${id}`, { vault: { threshold: 55 } }),
    ]);
    expect((await world.call('GET', `/vaults/${id}`)).body).toMatchObject({
      vault: { name: 'both', threshold: 55 },
    });
  });

  it('gives up when others never stop', async () => {
    const world = await apiWorld();
    const id = await world.addVault();
    const conflict = async () => {
      throw new HoldfastError('catalog.conflict', { item: 'vault', reason: 'changed' });
    };
    const vaults = { ...world.catalog.vaults, update: conflict };
    const ports = { ...world, catalog: { ...world.catalog, vaults } };
    const answer = await world.call('PUT', `/vaults/${id}`, { vault: { name: 'x' } }, ports);
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.6110') });
  });
});

describe('delete vault', () => {
  it('releases its disks, shows it as deleting and has it collected', async () => {
    const world = await apiWorld();
    const diskId = await world.addDisk();
    const id = await world.addVault([diskId]);
    expect(await world.call('DELETE', `/vaults/${id}`)).toMatchObject({
      status: 204,
      body: undefined,
    });
    const { body } = await world.call('GET', `/vaults/${id}`);
    expect(body).toMatchObject({ vault: { billing: { status: 'deleting' }, resources: [] } });
    expect(world.jobs.collections).toMatchObject([{ projectId: PROJECT, vaultId: id }]);
    await world.addVault([diskId]);
  });

  it('takes one with backups, whose start may be lost', async () => {
    const world = await apiWorld();
    const { vaultId, diskId } = await world.addBackup();
    const collect = async () => {
      throw new HoldfastError('job.unavailable', { name: 'x' });
    };
    const ports = { ...world, jobs: { ...world.jobs, collect } };
    expect((await world.call('DELETE', `/vaults/${vaultId}`, undefined, ports)).status).toBe(204);
    expect(await world.catalog.vaults.binding(PROJECT, diskId)).toBeNull();
    expect(world.probe.problems).toMatchObject([{ event: 'collection.not-started' }]);
  });

  it('refuses one that is locked and has backups of a policy', async () => {
    const world = await apiWorld();
    const { vaultId, backupId } = await world.addBackup();
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    await world.catalog.vaults.update({ ...vault, locked: true });
    Object.assign(world.state.backups.get(backupId)!, { autoTrigger: true });
    expect((await world.call('DELETE', `/vaults/${vaultId}`)).body).toEqual(
      refusal('BackupService.6111', 'locked'),
    );
  });

  it('refuses when a backup begins meanwhile', async () => {
    const world = await apiWorld();
    const { vaults } = world.catalog;
    const vaultId = await world.addVault([await world.addDisk()]);
    const bindings: typeof vaults.bindings = async (id) => {
      const found = await vaults.bindings(id);
      await world.addCheckpoint(vaultId);
      return found;
    };
    const ports = { ...world, catalog: { ...world.catalog, vaults: { ...vaults, bindings } } };
    expect(await world.call('DELETE', `/vaults/${vaultId}`, undefined, ports)).toMatchObject({
      status: 400,
      body: refusal('BackupService.6111', 'being backed up'),
    });
  });

  it('refuses while a backup runs, and in a state that forbids it', async () => {
    const world = await apiWorld();
    const busy = await world.addVault([await world.addDisk()]);
    await world.addCheckpoint(busy);
    expect((await world.call('DELETE', `/vaults/${busy}`)).body).toEqual(
      refusal('BackupService.6111', 'being backed up'),
    );
    const frozen = await world.addVault();
    const vault = await world.catalog.vaults.get(PROJECT, frozen);
    await world.catalog.vaults.update({ ...vault, status: 'frozen' });
    expect((await world.call('DELETE', `/vaults/${frozen}`)).body).toEqual(
      refusal('BackupService.6111', 'frozen'),
    );
  });
});

describe('add resources', () => {
  it('binds disks to a vault', async () => {
    const world = await apiWorld();
    const id = await world.addVault();
    const diskIds = [await world.addDisk(), await world.addDisk()];
    const answer = await world.call('POST', `/vaults/${id}/addresources`, {
      resources: resources(diskIds),
    });
    expect(answer).toMatchObject({ status: 200, body: { add_resource_ids: diskIds } });
    expect((await world.catalog.vaults.bindings(id)).map((one) => one.diskId).toSorted()).toEqual(
      diskIds.toSorted(),
    );
  });

  it('refuses disks that are bound, missing, named twice, busy or too large, and binds none then', async () => {
    const world = await apiWorld();
    const [bound, free, busy, huge] = [
      await world.addDisk(),
      await world.addDisk(),
      await world.addDisk(),
      await world.addDisk(2 ** 40),
    ];
    await world.addVault([bound]);
    world.disks.setDisk(busy, { status: 'error' });
    const id = await world.addVault();
    const add = async (...ids: string[]) =>
      (await world.call('POST', `/vaults/${id}/addresources`, { resources: resources(ids) })).body;
    expect(await add(free, bound)).toEqual(refusal('BackupService.7006'));
    expect(await add(free, 'none')).toEqual(refusal('BackupService.7000'));
    expect(await add(free, free)).toEqual(refusal('BackupService.6104'));
    expect(await add(free, busy)).toEqual(refusal('BackupService.6108', 'error'));
    expect(await add(free, huge)).toEqual(refusal('BackupService.6108', 'capacity'));
    expect(await add()).toEqual(refusal('BackupService.9900', 'resources'));
    expect(await world.catalog.vaults.bindings(id)).toEqual([]);
  });

  it('takes 256 disks and no more', async () => {
    const world = await apiWorld();
    const id = await world.addVault();
    for (let n = 0; n < 255; n++) {
      const diskId = `bound-${n}`;
      const binding = { projectId: PROJECT, vaultId: id, diskId, name: '', sizeBytes: 1 };
      await world.catalog.vaults.bind({ ...binding, createdAtMs: 0 });
    }
    const diskIds = [await world.addDisk(1), await world.addDisk(1)];
    const add = (ids: string[]) =>
      world.call('POST', `/vaults/${id}/addresources`, { resources: resources(ids) });
    expect(await add(diskIds)).toMatchObject({ status: 400, body: refusal('BackupService.6100') });
    expect(await world.catalog.vaults.bindings(id)).toHaveLength(255);
    expect((await add(diskIds.slice(1))).status).toBe(200);
  });

  it('refuses a vault that is missing or in another state', async () => {
    const world = await apiWorld();
    const id = await world.addVault();
    const body = { resources: resources([await world.addDisk()]) };
    const none = await world.call('POST', `/vaults/${world.ids.uuid()}/addresources`, body);
    expect(none).toMatchObject({ status: 404, body: refusal('BackupService.6105') });
    const vault = await world.catalog.vaults.get(PROJECT, id);
    await world.catalog.vaults.update({ ...vault, status: 'lock' });
    expect((await world.call('POST', `/vaults/${id}/addresources`, body)).body).toEqual(
      refusal('BackupService.6112'),
    );
  });
});
