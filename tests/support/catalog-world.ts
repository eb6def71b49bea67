import { randomUUID } from 'node:crypto';
import { type DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { batchPut } from '../../lib/adapters/aws/dynamo-batches.ts';
import { type ItemKey, keys, prefixes } from '../../lib/adapters/aws/dynamo-catalog/keys.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import {
  givenBinding,
  givenCommitted,
  givenOpenPack,
  givenProtecting,
  givenVault,
  someBackup,
  someBinding,
  someCheckpoint,
  somePackId,
  someSample,
  someSession,
  someTask,
  someVault,
} from './catalog-records.ts';
import type { GarbageWorld } from './garbage-world.ts';
import { appliedOf, givenPolicy, somePolicy } from './policy-records.ts';
import type { ReconcileWorld } from './reconcile-world.ts';

/** A UUID, or a pack's id. */
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b/g;

/** A vault in which every kind of write finds something to do. */
export type World = Awaited<ReturnType<typeof givenWorld>> & {
  garbage?: GarbageWorld;
  reconciling?: ReconcileWorld;
};

export const givenWorld = async (catalog: Catalog) => {
  const vault = await givenVault(catalog);
  const [committed, protecting, spare] = [
    await givenCommitted(catalog, vault),
    await givenProtecting(catalog, vault),
    await givenBinding(catalog, vault),
  ];
  const packs = {
    fresh: somePackId(),
    open: somePackId(),
    sealed: somePackId(),
    bad: somePackId(),
  };
  for (const id of [packs.open, packs.sealed, packs.bad]) await givenOpenPack(catalog, vault, id);
  const sealed = { slotCount: 9, storedBytes: 900, startEpoch: 1 };
  for (const id of [packs.sealed, packs.bad]) await catalog.packs.seal(vault.id, id, sealed);
  await catalog.packs.quarantine(vault.id, packs.bad, 'damaged');
  await catalog.ledger.addSample(someSample(vault));
  const begun = someBackup(spare);
  const { projectId } = vault;
  const policy = await givenPolicy(catalog, { projectId });
  const applied = appliedOf(vault, policy);
  await catalog.policies.apply(applied);
  return {
    vault,
    empty: await givenVault(catalog, { projectId: vault.projectId }),
    fresh: someVault({ projectId: vault.projectId }),
    committed,
    protecting,
    spare,
    unbound: someBinding(vault),
    begun,
    begunTask: someTask(begun),
    checkpoint: someCheckpoint(vault),
    opened: someSession(protecting.backup),
    reader: someSession(committed.backup, { kind: 'read' }),
    packs,
    policy,
    applied,
    newPolicy: somePolicy({ projectId }),
    firstPolicy: somePolicy({ projectId, operationType: 'replication' }),
    tokenSha256: somePackId(),
  };
};

/** The same world again with ids of its own, much faster than it was made. */
export const copyWorld = async (
  client: DynamoDBDocumentClient,
  table: string,
  world: World,
): Promise<World> => {
  const ids = new Map([...namesOf(world).keys()].map((id) => [id, newId(id)]));
  const items = (await itemsOfWorld(client, table, world)).filter((item) => item !== null);
  await batchPut(client, table, renamed(items, ids));
  return renamed(world, ids);
};

/** Every item of the world, with names instead of ids: two runs of one story dump the same. */
export const dumpWorld = async (
  client: DynamoDBDocumentClient,
  table: string,
  world: World,
): Promise<string[]> => {
  const items = await itemsOfWorld(client, table, world);
  return renamed(items, namesOf(world))
    .map((item) => JSON.stringify(item, inOrder))
    .toSorted();
};

const itemsOfWorld = async (client: DynamoDBDocumentClient, table: string, world: World) => {
  const { vault, empty, fresh, committed, protecting, spare, unbound, begun } = world;
  const { garbage, reconciling } = world;
  const vaults = [
    vault,
    empty,
    fresh,
    ...(garbage ? [garbage.vault, garbage.closing] : []),
    ...(reconciling ? [reconciling.vault, reconciling.lost] : []),
  ];
  const backups = [
    committed.backup,
    protecting.backup,
    begun,
    ...(garbage ? [garbage.hidden, garbage.protected] : []),
    ...(reconciling
      ? [reconciling.visible, reconciling.hidden, reconciling.begun, reconciling.unknown]
      : []),
  ];
  const tasks = [committed.task, protecting.task, world.begunTask];
  const partitions = [
    ...vaults.map(({ id }) => keys.vault(id)),
    ...[spare, unbound].map(({ diskId }) => keys.diskPointer(diskId)),
    ...backups.map(({ id }) => keys.backupPointer(id)),
    ...tasks.map(({ id }) => keys.task(id)),
    keys.checkpoint(world.checkpoint.id),
    ...(reconciling ? [keys.checkpoint(reconciling.checkpoint.id)] : []),
    prefixes.policies(vault.projectId),
    keys.credential(world.tokenSha256),
    keys.issuedToken(world.tokenSha256),
    keys.signature('AK', world.tokenSha256),
  ];
  const items = await Promise.all([
    ...partitions.map(({ pk }) => itemsOf(client, table, { pk, sk: '' })),
    ...tasks.map(async ({ createdAtMs, id }) => [
      await itemAt(client, table, keys.unfinishedTask(createdAtMs, id)),
    ]),
    ...vaults.map(async ({ id }) => [await itemAt(client, table, keys.vaultMark(id))]),
    itemsOf(client, table, prefixes.vaultChanges(vault.projectId)),
    itemsOf(client, table, prefixes.sampledDays(vault.projectId)),
    ...[vault, empty].map(async ({ projectId, id }) => [
      await itemAt(client, table, keys.appliedPolicy(projectId, id, 'backup')),
    ]),
  ]);
  return items.flat();
};

const itemsOf = async (client: DynamoDBDocumentClient, TableName: string, { pk, sk }: ItemKey) => {
  const { Items = [], LastEvaluatedKey } = await client.send(
    new QueryCommand({
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: sk === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :sk)',
      ExpressionAttributeValues: { ':pk': pk, ...(sk !== '' && { ':sk': sk }) },
    }),
  );
  if (LastEvaluatedKey !== undefined) throw new Error('a world is small');
  return Items;
};

const itemAt = async (client: DynamoDBDocumentClient, TableName: string, Key: ItemKey) => {
  const { Item } = await client.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
  return Item ?? null;
};

/** Fields by name; bytes as numbers. */
const inOrder = (_: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

/** Every id in the world, by the path that leads to it. */
const namesOf = (world: World): Map<string, string> => {
  const names = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null)
      for (const [name, field] of Object.entries(value)) walk(field, `${path}.${name}`);
    else if (typeof value === 'string' && value.match(ID)?.[0] === value && !names.has(value))
      names.set(value, path);
  };
  walk(world, '');
  return names;
};

/** A copy of plain data in which every id, also inside of texts, is another. */
const renamed = <T>(value: T, ids: Map<string, string>): T => {
  const rename = (field: unknown): unknown => {
    if (typeof field === 'string') return field.replaceAll(ID, (id) => ids.get(id) ?? id);
    if (Array.isArray(field)) return field.map(rename);
    if (typeof field !== 'object' || field === null || field instanceof Uint8Array) return field;
    return Object.fromEntries(Object.entries(field).map(([name, each]) => [name, rename(each)]));
  };
  return rename(value) as T;
};

const newId = (id: string): string => (id.includes('-') ? randomUUID() : somePackId());
