import { describe, expect, it } from '@jest/globals';
import {
  allows,
  VAULT_OPERATIONS,
  VAULT_TRANSITIONS,
  type VaultOperation,
  type VaultStatus,
} from '../../lib/model/vault.ts';
import { freezeVault } from '../../lib/service/freeze-vault.ts';
import { sweepRetention } from '../../lib/service/sweep-retention.ts';
import { type ApiWorld, apiWorld, finishBackup, PROJECT, refusal } from '../support/api.ts';

/** Which operations a vault allows in which status: every pair, over the API (spec section 3.3). */

const STATUSES = Object.keys(VAULT_TRANSITIONS) as VaultStatus[];

interface Scene {
  world: ApiWorld;
  vaultId: string;
  diskId: string;
  backupId: string;
}

const scene = async (): Promise<Scene> => {
  const world = await apiWorld();
  const diskId = await world.addDisk();
  const vaultId = await world.addVault([diskId]);
  const { backupIds } = await world.addCheckpoint(vaultId);
  await finishBackup(world, backupIds[0]!);
  return { world, vaultId, diskId, backupId: backupIds[0]! };
};

const setStatus = async ({ world, vaultId }: Scene, status: VaultStatus): Promise<void> => {
  const vault = await world.catalog.vaults.get(PROJECT, vaultId);
  await world.catalog.vaults.update({ ...vault, status });
};

const addPolicy = async (world: ApiWorld): Promise<string> => {
  const { body } = await world.call('POST', '/policies', {
    policy: {
      name: 'nightly',
      operation_type: 'backup',
      trigger: { properties: { pattern: ['FREQ=DAILY;BYHOUR=02;BYMINUTE=00'] } },
      operation_definition: {},
    },
  });
  return (body as { policy: { id: string } }).policy.id;
};

type OverHttp = Exclude<VaultOperation, 'expire' | 'migrate'>;

/** Each operation as a caller asks for it, and the code that refuses it. */
const OPERATIONS: Record<
  OverHttp,
  { code: string; ask: (given: Scene) => Promise<{ status: number; body: unknown }> }
> = {
  associate: {
    code: '6112',
    ask: async ({ world, vaultId }) =>
      world.call('POST', `/vaults/${vaultId}/addresources`, {
        resources: [{ id: await world.addDisk(), type: 'OS::Cinder::Volume' }],
      }),
  },
  applyPolicy: {
    code: '6112',
    ask: async ({ world, vaultId }) =>
      world.call('POST', `/vaults/${vaultId}/associatepolicy`, {
        policy_id: await addPolicy(world),
      }),
  },
  backUp: {
    code: '6113',
    ask: ({ world, vaultId }) =>
      world.call('POST', '/checkpoints', { checkpoint: { vault_id: vaultId } }),
  },
  change: {
    code: '6112',
    ask: ({ world, vaultId }) =>
      world.call('PUT', `/vaults/${vaultId}`, { vault: { billing: { size: 200 } } }),
  },
  dissociate: {
    code: '6112',
    ask: ({ world, vaultId, diskId }) =>
      world.call('POST', `/vaults/${vaultId}/removeresources`, { resource_ids: [diskId] }),
  },
  suspend: {
    code: '6112',
    ask: ({ world, vaultId, diskId }) =>
      world.call('PUT', `/vaults/${vaultId}/set-resources`, {
        resource_ids: [diskId],
        action: 'suspend',
      }),
  },
  restore: {
    code: '6202',
    ask: ({ world, backupId, diskId }) =>
      world.call('POST', `/backups/${backupId}/restore`, { restore: { volume_id: diskId } }),
  },
  deleteBackup: {
    code: '6112',
    ask: ({ world, backupId }) => world.call('DELETE', `/backups/${backupId}`),
  },
  delete: {
    code: '6111',
    ask: ({ world, vaultId }) => world.call('DELETE', `/vaults/${vaultId}`),
  },
};

describe.each(STATUSES)('a vault that is %s', (status) => {
  it.each(Object.keys(OPERATIONS) as OverHttp[])('allows or refuses: %s', async (operation) => {
    const given = await scene();
    const { code, ask } = OPERATIONS[operation];
    await setStatus(given, status);
    const answer = await ask(given);
    // A deletion that is repeated is accepted again.
    const isRepeated = operation === 'delete' && status === 'deleting';
    if (allows(status, operation) || isRepeated) expect(answer.status).toBeLessThan(300);
    else expect(answer.body).toEqual(refusal(`BackupService.${code}`, status));
  });
});

describe('the table of operations', () => {
  it('is the one of spec section 3.3', () => {
    const { associate, applyPolicy, backUp, change, restore, migrate } = VAULT_OPERATIONS;
    for (const allowed of [associate, applyPolicy, backUp, change])
      expect(allowed).toEqual(['available']);
    for (const allowed of [restore, migrate]) expect(allowed).toEqual(['available', 'lock']);
    expect(VAULT_OPERATIONS.delete).toEqual(['available', 'error']);
    expect(VAULT_OPERATIONS.deleteBackup).not.toContain('deleting');
    for (const operation of Object.keys(VAULT_OPERATIONS) as VaultOperation[])
      expect(allows('frozen', operation)).toBe(false);
  });
});

describe('a frozen vault', () => {
  it('keeps what has expired, until it is frozen no more', async () => {
    const given = await scene();
    const { world, vaultId, backupId } = given;
    const policy = await world.call('POST', '/policies', {
      policy: {
        name: 'short',
        operation_type: 'backup',
        trigger: { properties: { pattern: ['FREQ=DAILY;BYHOUR=02;BYMINUTE=00'] } },
        operation_definition: { max_backups: 1 },
      },
    });
    const { id } = (policy.body as { policy: { id: string } }).policy;
    await world.call('POST', `/vaults/${vaultId}/associatepolicy`, { policy_id: id });
    for (let count = 0; count < 2; count++) {
      world.clock.advance(60_000);
      const next = await world.addCheckpoint(vaultId, { auto_trigger: true });
      await finishBackup(world, next.backupIds[0]!);
    }
    const frozen = { projectId: PROJECT, vaultId, frozen: true };
    expect(await freezeVault(frozen, world)).toMatchObject({ status: 'frozen' });
    expect(await sweepRetention(world)).toMatchObject({ deleted: 0 });
    expect(await freezeVault({ ...frozen, frozen: false }, world)).toMatchObject({
      status: 'available',
    });
    expect(await sweepRetention(world)).toMatchObject({ deleted: 1 });
    expect(await world.catalog.backups.get(PROJECT, backupId)).toMatchObject({ root: 'VISIBLE' });
  });

  it('is frozen once; one that is locked or deleted is not', async () => {
    const given = await scene();
    const { world, vaultId } = given;
    const freeze = (frozen: boolean) => freezeVault({ projectId: PROJECT, vaultId, frozen }, world);
    const first = await freeze(true);
    expect(await freeze(true)).toEqual(first);
    await freeze(false);
    for (const status of ['lock', 'error'] as const) {
      await setStatus(given, status);
      await expect(freeze(true)).rejects.toMatchObject({ code: 'BackupService.6112' });
      await expect(freeze(false)).rejects.toMatchObject({ code: 'BackupService.6112' });
    }
  });
});
