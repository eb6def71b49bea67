import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import type { HttpEvent } from '../../lib/runtime/http-function-request.ts';
import { API_FUNCTIONS, finishBackup, functionOf, send } from '../support/api.ts';
import { someVault } from '../support/catalog-records.ts';
import { type MemoryWorld, memoryWorld } from '../support/memory-world.ts';
import { appliedOf, somePolicy } from '../support/policy-records.ts';
import { admitKey } from '../support/signed-event.ts';

/** Walks the sample events of `events/api` through the real handlers. */

const PROJECT = '00000000000000000000000000000001';
const VAULT = '0a000000-0000-4000-8000-000000000001';
const BACKUP = '0b000000-0000-4000-8000-000000000001';
const CHECKPOINT = '0c000000-0000-4000-8000-000000000001';
const DISK = '0d000000-0000-4000-8000-000000000001';
const NEW_DISK = '0d000000-0000-4000-8000-000000000002';
const TASK = '0e000000-0000-4000-8000-000000000001';
const POLICY = '0f000000-0000-4000-8000-000000000001';

/** The status that each event is answered with: in the order of the files. */
const STATUSES: Record<string, number> = {
  'backups/delete-backup': 204,
  'backups/list-backups': 200,
  'backups/list-backups-badly': 400,
  'backups/rename-backup': 200,
  'backups/restore-backup': 202,
  'backups/restore-backup-to-other-disk': 400,
  'backups/show-backup': 200,
  'backups/show-metadata': 200,
  'backups/undelete-backup': 200,
  'backups/verify-backup': 202,
  'checkpoints/create-checkpoint': 200,
  'checkpoints/create-checkpoint-of-missing-vault': 404,
  'checkpoints/show-checkpoint': 200,
  'disks/create-disk-from-backup': 202,
  'disks/create-disk-from-backup-too-small': 400,
  'disks/list-disks': 200,
  'disks/show-disk': 200,
  'features/list-features': 200,
  'features/list-replication-capabilities': 200,
  'features/show-feature': 200,
  'features/show-unknown-feature': 400,
  'not-found/later-feature': 501,
  'not-found/nothing': 404,
  'operation-logs/cancel-ended-task': 409,
  'operation-logs/list-tasks': 200,
  'operation-logs/show-task': 200,
  'policies/create-policy': 200,
  'policies/create-policy-with-conflicting-retention': 400,
  'policies/delete-policy': 204,
  'policies/list-policies': 200,
  'policies/preview-retention': 200,
  'policies/show-policy': 200,
  'policies/show-policy-missing': 404,
  'policies/update-policy': 200,
  'protectables/list-protectable-servers': 400,
  'protectables/list-protectables': 200,
  'protectables/show-protectable': 200,
  'tokens/create-token': 201,
  'tokens/create-token-with-nothing': 401,
  'tokens/create-token-with-password': 400,
  'tokens/create-token-with-wrong-secret': 401,
  'vaults/add-resources': 200,
  'vaults/add-resources-bound': 400,
  'vaults/associate-policy': 200,
  'vaults/change-tags': 204,
  'vaults/create-tag': 204,
  'vaults/create-vault': 200,
  'vaults/create-vault-for-servers': 400,
  'vaults/create-vault-malformed': 400,
  'vaults/create-vault-signed': 200,
  'vaults/create-vault-signed-wrongly': 401,
  'vaults/delete-missing-tag': 404,
  'vaults/delete-vault-with-backups': 204,
  'vaults/dissociate-policy': 200,
  'vaults/dissociate-policy-not-applied': 404,
  'vaults/find-vaults-by-tags': 200,
  'vaults/list-external-vaults': 200,
  'vaults/list-project-tags': 200,
  'vaults/list-storage-usage': 200,
  'vaults/list-vaults': 200,
  'vaults/remove-resources': 200,
  'vaults/show-summary': 200,
  'vaults/show-tags': 200,
  'vaults/show-vault': 200,
  'vaults/show-vault-missing': 404,
  'vaults/show-vault-of-other-project': 404,
  'vaults/show-vault-without-token': 401,
  'vaults/suspend-resources': 200,
  'vaults/update-all-vaults': 200,
  'vaults/update-vault': 200,
  'versions/list-versions': 300,
  'versions/show-version': 200,
};

const folder = new URL('../../events/api/', import.meta.url);

it('there are events for every function, and a status for every event', () => {
  const functions = readdirSync(folder).toSorted();
  expect(functions).toEqual(Object.keys(API_FUNCTIONS).toSorted());
  const files = functions.flatMap((name) =>
    readdirSync(new URL(`${name}/`, folder)).map((file) => `${name}/${file.replace('.json', '')}`),
  );
  expect(files.toSorted()).toEqual(Object.keys(STATUSES));
});

it.each(Object.entries(STATUSES))('%s is answered with %d', async (file, status) => {
  const event = JSON.parse(readFileSync(new URL(`${file}.json`, folder), 'utf8')) as HttpEvent;
  expect(functionOf(event)).toBe(file.split('/')[0]);
  expect((await send(event, await exampleWorld())).status).toBe(status);
});

/** What the events speak of: a vault with a policy, its disk with a backup, and another disk. */
async function exampleWorld(): Promise<MemoryWorld> {
  const world = memoryWorld();
  const { catalog, disks } = world;
  await world.admit(PROJECT, 'Full', { token: 'example-token' });
  await admitKey(world, PROJECT, { accessKeyId: 'EXAMPLEACCESSKEY', secret: 'example-secret' });
  await disks.addDisk({ id: DISK, name: 'data', sizeBytes: 10 * 2 ** 30 });
  await disks.addDisk({ id: NEW_DISK, name: 'new', sizeBytes: 2 ** 30 });
  await catalog.vaults.create(exampleVault, {
    vaultId: VAULT,
    keyId: VAULT,
    provider: 'memory',
    wrapped: new Uint8Array(32),
    createdAtMs: 0,
  });
  const policy = somePolicy({ id: POLICY, projectId: PROJECT });
  await catalog.policies.create(policy);
  await catalog.policies.apply(appliedOf(exampleVault, policy));
  const disk = { id: DISK, name: 'data', sizeBytes: 10 * 2 ** 30 };
  const { id: diskId, name, sizeBytes } = disk;
  const of = { projectId: PROJECT, vaultId: VAULT, createdAtMs: 0 };
  await catalog.vaults.bind({ ...of, diskId, name, sizeBytes });
  await catalog.backups.putCheckpoint({
    ...of,
    id: CHECKPOINT,
    vaultName: 'vault-1',
    name: 'first',
    description: '',
    backups: [{ backupId: BACKUP, diskId, diskName: name, sizeBytes }],
    skipped: [],
  });
  const common = { ...of, checkpointId: CHECKPOINT, updatedAtMs: 0 };
  await catalog.backups.begin(
    {
      ...common,
      id: BACKUP,
      operationLogId: TASK,
      name: 'first',
      description: '',
      disk: { ...disk, availabilityZone: 'local-a' },
      status: 'waiting_protect',
      root: 'NONE',
      incremental: true,
      autoTrigger: false,
    },
    {
      ...common,
      id: TASK,
      type: 'backup',
      status: 'waiting',
      vaultName: 'vault-1',
      backupId: BACKUP,
      backupName: 'first',
      disk: { id: DISK, name },
      totalBytes: 0,
      cancelRequested: false,
      restarts: 0,
      requestId: 'r',
    },
  );
  await finishBackup(world, BACKUP, { projectId: PROJECT });
  return world;
}

const exampleVault = someVault({
  id: VAULT,
  projectId: PROJECT,
  name: 'vault-1',
  keyId: VAULT,
  autoBind: false,
  bindRules: {},
  tags: [],
});
