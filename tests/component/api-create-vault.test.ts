import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { localDisks } from '../../lib/adapters/local/local-disks.ts';
import { HoldfastError } from '../../lib/errors.ts';
import { apiWorld, PROJECT, refusal, resources, vaultRequest } from '../support/api.ts';

describe('create vault', () => {
  it('answers with the whole vault, and its key opens', async () => {
    const world = await apiWorld();
    const diskId = await world.addDisk(5 * 2 ** 30 + 1, 'data');
    const answer = await world.call(
      'POST',
      '/vaults',
      vaultRequest({
        name: 'prod-Straße',
        description: 'tier 1',
        enterprise_project_id: 0,
        backup_name_prefix: 'nightly',
        tags: [{ key: 'tier', value: '1' }],
        resources: resources([diskId]),
        threshold: 90,
        smn_notify: false,
      }),
    );
    expect(answer).toMatchObject({
      status: 200,
      body: {
        vault: {
          name: 'prod-Straße',
          description: 'tier 1',
          enterprise_project_id: '0',
          project_id: PROJECT,
          user_id: 'u1',
          provider_id: 'd1603440-187d-4516-af25-121250c7cc97',
          created_at: '2026-01-01T00:00:00.000+00:00',
          backup_name_prefix: 'nightly',
          tags: [{ key: 'tier', value: '1' }],
          threshold: 90,
          smn_notify: false,
          auto_expand: false,
          billing: {
            size: 100,
            used: 0,
            allocated: 6,
            status: 'available',
            charging_mode: 'post_paid',
          },
          resources: [
            {
              id: diskId,
              type: 'OS::Cinder::Volume',
              name: 'data',
              size: 6,
              backup_count: 0,
              protect_status: 'available',
            },
          ],
        },
      },
    });
    const [vault] = await Array.fromAsync(world.catalog.vaults.list(PROJECT));
    const key = await world.catalog.vaults.key(vault!.id, vault!.keyId);
    await expect(world.keys.unwrap(key.wrapped, { vaultId: vault!.id })).resolves.toHaveLength(32);
    expect(await Array.fromAsync(world.objects.list(''))).toHaveLength(2);
  });

  it.each([
    ['a name with a space', { name: 'a b' }, 'vault.name'],
    ['no name', { name: undefined }, 'vault.name'],
    ['a name of 65 letters', { name: 'x'.repeat(65) }, 'vault.name'],
    ['no resources', { resources: undefined }, 'vault.resources'],
    [
      'an unknown level',
      { billing: { consistent_level: 'none' } },
      'vault.billing.consistent_level',
    ],
    [
      'app consistency',
      { billing: { consistent_level: 'app_consistent' } },
      'vault.billing.consistent_level',
    ],
    ['a hybrid cloud', { billing: { cloud_type: 'hybrid' } }, 'vault.billing.cloud_type'],
    [
      'payment in advance',
      { billing: { charging_mode: 'pre_paid' } },
      'vault.billing.charging_mode',
    ],
    ['several zones', { billing: { is_multi_az: true } }, 'vault.billing.is_multi_az'],
    ['a size with a fraction', { billing: { size: 10.5 } }, 'vault.billing.size'],
    ['a size as text', { billing: { size: '100' } }, 'vault.billing.size'],
    ['a threshold of 0', { threshold: 0 }, 'vault.threshold'],
    [
      'a tag key twice',
      {
        tags: [
          { key: 'a', value: '1' },
          { key: 'a', value: '2' },
        ],
      },
      'vault.tags',
    ],
    ['a tag value with =', { tags: [{ key: 'a', value: '=' }] }, 'vault.tags.0.value'],
    [
      'six bind rules',
      { bind_rules: { tags: Array.from({ length: 6 }, (_, n) => ({ key: `k${n}`, value: '' })) } },
      'vault.bind_rules.tags',
    ],
  ])('refuses %s and names the field', async (_, change, field) => {
    const world = await apiWorld();
    const answer = await world.call('POST', '/vaults', vaultRequest(change));
    expect(answer.body).toEqual(refusal('BackupService.9900', `${field}: `));
    expect(answer.status).toBe(400);
  });

  it.each([
    ['a size of 9 GB', { billing: { size: 9 } }, 400, 'BackupService.6101'],
    ['a size over 10 PB', { billing: { size: 10_485_761 } }, 400, 'BackupService.6101'],
    ['replication', { billing: { protect_type: 'replication' } }, 400, 'BackupService.6116'],
    ['servers', { billing: { object_type: 'server' } }, 400, 'BackupService.6102'],
    ['a policy', { backup_policy_id: 'p-1' }, 404, 'BackupService.6000'],
    [
      'a server as resource',
      { resources: [{ id: 'x', type: 'OS::Nova::Server' }] },
      400,
      'BackupService.6102',
    ],
    ['a missing disk', { resources: resources(['x']) }, 404, 'BackupService.7000'],
    ['a disk twice', { resources: resources(['x', 'x']) }, 400, 'BackupService.6104'],
    [
      '257 disks',
      { resources: resources(Array.from({ length: 257 }, (_, n) => `d${n}`)) },
      400,
      'BackupService.6100',
    ],
    [
      '21 tags',
      { tags: Array.from({ length: 21 }, (_, n) => ({ key: `k${n}`, value: '' })) },
      400,
      'BackupService.6600',
    ],
  ])('refuses %s', async (_, change, status, code) => {
    const world = await apiWorld();
    const answer = await world.call('POST', '/vaults', vaultRequest(change));
    expect(answer).toMatchObject({ status, body: refusal(code) });
    expect(await Array.fromAsync(world.catalog.vaults.list(PROJECT))).toEqual([]);
    expect(await Array.fromAsync(world.objects.list(''))).toEqual([]);
  });

  it('checks the size before the kind and the kind before the resources', async () => {
    const world = await apiWorld();
    const bad = {
      resources: resources(['x']),
      billing: { size: 1, protect_type: 'replication', object_type: 'server' },
    };
    const codeOf = async (billing: object) => {
      const request = vaultRequest({ ...bad, billing: { ...bad.billing, ...billing } });
      return (await world.call('POST', '/vaults', request)).body;
    };
    expect(await codeOf({})).toEqual(refusal('BackupService.6101'));
    expect(await codeOf({ size: 10 })).toEqual(refusal('BackupService.6116'));
    expect(await codeOf({ size: 10, protect_type: 'backup' })).toEqual(
      refusal('BackupService.6102'),
    );
    expect(await codeOf({ size: 10, protect_type: 'backup', object_type: 'disk' })).toEqual(
      refusal('BackupService.7000'),
    );
  });

  it('refuses a disk that is in a vault already, before anything is written', async () => {
    const world = await apiWorld();
    const diskId = await world.addDisk();
    await world.addVault([diskId]);
    const objects = await Array.fromAsync(world.objects.list(''));
    const answer = await world.call(
      'POST',
      '/vaults',
      vaultRequest({ resources: resources([diskId]) }),
    );
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.7006') });
    expect(await Array.fromAsync(world.objects.list(''))).toEqual(objects);
  });

  it.each(['../../etc', 'a/b', 'x\u0000', '__proto__', 'x'.repeat(255)])(
    'refuses the disk %j, of which the real source of disks says that it is no id',
    async (id) => {
      const world = await apiWorld();
      const root = mkdtempSync(join(tmpdir(), 'disks-'));
      const ports = { ...world, disks: localDisks({ root }) };
      const request = vaultRequest({ resources: resources([id]) });
      const answer = await world.call('POST', '/vaults', request, ports);
      rmSync(root, { recursive: true });
      expect(answer).toMatchObject({
        status: 400,
        body: refusal('BackupService.9900', 'Invalid disk'),
      });
    },
  );

  it('refuses disks that are larger together than the vault', async () => {
    const world = await apiWorld();
    const diskIds = [await world.addDisk(6 * 2 ** 30), await world.addDisk(4 * 2 ** 30 + 1)];
    const request = vaultRequest({ resources: resources(diskIds), billing: { size: 10 } });
    expect((await world.call('POST', '/vaults', request)).body).toEqual(
      refusal('BackupService.6108'),
    );
    await world.addVault(diskIds, { billing: { size: 11 } });
  });

  it('leaves nothing bound and no vault when a disk is lost to another request', async () => {
    const world = await apiWorld();
    const diskIds = [await world.addDisk(), await world.addDisk()];
    const { vaults } = world.catalog;
    let binds = 0;
    const ports = {
      ...world,
      catalog: {
        ...world.catalog,
        vaults: {
          ...vaults,
          bind: async (binding: Parameters<typeof vaults.bind>[0]) => {
            if (++binds === 2)
              throw new HoldfastError('BackupService.7006', { id: binding.diskId });
            await vaults.bind(binding);
          },
        },
      },
    };
    const answer = await world.call(
      'POST',
      '/vaults',
      vaultRequest({ resources: resources(diskIds) }),
      ports,
    );
    expect(answer.body).toEqual(refusal('BackupService.7006'));
    expect(await Array.fromAsync(vaults.list(PROJECT))).toEqual([]);
    expect(await vaults.binding(PROJECT, diskIds[0]!)).toBeNull();
  });

  it('makes no vault when its key does not open', async () => {
    const world = await apiWorld();
    const keys = {
      ...world.keys,
      name: 'broken',
      wrap: async (plain: Uint8Array) => plain,
      unwrap: async () => new Uint8Array(32),
    };
    const answer = await world.call('POST', '/vaults', vaultRequest(), { ...world, keys });
    expect(answer).toMatchObject({
      status: 500,
      body: { error_code: 'BackupService.9910', error_msg: 'Unknown error.' },
    });
    expect(await Array.fromAsync(world.catalog.vaults.list(PROJECT))).toEqual([]);
  });
});
