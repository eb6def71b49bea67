import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { batchPut } from '../../lib/adapters/aws/dynamo-batches.ts';
import { DYNAMO_TABLES } from '../../lib/adapters/aws/dynamo-tables.ts';
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

type Item = Record<string, unknown>;

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

/** Everything that a table holds. */
export const itemsOf = async (
  client: DynamoDBDocumentClient,
  TableName: string,
): Promise<Item[]> => {
  const items: Item[] = [];
  for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true }))
    items.push(...Items);
  return items;
};

/** Gives `run` a table that holds the items, and nothing else, for as long as it takes. */
export const inTableOf = async <T>(
  client: DynamoDBDocumentClient,
  items: Item[],
  run: (table: string) => Promise<T>,
): Promise<T> => {
  const TableName = `world-${randomUUID()}`;
  await client.send(new CreateTableCommand({ TableName, ...DYNAMO_TABLES.catalog }));
  try {
    await batchPut(client, TableName, items);
    return await run(TableName);
  } finally {
    await client.send(new DeleteTableCommand({ TableName }));
  }
};

/** Everything that a table holds, as text. */
export const dumpTable = async (client: DynamoDBDocumentClient, table: string): Promise<string[]> =>
  (await itemsOf(client, table)).map((item) => JSON.stringify(item, inOrder)).toSorted();

/** Fields by name; bytes as numbers. */
const inOrder = (_: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
};
