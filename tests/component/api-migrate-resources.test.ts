import { describe, expect, it } from '@jest/globals';
import { policyResponse } from '../../lib/api/policy-schemas.ts';
import { runPolicies } from '../../lib/service/run-policies.ts';
import { apiWorld, PROJECT, refusal } from '../support/api.ts';
import { backupsIn } from '../support/listed.ts';

/** Spec section 3.5, migration over HTTP: `migrate-resources.test.ts` runs its jobs. */

describe('a migration is refused', () => {
  const over = async () => {
    const world = await apiWorld();
    const given = await world.addBackup();
    const destination = await world.addVault();
    const ask = (body: object = {}, vaultId = given.vaultId) =>
      world.call('POST', `/vaults/${vaultId}/migrateresources`, {
        destination_vault_id: destination,
        resource_ids: [given.diskId],
        ...body,
      });
    const change = async (id: string, fields: object) => {
      const vault = await world.catalog.vaults.get(PROJECT, id);
      await world.catalog.vaults.update({ ...vault, ...fields });
    };
    return { world, ...given, destination, ask, change };
  };

  it('without one of the vaults, or into the vault itself', async () => {
    const { ask, vaultId } = await over();
    const nobody = '0a000000-0000-4000-8000-00000000dead';
    expect((await ask({}, nobody)).body).toEqual(refusal('BackupService.6105', nobody));
    const to = (id: string) => ask({ destination_vault_id: id });
    expect((await to(nobody)).body).toEqual(refusal('BackupService.6120', nobody));
    expect((await to(vaultId)).body).toEqual(refusal('BackupService.6120', 'itself'));
  });

  it('by a vault that is frozen or locked', async () => {
    const { ask, vaultId, destination, change } = await over();
    for (const id of [vaultId, destination]) {
      await change(id, { status: 'frozen' });
      expect((await ask()).body).toEqual(refusal('BackupService.6112', 'frozen'));
      await change(id, { status: 'lock', locked: true });
      expect((await ask()).body).toEqual(refusal('BackupService.6110', 'locked'));
      await change(id, { status: 'available', locked: false });
    }
    expect(await ask()).toMatchObject({ status: 200 });
  });

  it('by a vault whose catalog is rebuilt, before anything is changed', async () => {
    const { world, ask, vaultId, destination } = await over();
    for (const id of [vaultId, destination]) {
      const run = await world.catalog.reconciling.begin(id, world.ids.uuid());
      expect((await ask()).body).toEqual(refusal('BackupService.6112', 'reconciling'));
      expect(await world.catalog.vaults.bindings(vaultId)).toHaveLength(1);
      await world.catalog.reconciling.end(run);
    }
    expect((await ask()).status).toBe(200);
  });

  it('by a destination whose free capacity is not larger than the backups', async () => {
    const { world, ask, destination, backupId } = await over();
    const { stats } = await world.catalog.backups.get(PROJECT, backupId);
    const usage = world.state.usage.get(destination)!;
    usage.usedBytes = 100 * 2 ** 30 - stats!.storedBytes;
    expect((await ask()).body).toEqual(refusal('BackupService.6129', destination));
    usage.usedBytes -= 1;
    expect((await ask()).status).toBe(200);
  });

  it('of a disk that is not in the vault, named twice, being backed up or restored', async () => {
    const { world, ask, vaultId, diskId, backupId, destination } = await over();
    const other = await world.addDisk();
    expect((await ask({ resource_ids: [other] })).body).toEqual(
      refusal('BackupService.6135', other),
    );
    expect((await ask({ resource_ids: [diskId, diskId] })).body).toEqual(
      refusal('BackupService.6104'),
    );
    await world.catalog.backups.setStatus(PROJECT, backupId, 'waiting_restore', { atMs: 0 });
    expect((await ask()).body).toEqual(refusal('BackupService.6125'));
    await world.catalog.backups.setStatus(PROJECT, backupId, 'available', { atMs: 0 });
    await world.addCheckpoint(vaultId);
    expect((await ask()).body).toEqual(refusal('BackupService.6125'));
    expect(await world.catalog.vaults.bindings(destination)).toEqual([]);
  });

  it('takes in a disk that no vault has, by the backups that it left', async () => {
    const { world, ask, vaultId, diskId, destination } = await over();
    await world.catalog.vaults.unbind({ projectId: PROJECT, vaultId, diskId });
    expect((await ask()).status).toBe(200);
    expect(await world.catalog.vaults.bindings(destination)).toMatchObject([{ diskId }]);
    expect(world.jobs.started.at(-1)).toMatchObject({ kind: 'move' });
  });
});

it('leaves the disk out of scheduled backups of the other vault, and nothing else', async () => {
  const world = await apiWorld();
  const { vaultId: from, diskId } = await world.addBackup();
  const other = await world.addDisk();
  const pattern = ['FREQ=DAILY;BYHOUR=02;BYMINUTE=00'];
  const policy = {
    name: 'nightly',
    operation_type: 'backup',
    trigger: { properties: { pattern } },
    operation_definition: {},
  };
  const { body } = await world.call('POST', '/policies', { policy });
  const { id } = policyResponse.parse(body).policy;
  const to = await world.addVault([other], { backup_policy_id: id });
  const request = { destination_vault_id: to, resource_ids: [diskId] };
  await world.call('POST', `/vaults/${from}/migrateresources`, request);
  world.clock.advance(86_400_000);
  expect((await runPolicies(world)).started).toEqual([to]);
  const [backup, ...others] = (await backupsIn(world.catalog, PROJECT)).filter(
    ({ policyId }) => policyId === id,
  );
  expect([backup?.disk.id, others]).toEqual([other, []]);
  const checkpointId = backup?.checkpointId ?? '';
  const { skipped } = await world.catalog.backups.checkpoint(PROJECT, checkpointId);
  expect(skipped).toMatchObject([{ id: diskId, code: 'BackupService.6125' }]);
});
