import { describe, expect, it } from '@jest/globals';
import { apiWorld, refusal } from '../support/api.ts';

describe('features', () => {
  it('are listed, in pages, and shown one by one', async () => {
    const world = await apiWorld();
    const all = {
      'features.backup_double_az': false,
      'replication.destination_dgw_regions': [],
      'replication.destination_regions': [],
      'replication.enable': false,
      'replication.source_region': 'local',
    };
    expect((await world.call('GET', '/cbr-features')).body).toEqual(all);
    expect((await world.call('GET', '/cbr-features?limit=1&offset=3')).body).toEqual({
      'replication.enable': false,
    });
    for (const [key, value] of Object.entries(all)) {
      const { body } = await world.call('GET', `/cbr-features/${key}`);
      expect(body).toEqual({ [key]: value });
    }
  });

  it.each(['replication', 'toString', '__proto__'])('do not know %s', async (key) => {
    const world = await apiWorld();
    const answer = await world.call('GET', `/cbr-features/${key}`);
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900', 'feature') });
  });

  it('name the region, which replicates nowhere', async () => {
    const world = await apiWorld();
    expect((await world.call('GET', '/replication-capabilities')).body).toEqual({
      regions: [{ name: 'local', replication_destinations: [] }],
    });
  });
});

describe('the metadata of a backup', () => {
  it('tell what was backed up', async () => {
    const world = await apiWorld();
    const { backupId, diskId } = await world.addBackup(3 * 2 ** 30);
    const { body } = await world.call('GET', `/backups/${backupId}/metadata`);
    const { volumes, backups, ...rest } = body as { volumes: string[]; backups: string };
    expect(rest).toEqual({
      backup_id: backupId,
      flavor: '',
      floatingips: [],
      interface: '',
      ports: [],
      server: '',
    });
    expect(volumes.map((text) => JSON.parse(text) as object)).toEqual([
      { id: diskId, name: 'disk', size: 3, availability_zone: 'local-a' },
    ]);
    expect(JSON.parse(backups)).toMatchObject({ id: backupId, volume_id: diskId });
  });

  it('are there when it is whole, and not before or after', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([await world.addDisk()]);
    const { backupIds } = await world.addCheckpoint(vaultId);
    const early = await world.call('GET', `/backups/${backupIds[0]}/metadata`);
    expect(early).toMatchObject({ status: 400, body: refusal('BackupService.6206') });
    const { backupId } = await world.addBackup();
    await world.call('DELETE', `/backups/${backupId}`);
    const late = await world.call('GET', `/backups/${backupId}/metadata`);
    expect(late).toMatchObject({ status: 404, body: refusal('BackupService.6200') });
  });
});
