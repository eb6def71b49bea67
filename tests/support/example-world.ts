import { readdirSync, readFileSync } from 'node:fs';
import { ROUTES_BY_NOUN } from '../../lib/api/routes.ts';
import { type HttpEvent, methodOf, pathOf } from '../../lib/runtime/http-function-request.ts';
import { finishBackup, httpEvent } from './api.ts';
import { someVault } from './catalog-records.ts';
import { type MemoryWorld, memoryWorld } from './memory-world.ts';
import { type Operation, operationOf } from './openapi.ts';
import { appliedOf, somePolicy } from './policy-records.ts';
import { admitKey } from './signed-event.ts';

/** The sample events of `events/api`, and the world that they speak of. */

export const EXAMPLE_PROJECT = '00000000000000000000000000000001';
const VAULT = '0a000000-0000-4000-8000-000000000001';
const OTHER_VAULT = '0a000000-0000-4000-8000-000000000002';
const BACKUP = '0b000000-0000-4000-8000-000000000001';
const CHECKPOINT = '0c000000-0000-4000-8000-000000000001';
const DISK = '0d000000-0000-4000-8000-000000000001';
const NEW_DISK = '0d000000-0000-4000-8000-000000000002';
const TASK = '0e000000-0000-4000-8000-000000000001';
const POLICY = '0f000000-0000-4000-8000-000000000001';

const folder = new URL('../../events/api/', import.meta.url);

/** Names of all samples: the function's, a slash, the file's. */
export const exampleEvents = (): string[] =>
  readdirSync(folder).flatMap((name) =>
    readdirSync(new URL(`${name}/`, folder)).map((file) => `${name}/${file.replace('.json', '')}`),
  );

export const exampleEvent = (name: string): HttpEvent =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as HttpEvent;

const SAMPLES = exampleEvents().map(exampleEvent);

/** The samples of an operation; of an alias, those of what it stands for. */
export function samplesOf({ method, path }: Operation): HttpEvent[] {
  const route = Object.values(ROUTES_BY_NOUN)
    .flat()
    .find((one) => one.method === method && one.paths.includes(path));
  const rawPath = path.replace('{project_id}', EXAMPLE_PROJECT).replaceAll(/{\w+}/g, 'x');
  if (!route) return [httpEvent(method, rawPath)];
  const samples = SAMPLES.filter(
    (event) =>
      methodOf(event) === method && operationOf(method, pathOf(event))?.path === route.paths[0],
  );
  return route.paths[0] === path ? samples : samples.map((event) => ({ ...event, rawPath }));
}

/** What the events speak of: a vault with a policy, its disk with a backup, another of each. */
export async function exampleWorld(): Promise<MemoryWorld> {
  const world = memoryWorld();
  const { catalog, disks } = world;
  await world.admit(EXAMPLE_PROJECT, 'Full', { token: 'example-token' });
  await admitKey(world, EXAMPLE_PROJECT, {
    accessKeyId: 'EXAMPLEACCESSKEY',
    secret: 'example-secret',
  });
  await disks.addDisk({ id: DISK, name: 'data', sizeBytes: 10 * 2 ** 30 });
  await disks.addDisk({ id: NEW_DISK, name: 'new', sizeBytes: 2 ** 30 });
  await catalog.vaults.create(exampleVault, {
    vaultId: VAULT,
    keyId: VAULT,
    provider: 'memory',
    wrapped: new Uint8Array(32),
    createdAtMs: 0,
  });
  await catalog.vaults.create(otherVault, {
    vaultId: OTHER_VAULT,
    keyId: OTHER_VAULT,
    provider: 'memory',
    wrapped: new Uint8Array(32),
    createdAtMs: 0,
  });
  const policy = somePolicy({ id: POLICY, projectId: EXAMPLE_PROJECT });
  await catalog.policies.create(policy);
  await catalog.policies.apply(appliedOf(exampleVault, policy));
  const disk = { id: DISK, name: 'data', sizeBytes: 10 * 2 ** 30 };
  const { id: diskId, name, sizeBytes } = disk;
  const of = { projectId: EXAMPLE_PROJECT, vaultId: VAULT, createdAtMs: 0 };
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
  await finishBackup(world, BACKUP, { projectId: EXAMPLE_PROJECT });
  return world;
}

const exampleVault = someVault({
  id: VAULT,
  projectId: EXAMPLE_PROJECT,
  name: 'vault-1',
  keyId: VAULT,
  autoBind: false,
  bindRules: {},
  tags: [{ key: 'team', value: 'blue' }],
});

/** Where a disk moves to. */
const otherVault = someVault({
  id: OTHER_VAULT,
  projectId: EXAMPLE_PROJECT,
  name: 'vault-2',
  keyId: OTHER_VAULT,
  autoBind: false,
});
