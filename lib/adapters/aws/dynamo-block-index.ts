import { DeleteCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { HoldfastError } from '../../errors.ts';
import type { BlockLocation } from '../../model/block.ts';
import type { VaultId } from '../../model/ids.ts';
import type { BlockIndex, IndexedBlock } from '../../ports/block-index.ts';
import { BATCH_LIMITS, batchGet, batchPut } from './dynamo-batches.ts';
import { expressions } from './dynamo-catalog/expression.ts';
import { isConditionFailed } from './dynamo-catalog/settle.ts';

/**
 * The dedup index in a table of its own (`DYNAMO_TABLES.blocks`), one small item per block. It is a
 * hint: reads are eventually consistent, which is half the price.
 */
export const dynamoBlockIndex = (client: DynamoDBDocumentClient, table: string): BlockIndex => ({
  async find(vaultId, blocks) {
    const keys = [...new Set(blocks)].map((block) => ({ pk: keyOf(vaultId, block) }));
    const items = await orUnavailable('find', () => batchGet(client, table, keys));
    const found = new Map<IndexedBlock, BlockLocation>();
    for (const item of items) {
      const location = locationOf(item);
      // An item that makes no sense is a hint that is missing.
      if (location !== null) found.set(String(item['pk']).slice(vaultId.length + 1), location);
    }
    return found;
  },

  async put(vaultId, entries) {
    const items = [...entries].map(([block, { packId, slot }]) => ({
      pk: keyOf(vaultId, block),
      packId,
      slot,
    }));
    await orUnavailable('put', () => batchPut(client, table, items));
  },

  async remove(vaultId, entries) {
    // One request each: a batch takes no conditions.
    const left = [...entries];
    const work = async () => {
      for (let entry = left.pop(); entry !== undefined; entry = left.pop())
        await removeEntry(client, table, keyOf(vaultId, entry[0]), entry[1]);
    };
    const lanes = Array.from({ length: BATCH_LIMITS.requestsMax }, work);
    await orUnavailable('remove', () => Promise.all(lanes));
  },
});

const removeEntry = async (
  client: DynamoDBDocumentClient,
  table: string,
  pk: string,
  { packId, slot }: BlockLocation,
): Promise<void> => {
  const command = new DeleteCommand({
    TableName: table,
    Key: { pk },
    ...expressions({ equal: { packId, slot } }),
  });
  try {
    await client.send(command);
  } catch (error) {
    // It is gone or names another place.
    if (!isConditionFailed(error)) throw error;
  }
};

const keyOf = (vaultId: VaultId, block: IndexedBlock): string => `${vaultId}#${block}`;

const locationOf = ({ packId, slot }: Record<string, unknown>): BlockLocation | null =>
  typeof packId === 'string' && Number.isSafeInteger(slot)
    ? { packId, slot: slot as number }
    : null;

const orUnavailable = async <T>(operation: string, request: () => Promise<T>): Promise<T> => {
  try {
    return await request();
  } catch (cause) {
    throw new HoldfastError(
      'catalog.unavailable',
      { operation: `block index ${operation}` },
      { cause },
    );
  }
};
