import { randomUUID } from 'node:crypto';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactGetCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { EntriesOf } from '../../../ports/catalog.ts';
import { batchDelete, batchGet } from '../dynamo-batches.ts';
import { BY_PROJECT, ENTRY_INDEXES } from '../dynamo-tables.ts';
import type { Codec, Item } from './codec.ts';
import { type Change, type Condition, expressions, type Write } from './expression.ts';
import { type ItemKey, type ListedKind, madeBetween, projectPartition } from './keys.ts';
import { newestFirst } from './newest-first.ts';
import { reading, type SettleLimits } from './settle.ts';

/**
 * The table as the catalog uses it. Reads are consistent (the index by project excepted) and fail
 * with `catalog.unavailable`. Writes send one request and let its failure through: `settle` knows
 * what to do about it.
 */
export interface CatalogTable {
  limits: SettleLimits;
  get<T>(codec: Codec<T>, key: ItemKey): Promise<T | null>;
  /** Items as they were at one moment; of some of them alone a decision could be wrong. */
  snapshot<T extends unknown[]>(...reads: Reads<T>): Promise<Found<T>>;
  /** The items that are there, in no promised order. */
  getAll<T>(codec: Codec<T>, keys: ItemKey[]): Promise<T[]>;
  /** Pages of the items whose sort key begins with the prefix's, ascending. */
  pages(prefix: ItemKey, filter?: Condition): AsyncIterable<Item[]>;
  /** The project's items of a kind, newest first; a write may show up a moment later. */
  list<T>(codec: Codec<T>, projectId: string, kind: ListedKind): AsyncIterable<T>;
  /** Pages of the entries in the partitions of an index, newest first; as late as `list`. */
  entries(
    from: { index: keyof typeof ENTRY_INDEXES; partitions: string[] },
    which: Pick<EntriesOf<string>, 'createdFromMs' | 'createdToMs' | 'pageSize'>,
  ): AsyncIterable<Item[]>;
  put(item: Item, when?: Condition): Promise<void>;
  /** Returns the item as it is then. */
  update(key: ItemKey, change: Change, when: Condition): Promise<Item>;
  /** Removes the item if it is there. */
  remove(key: ItemKey): Promise<void>;
  /** Removes the items whose sort key begins with the prefix's, `kept` ones excepted. */
  removeAll(prefix: ItemKey, kept?: ItemKey[]): Promise<void>;
  /** All or nothing. */
  transact(writes: Write[]): Promise<void>;
}

/** What to read: a codec and a key each. */
type Reads<T extends unknown[]> = { [N in keyof T]: readonly [Codec<T[N]>, ItemKey] };
type Found<T extends unknown[]> = { [N in keyof T]: T[N] | null };

export const catalogTable = (
  client: DynamoDBDocumentClient,
  TableName: string,
  limits: SettleLimits,
): CatalogTable => {
  const query = (input: Omit<QueryCommandInput, 'TableName'>) =>
    queryPages(client, { TableName, ...input });

  return {
    limits,

    async get(codec, key) {
      const command = new GetCommand({ TableName, Key: key, ConsistentRead: true });
      const { Item } = await reading('get', () => client.send(command));
      return Item === undefined ? null : codec.decode(Item);
    },

    async snapshot<T extends unknown[]>(...reads: Reads<T>) {
      const TransactItems = reads.map(([, Key]) => ({ Get: { TableName, Key } }));
      const command = new TransactGetCommand({ TransactItems });
      const { Responses = [] } = await reading('get', () => client.send(command));
      const found = reads.map(([codec], n) => {
        const item = Responses[n]?.Item;
        return item === undefined ? null : codec.decode(item);
      });
      return found as Found<T>;
    },

    async getAll(codec, keys) {
      const request = { ConsistentRead: true };
      const items = await reading('get', () => batchGet(client, TableName, keys, request));
      return items.map((item) => codec.decode(item));
    },

    pages(prefix, filter = {}) {
      const { ConditionExpression: FilterExpression, ...filtering } = expressions(filter);
      const { ExpressionAttributeValues, ...begins } = keysOf(prefix);
      return query({
        ...begins,
        ExpressionAttributeNames: filtering.ExpressionAttributeNames,
        ExpressionAttributeValues: {
          ...filtering.ExpressionAttributeValues,
          ...ExpressionAttributeValues,
        },
        FilterExpression,
      });
    },

    async *list(codec, projectId, kind) {
      const pages = query({
        IndexName: BY_PROJECT,
        ScanIndexForward: false,
        KeyConditionExpression: 'gsi1pk = :pk',
        ExpressionAttributeValues: { ':pk': projectPartition(projectId, kind) },
      });
      for await (const items of pages) yield* items.map((item) => codec.decode(item));
    },

    entries({ index, partitions }, { createdFromMs, createdToMs, pageSize }) {
      const between = madeBetween(createdFromMs, createdToMs);
      if (between === null) return newestFirst([]);
      const [from, to] = between;
      const pages = (partition: string) =>
        query({
          IndexName: index,
          ScanIndexForward: false,
          ...(pageSize !== undefined && { Limit: pageSize }),
          KeyConditionExpression: `${ENTRY_INDEXES[index]} = :pk AND gsi1sk BETWEEN :from AND :to`,
          ProjectionExpression: 'gsi1sk, entry',
          ExpressionAttributeValues: { ':pk': partition, ':from': from, ':to': to },
        });
      return newestFirst(partitions.map(pages));
    },

    async put(item, when) {
      await client.send(new PutCommand({ TableName, Item: item, ...expressions(when) }));
    },

    async update(key, change, when) {
      const { Attributes } = await client.send(
        new UpdateCommand({
          TableName,
          Key: key,
          ReturnValues: 'ALL_NEW',
          ...expressions(when, change),
        }),
      );
      return Attributes ?? {};
    },

    async remove(key) {
      await client.send(new DeleteCommand({ TableName, Key: key }));
    },

    async removeAll(prefix, kept = []) {
      const isKept = ({ pk, sk }: Item) => kept.some((key) => key.pk === pk && key.sk === sk);
      for await (const items of query(keysOf(prefix))) {
        const keys = items.filter((item) => !isKept(item)).map(({ pk, sk }) => ({ pk, sk }));
        await batchDelete(client, TableName, keys);
      }
    },

    async transact(writes) {
      await client.send(
        new TransactWriteCommand({
          TransactItems: writes.map((write) => transactItem(TableName, write)),
          // Retries of this very request (the SDK makes them) are one transaction.
          ClientRequestToken: randomUUID(),
        }),
      );
    },
  };
};

/** A consistent query of the items whose sort key begins with the prefix's. */
const keysOf = ({ pk, sk }: ItemKey) => ({
  ConsistentRead: true,
  KeyConditionExpression: sk === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :sk)',
  ExpressionAttributeValues: { ':pk': pk, ...(sk !== '' && { ':sk': sk }) },
});

/**
 * Whoever comes for a second page is likely to want them all: from then on each is asked for while
 * the one before it is used.
 */
async function* queryPages(
  client: DynamoDBDocumentClient,
  input: QueryCommandInput,
): AsyncGenerator<Item[]> {
  const ask = (from?: Item) => {
    // A first page that was too small is followed by whole ones.
    const next = from === undefined ? {} : { ExclusiveStartKey: from, Limit: PAGE_ITEMS_MAX };
    const page = reading('query', () =>
      client.send(new QueryCommand({ Limit: PAGE_ITEMS_MAX, ...input, ...next })),
    );
    // Nobody may come for it; whoever does gets the failure all the same.
    page.catch(() => undefined);
    return page;
  };
  const first = await ask();
  yield first.Items ?? [];
  let ahead = first.LastEvaluatedKey && ask(first.LastEvaluatedKey);
  while (ahead !== undefined) {
    const { Items = [], LastEvaluatedKey } = await ahead;
    ahead = LastEvaluatedKey && ask(LastEvaluatedKey);
    yield Items;
  }
}

/**
 * About what a page of a megabyte holds. Without a limit the local emulator reads all the rest of
 * the partition for each page.
 */
const PAGE_ITEMS_MAX = 2500;

type TransactItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number];

const transactItem = (TableName: string, write: Write): TransactItem => {
  if ('put' in write) return { Put: { TableName, Item: write.put, ...expressions(write.when) } };
  if ('remove' in write)
    return { Delete: { TableName, Key: write.remove, ...expressions(write.when) } };
  if ('check' in write)
    return {
      ConditionCheck: {
        TableName,
        Key: write.check,
        ConditionExpression: '',
        ...expressions(write.when),
      },
    };
  const { UpdateExpression = '', ...rest } = expressions(write.when, write.change);
  return { Update: { TableName, Key: write.update, UpdateExpression, ...rest } };
};
