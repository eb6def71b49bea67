import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchGetCommand,
  BatchWriteCommand,
  type DynamoDBDocumentClient,
} from '@aws-sdk/lib-dynamodb';

type Item = Record<string, unknown>;

/** Most items that one request takes (Amazon's limits). */
const GET_ITEMS_MAX = 100;
const WRITE_ITEMS_MAX = 25;
/** How batches are sent; limits are arguments, so that a test crosses them quickly. */
export const BATCH_LIMITS = {
  /** Requests in flight at once: enough to hide their latency, few enough not to be throttled. */
  requestsMax: 6,
  /** How often the part of a batch that was not processed is sent, waiting longer each time. */
  roundsMax: 8,
  waitMs: 25,
};

/**
 * The items of the keys, those that are there, in no promised order. Any number of keys, each once.
 * Failures are the SDK's, or an `Error` when a part stays unprocessed.
 */
export const batchGet = async (
  client: DynamoDBDocumentClient,
  table: string,
  keys: Item[],
  request: { ConsistentRead?: boolean } = {},
  limits = BATCH_LIMITS,
): Promise<Item[]> => {
  const found: Item[] = [];
  await inBatches(keys, GET_ITEMS_MAX, limits, async (batch) => {
    const command = new BatchGetCommand({ RequestItems: { [table]: { ...request, Keys: batch } } });
    const { Responses, UnprocessedKeys } = await client.send(command);
    found.push(...(Responses?.[table] ?? []));
    return UnprocessedKeys?.[table]?.Keys ?? [];
  });
  return found;
};

/** Puts the items, replacing those that are there. Any number of items, each key once. */
export const batchPut = async (
  client: DynamoDBDocumentClient,
  table: string,
  items: Item[],
  limits = BATCH_LIMITS,
): Promise<void> => {
  await inBatches(items, WRITE_ITEMS_MAX, limits, async (batch) => {
    const puts = batch.map((item) => ({ PutRequest: { Item: item } }));
    const { UnprocessedItems } = await client.send(
      new BatchWriteCommand({ RequestItems: { [table]: puts } }),
    );
    const left = UnprocessedItems?.[table] ?? [];
    return left.flatMap(({ PutRequest }) => (PutRequest?.Item ? [PutRequest.Item] : []));
  });
};

/** Deletes the items of the keys, those that are there. Any number of keys, each once. */
export const batchDelete = async (
  client: DynamoDBDocumentClient,
  table: string,
  keys: Item[],
  limits = BATCH_LIMITS,
): Promise<void> => {
  await inBatches(keys, WRITE_ITEMS_MAX, limits, async (batch) => {
    const deletes = batch.map((Key) => ({ DeleteRequest: { Key } }));
    const { UnprocessedItems } = await client.send(
      new BatchWriteCommand({ RequestItems: { [table]: deletes } }),
    );
    const left = UnprocessedItems?.[table] ?? [];
    return left.flatMap(({ DeleteRequest }) => (DeleteRequest?.Key ? [DeleteRequest.Key] : []));
  });
};

/** Hands batches to `send`, a few at once; what it returns was not processed and is sent again. */
const inBatches = async (
  all: Item[],
  batchMax: number,
  limits: typeof BATCH_LIMITS,
  send: (batch: Item[]) => Promise<Item[]>,
): Promise<void> => {
  let next = 0;
  const work = async () => {
    while (next < all.length) {
      const batch = all.slice(next, next + batchMax);
      next += batchMax;
      await sendAll(batch, limits, send);
    }
  };
  await Promise.all(Array.from({ length: limits.requestsMax }, work));
};

const sendAll = async (
  batch: Item[],
  { roundsMax, waitMs }: typeof BATCH_LIMITS,
  send: (batch: Item[]) => Promise<Item[]>,
): Promise<void> => {
  let left = batch;
  for (let round = 1; left.length > 0; round++) {
    if (round > roundsMax) throw new Error(`${left.length} items stay unprocessed`);
    if (round > 1) await sleep(Math.random() * waitMs * 2 ** round);
    left = await send(left);
  }
};
