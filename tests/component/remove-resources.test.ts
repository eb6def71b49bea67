import { describe, expect, it } from '@jest/globals';
import { apiWorld, finishBackup, PROJECT, refusal } from '../support/api.ts';
import { backupsIn, tasksIn } from '../support/listed.ts';

/** A vault with two disks, the first of which has two backups, the second one. */
const givenVault = async () => {
  const world = await apiWorld();
  const [disk, other] = [await world.addDisk(), await world.addDisk()];
  const vaultId = await world.addVault([disk, other]);
  const made: string[] = [];
  for (const diskIds of [[disk], [disk], [other]]) {
    const parameters = { resources: diskIds };
    const { status } = await world.call('POST', '/checkpoints', {
      checkpoint: { vault_id: vaultId, parameters },
    });
    expect(status).toBe(200);
    for (const backup of await backupsIn(world.catalog, PROJECT))
      if (backup.root === 'NONE') {
        await finishBackup(world, backup.id);
        made.push(backup.id);
      }
  }
  const remove = async (...ids: string[]) =>
    world.call('POST', `/vaults/${vaultId}/removeresources`, { resource_ids: ids });
  const roots = async () =>
    (await Promise.all(made.map((id) => world.catalog.backups.get(PROJECT, id)))).map(
      ({ root }) => root,
    );
  return { world, vaultId, disk, other, made, remove, roots };
};

describe('remove resources', () => {
  it('takes a disk out and deletes its backups, and no others', async () => {
    const { world, vaultId, disk, other, remove, roots } = await givenVault();
    expect(await remove(disk)).toMatchObject({
      status: 200,
      body: { remove_resource_ids: [disk] },
    });
    expect(await roots()).toEqual(['HIDDEN', 'HIDDEN', 'VISIBLE']);
    const bindings = await world.catalog.vaults.bindings(vaultId);
    expect(bindings.map(({ diskId }) => diskId)).toEqual([other]);
    expect((await remove(disk)).body).toEqual(refusal('BackupService.6135', disk));
    const tasks = await tasksIn(world.catalog, PROJECT);
    expect(tasks.filter(({ type }) => type === 'delete')).toHaveLength(2);
    // It may go to another vault now, where nothing of it is left behind.
    await world.addVault([disk]);
  });

  it('goes on where a request before it ended', async () => {
    const { world, vaultId, disk, remove, roots } = await givenVault();
    await world.catalog.vaults.unbind({ projectId: PROJECT, vaultId, diskId: disk });
    expect((await remove(disk)).status).toBe(200);
    expect(await roots()).toEqual(['HIDDEN', 'HIDDEN', 'VISIBLE']);
  });

  it('leaves a disk alone that has gone to another vault meanwhile', async () => {
    const { world, vaultId, disk, remove, roots } = await givenVault();
    await world.catalog.vaults.unbind({ projectId: PROJECT, vaultId, diskId: disk });
    const elsewhere = await world.addVault([disk]);
    expect((await remove(disk)).status).toBe(200);
    expect(await world.catalog.vaults.bindings(elsewhere)).toHaveLength(1);
    expect(await roots()).toEqual(['HIDDEN', 'HIDDEN', 'VISIBLE']);
  });

  it('changes nothing when one disk is missing, named twice, busy or being restored', async () => {
    const { world, vaultId, disk, other, made, remove, roots } = await givenVault();
    expect((await remove(disk, 'none')).body).toEqual(refusal('BackupService.6135', 'none'));
    expect((await remove(disk, disk)).body).toEqual(refusal('BackupService.6104'));
    expect((await remove()).body).toEqual(refusal('BackupService.9900', 'resource_ids'));
    await world.catalog.backups.setStatus(PROJECT, made[2]!, 'waiting_restore', { atMs: 0 });
    expect((await remove(disk, other)).body).toEqual(refusal('BackupService.6216', made[2]));
    await world.catalog.backups.setStatus(PROJECT, made[2]!, 'available', { atMs: 0 });
    await world.call('POST', '/checkpoints', {
      checkpoint: { vault_id: vaultId, parameters: { resources: [other] } },
    });
    expect((await remove(disk, other)).body).toEqual(refusal('BackupService.6125'));
    expect(await roots()).toEqual(['VISIBLE', 'VISIBLE', 'VISIBLE']);
    expect(await world.catalog.vaults.bindings(vaultId)).toHaveLength(2);
  });

  it('is refused by a vault that is locked, frozen or missing', async () => {
    const { world, vaultId, disk, remove } = await givenVault();
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    const locked = await world.catalog.vaults.update({ ...vault, locked: true });
    expect((await remove(disk)).body).toEqual(refusal('BackupService.6110', 'locked'));
    await world.catalog.vaults.update({ ...locked, locked: false, status: 'frozen' });
    expect((await remove(disk)).body).toEqual(refusal('BackupService.6112'));
    const nowhere = `/vaults/${world.ids.uuid()}/removeresources`;
    expect((await world.call('POST', nowhere, { resource_ids: [disk] })).status).toBe(404);
  });
});
