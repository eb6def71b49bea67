import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { HoldfastError } from '../../lib/errors.ts';
import { createCheckpoint } from '../../lib/service/create-checkpoint.ts';
import { PROJECT, resources, vaultRequest } from '../support/api.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';
import { appliedOf, somePolicy } from '../support/policy-records.ts';
import { retentionRule } from '../support/retention-history.ts';
import { someBytes } from '../support/some-stored.ts';
import { functionsOf, packaged } from './packaged.ts';
import { isAllowed, rightsOf, type Statement } from './permissions.ts';
import { recordedWorld } from './recorded-world.ts';
import { lambdaArn } from './recording.ts';

type World = Awaited<ReturnType<typeof recordedWorld>>;
const MIB = 2 ** 20;

let dynamo: TestDynamo;
let rights: Record<string, Statement[]>;
let wishes: World['wishes'];
beforeAll(async () => {
  dynamo = await startDynamo();
  const { template } = await packaged();
  rights = rightsOf(template, functionsOf(template));
  const world = await recordedWorld(dynamo);
  ({ wishes } = world);
  await tellTheStory(world);
}, 200_000);
afterAll(() => dynamo.close());

/** What the story leaves out. */
const NOT_TOLD = [
  // Of two requests for one restore, one gives way and ends its task.
  ...['api-backups', 'api-disks'].map((key) => `${key} dynamodb:DeleteItem <CatalogTable.Arn>`),
  // Above 1 TiB a job calls itself for each slice.
  ...['backup', 'restore', 'verify'].map(
    (key) => `${key} lambda:InvokeFunction ${lambdaArn(`${key}:*`)}`,
  ),
];

describe('the role of each function', () => {
  it('allows all that its use cases do', () => {
    const refused = wishes
      .filter(([key, wish]) => !isAllowed(rights[key] ?? [], wish))
      .map(([key, { action, resource }]) => `${key} ${action} ${resource}`);
    expect([...new Set(refused)]).toEqual([]);
    expect(wishes.length).toBeGreaterThan(400);
  });

  it('allows nothing that they never do', () => {
    const unused = Object.entries(rights).flatMap(([key, statements]) => {
      const own = wishes.filter(([wisher]) => wisher === key).map(([, wish]) => wish);
      return singleRights(statements)
        .filter((right) => !own.some((wish) => isAllowed([right], wish)))
        .map(({ Action, Resource }) => `${key} ${Action[0]} ${Resource[0]}`);
    });
    expect(unused.toSorted()).toEqual(NOT_TOLD);
  });
});

/** One statement for each action and resource; those that Lambda itself uses are left out. */
const singleRights = (statements: Statement[]): Statement[] =>
  statements
    .filter(
      ({ Effect, Sid }) =>
        Effect === 'Allow' && Sid !== 'Log' && Sid !== 'KeepExecution' && Sid !== 'Publish',
    )
    .flatMap((one) =>
      one.Action.flatMap((action) =>
        one.Resource.map((resource) => ({ ...one, Action: [action], Resource: [resource] })),
      ),
    );

const found = (shape: z.ZodRawShape, body: unknown) => z.object(shape).parse(body);
const id = z.object({ id: z.string() });

/** Everything that a project may ask for, and what the jobs and the watchdog do then. */
async function tellTheStory(world: World): Promise<void> {
  const [diskId, otherId] = [world.memory.ids.uuid(), world.memory.ids.uuid()];
  for (const one of [diskId, otherId])
    await world.memory.disks.addDisk({ id: one, name: one, sizeBytes: 4 * MIB });
  await world.memory.disks.write(diskId, 0, someBytes('disk', 2 * MIB));
  await world.memory.disks.write(otherId, 0, someBytes('disk', MIB));
  const vaultId = await makeVault(world, diskId, otherId);
  const backupId = await backUp(world, vaultId, diskId);
  await backUp(world, vaultId, diskId);
  await backUp(world, vaultId, otherId);
  await cancelBackup(world, vaultId, diskId);
  await loseBackup(world, vaultId, diskId);
  await failBackup(world, vaultId, diskId);
  await restore(world, backupId, diskId);
  await loseRestore(world, backupId, diskId);
  await verifyDamaged(world, backupId);
  await world.call(204, 'DELETE', `/backups/${backupId}`);
  await world.call(200, 'POST', `/backups/${backupId}/undelete`);
  await world.call(204, 'DELETE', `/backups/${backupId}`);
  await world.call(200, 'GET', '/operation-logs');
  for (const filter of ['vault_id', 'resource_id', 'enterprise_project_id'])
    await world.call(200, 'GET', `/operation-logs?${filter}=0`);
  await world.call(200, 'GET', '/backups');
  await world.call(200, 'GET', '/backups?vault_id=0');
  await sweepExpired(world, vaultId, diskId);
  await makeAndDeleteVault(world);
  await moveDisk(world);
  await govern(world, vaultId);
  expect(await world.meter(0)).toMatchObject({ sampled: 1, failed: 0 });
  await world.call(200, 'GET', '/cost-report');
  await collectGarbage(world, vaultId, diskId);
  await forgetUsage(world);
}

async function makeVault(world: World, diskId: string, otherId: string): Promise<string> {
  const request = vaultRequest({ resources: resources([diskId]) });
  const made = found({ vault: id }, await world.call(200, 'POST', '/vaults', request));
  const vaultId = (made['vault'] as { id: string }).id;
  const more = { resources: resources([otherId]) };
  await world.call(200, 'POST', `/vaults/${vaultId}/addresources`, more);
  await world.call(200, 'PUT', `/vaults/${vaultId}`, { vault: { name: 'other' } });
  await world.call(200, 'GET', `/vaults/${vaultId}`);
  await world.call(200, 'GET', '/vaults');
  const tag = { key: 'tier', value: 'gold' };
  await world.call(204, 'POST', `/vault/${vaultId}/tags`, { tag });
  const search = { action: 'filter', tags: [{ key: 'tier', values: [] }] };
  await world.call(200, 'POST', '/vault/resource_instances/action', search);
  await world.call(200, 'GET', '/vault/tags');
  await world.call(200, 'GET', '/vaults/summary');
  await world.call(200, 'GET', '/cbr-features');
  await world.getToken();
  await world.call(200, 'GET', '/storage_usage');
  await world.call(200, 'PUT', '/vaults/batch-update', { vault: { threshold: 70 } });
  for (const action of ['suspend', 'unsuspend'])
    await world.call(200, 'PUT', `/vaults/${vaultId}/set-resources`, {
      action,
      resource_ids: [diskId],
    });
  await world.call(204, 'DELETE', `/vault/${vaultId}/tags/tier`);
  await world.call(200, 'GET', '/protectables/disk/instances');
  await world.call(200, 'GET', `/protectables/disk/instances/${diskId}`);
  await world.call(200, 'GET', '/cloudvolumes/detail');
  await world.call(200, 'GET', `/cloudvolumes/${diskId}`);
  return vaultId;
}

async function startBackup(world: World, vaultId: string, diskId: string): Promise<string> {
  const checkpoint = { vault_id: vaultId, parameters: { resources: [diskId] } };
  const body = await world.call(200, 'POST', '/checkpoints', { checkpoint });
  const made = found({ checkpoint: id }, body)['checkpoint'] as { id: string };
  await world.call(200, 'GET', `/checkpoints/${made.id}`);
  return made.id;
}

async function backUp(world: World, vaultId: string, diskId: string): Promise<string> {
  const checkpointId = await startBackup(world, vaultId, diskId);
  expect(await world.runNextJob()).toBe('success');
  const body = await world.call(200, 'GET', `/backups?checkpoint_id=${checkpointId}`);
  const [backup] = found({ backups: z.array(id) }, body)['backups'] as { id: string }[];
  const backupId = backup?.id ?? '';
  await world.call(200, 'PUT', `/backups/${backupId}`, { backup: { name: 'renamed' } });
  await world.call(200, 'GET', `/backups/${backupId}`);
  return backupId;
}

async function latestTask(world: World): Promise<string> {
  const body = await world.call(200, 'GET', '/operation-logs?limit=1');
  const [task] = found({ operation_logs: z.array(id) }, body)['operation_logs'] as { id: string }[];
  return task?.id ?? '';
}

async function cancelBackup(world: World, vaultId: string, diskId: string): Promise<void> {
  world.memory.clock.advance(1000);
  await startBackup(world, vaultId, diskId);
  const taskId = await latestTask(world);
  await world.call(202, 'POST', `/operation-logs/${taskId}/cancel`);
  await world.call(200, 'GET', `/operation-logs/${taskId}`);
  expect(await world.runNextJob()).toBe('failed');
}

/** A job that never began is started; one that died is started again, and given up at last. */
async function loseBackup(world: World, vaultId: string, diskId: string): Promise<void> {
  await startBackup(world, vaultId, diskId);
  world.dropNextJob();
  await world.watch();
  for (let attempt = 0; attempt < 3; attempt++) {
    await world.crashNextJob();
    if (attempt === 0) await findLostPack(world, vaultId);
    await world.watch();
  }
  const body = await world.call(200, 'GET', '/operation-logs?status=timeout');
  expect(found({ count: z.literal(1) }, body)).toEqual({ count: 1 });
}

/** An audit, while a session is open, meets a pack that is not stored. */
async function findLostPack(world: World, vaultId: string): Promise<void> {
  const [key, bytes] = [...world.objects].find(([one]) => one.includes('/packs/')) ?? [];
  world.objects.delete(key!);
  const { findings } = await world.audit(vaultId);
  expect(findings.map(({ kind }) => kind)).toContain('object-missing');
  world.objects.set(key!, bytes!);
}

async function failBackup(world: World, vaultId: string, diskId: string): Promise<void> {
  const { disks } = world.memory;
  const createSnapshot = disks.createSnapshot.bind(disks);
  disks.createSnapshot = async () => {
    throw new HoldfastError('disk.missing', { id: diskId });
  };
  await startBackup(world, vaultId, diskId);
  expect(await world.runNextJob()).toBe('failed');
  disks.createSnapshot = createSnapshot;
}

async function restore(world: World, backupId: string, diskId: string): Promise<void> {
  const volume = { backup_id: backupId, name: 'copy' };
  await world.call(202, 'POST', '/cloudvolumes', { volume });
  expect(await world.runNextJob()).toBe('success');
  await world.call(202, 'POST', `/backups/${backupId}/restore`, { restore: { volume_id: diskId } });
  expect(await world.runNextJob()).toBe('success');
}

async function loseRestore(world: World, backupId: string, diskId: string): Promise<void> {
  await world.call(202, 'POST', `/backups/${backupId}/restore`, { restore: { volume_id: diskId } });
  await world.crashNextJob();
  await world.watch();
  expect(await world.runNextJob()).toBe('success');
}

async function verifyDamaged(world: World, backupId: string): Promise<void> {
  await world.call(202, 'POST', `/backups/${backupId}/verify`, { verify: {} });
  world.dropNextJob();
  await world.watch();
  expect(await world.runNextJob()).toBe('success');
  await world.call(202, 'POST', `/backups/${backupId}/verify`, { verify: {} });
  expect(await world.runNextJob()).toBe('success');
  const flipPacks = () => {
    for (const [key, bytes] of world.objects) if (key.includes('/packs/')) bytes[100]! ^= 1;
  };
  flipPacks();
  await world.call(202, 'POST', `/backups/${backupId}/verify`, { verify: {} });
  expect(await world.runNextJob()).toBe('failed');
  flipPacks();
  await world.call(202, 'POST', `/backups/${backupId}/verify`, { verify: {} });
  expect(await world.runNextJob()).toBe('success');
}

/** An automatic backup that expires, under an applied policy. */
async function sweepExpired(world: World, vaultId: string, diskId: string): Promise<void> {
  const policy = somePolicy({ projectId: PROJECT, retention: retentionRule({ durationDays: 1 }) });
  await world.as('', async (ports) => {
    await ports.catalog.policies.create(policy);
    await ports.catalog.policies.apply(appliedOf({ id: vaultId, projectId: PROJECT }, policy));
    const resources = [{ id: diskId, type: 'OS::Cinder::Volume' }];
    const run = { description: '', incremental: true, autoTrigger: true, policy };
    const caller = { projectId: PROJECT, userId: 'u', requestId: 'r' };
    await createCheckpoint({ vaultId, resources, ...run }, caller, ports);
  });
  expect(await world.runNextJob()).toBe('success');
  world.memory.clock.advance(2 * 86_400_000);
  expect(await world.sweep()).toMatchObject({ deleted: 1, failed: 0 });
}

/** Two vaults, a disk that goes from one to the other with its backups, and their end. */
async function moveDisk(world: World): Promise<void> {
  const diskId = world.memory.ids.uuid();
  await world.memory.disks.addDisk({ id: diskId, name: diskId, sizeBytes: 2 * MIB });
  await world.memory.disks.write(diskId, 0, someBytes('moved', MIB));
  const make = async (name: string, ...diskIds: string[]) => {
    const request = vaultRequest({ name, resources: resources(diskIds) });
    const made = found({ vault: id }, await world.call(200, 'POST', '/vaults', request));
    return (made['vault'] as { id: string }).id;
  };
  const [from, to] = [await make('from', diskId), await make('to')];
  for (const _backup of [1, 2]) await backUp(world, from, diskId);
  const request = { destination_vault_id: to, resource_ids: [diskId] };
  await world.call(200, 'POST', `/vaults/${from}/migrateresources`, request);
  await world.crashNextJob();
  expect((await world.watch()).restarted).toHaveLength(1);
  for (const _backup of [1, 2]) expect(await world.runNextJob()).toBe('success');
  for (const vaultId of [from, to]) await world.call(204, 'DELETE', `/vaults/${vaultId}`);
}

async function makeAndDeleteVault(world: World): Promise<void> {
  const diskId = world.memory.ids.uuid();
  await world.memory.disks.addDisk({ id: diskId, name: diskId, sizeBytes: MIB });
  const request = vaultRequest({ name: 'second', resources: resources([diskId]) });
  const made = found({ vault: id }, await world.call(200, 'POST', '/vaults', request));
  const vaultId = (made['vault'] as { id: string }).id;
  await world.call(200, 'POST', `/vaults/${vaultId}/removeresources`, { resource_ids: [diskId] });
  await world.call(204, 'DELETE', `/vaults/${vaultId}`);
}

const NIGHTLY = ['FREQ=DAILY;BYHOUR=02;BYMINUTE=00'];

async function makePolicy(world: World): Promise<string> {
  const policy = {
    name: 'nightly',
    operation_type: 'backup',
    trigger: { properties: { pattern: NIGHTLY } },
    operation_definition: { max_backups: 3 },
  };
  const made = found({ policy: id }, await world.call(200, 'POST', '/policies', { policy }));
  return (made['policy'] as { id: string }).id;
}

async function govern(world: World, vaultId: string): Promise<void> {
  const [first, second] = [await makePolicy(world), await makePolicy(world)];
  await world.call(200, 'POST', `/vaults/${vaultId}/associatepolicy`, { policy_id: first });
  await world.call(200, 'PUT', `/policies/${first}`, { policy: { name: 'other' } });
  await world.call(200, 'GET', '/policies');
  await world.call(200, 'GET', `/policies/${first}`);
  await world.call(200, 'GET', `/policies/${first}/retention-preview?vault_id=${vaultId}`);
  await world.call(200, 'GET', `/vaults?policy_id=${first}`);
  await world.call(200, 'POST', `/vaults/${vaultId}/dissociatepolicy`, { policy_id: first });
  await world.call(200, 'POST', `/vaults/${vaultId}/associatepolicy`, { policy_id: second });
  await runThem(world, vaultId);
  await world.call(204, 'DELETE', `/policies/${second}`);
}

/** A time point runs, one is skipped while it does, and one has no policy any more. */
async function runThem(world: World, vaultId: string): Promise<void> {
  expect((await world.runPolicies()).started).toEqual([vaultId]);
  expect((await world.runPolicies()).skipped).toEqual([vaultId]);
  for (const _disk of [1, 2]) expect(await world.runNextJob()).toBe('success');
  const third = await makePolicy(world);
  await world.call(200, 'POST', `/vaults/${vaultId}/associatepolicy`, { policy_id: third });
  await world.losePolicy(third);
  expect((await world.runPolicies()).started).toEqual([]);
  // Nothing backs it up now, of which its owner hears; then it takes in a disk by itself.
  await world.sweep();
  const fourth = await makePolicy(world);
  await world.call(200, 'POST', `/vaults/${vaultId}/associatepolicy`, { policy_id: fourth });
  const tags = [{ key: 'env', value: 'prod' }];
  const vault = { auto_bind: true, bind_rules: { tags } };
  await world.call(200, 'PUT', `/vaults/${vaultId}`, { vault });
  const diskId = world.memory.ids.uuid();
  await world.memory.disks.addDisk({ id: diskId, name: diskId, sizeBytes: MIB, tags });
  expect((await world.runPolicies()).started).toEqual([vaultId]);
  for (const _disk of [1, 2, 3]) expect(await world.runNextJob()).toBe('success');
}

/** What was sampled, and the vaults that are deleted, are forgotten after 400 days. */
async function forgetUsage(world: World): Promise<void> {
  expect(await world.meter(401 * 86_400_000)).toMatchObject({ failed: 0 });
  expect(await world.meter(2 * 86_400_000)).toMatchObject({ sampled: 0 });
}

/** Packs shrink and go, then what nobody names, then a vault with all that it holds. */
async function collectGarbage(world: World, vaultId: string, diskId: string): Promise<void> {
  const body = await world.call(200, 'GET', `/backups?resource_id=${diskId}`);
  const backups = found({ backups: z.array(id) }, body)['backups'] as { id: string }[];
  for (const backup of backups) await world.call(204, 'DELETE', `/backups/${backup.id}`);
  await world.collect();
  const orphan = `v1/${PROJECT}/${vaultId}/packs/ab/${'ab'.repeat(16)}`;
  world.objects.set(orphan, someBytes('orphan', 100));
  await world.collect();
  expect(world.objects.has(orphan)).toBe(false);
  await world.call(204, 'DELETE', `/vaults/${vaultId}`);
  await world.collect();
  expect([...world.objects.keys()].filter((key) => key.includes(vaultId))).toEqual([]);
}
