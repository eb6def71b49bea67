import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { batchDelete } from '../lib/adapters/aws/dynamo-batches.ts';
import { EXPIRES_AT } from '../lib/adapters/aws/dynamo-catalog/expiring.ts';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../lib/adapters/aws/dynamo-client-options.ts';
import { fileClock } from '../lib/adapters/local/file-clock.ts';
import { HOUR_MS } from '../lib/model/duration.ts';
import { clockFile, type LocalIdentity, REGION, TABLES } from './home.ts';

/**
 * Removes the catalog's items that have expired (`expiring.ts`), as DynamoDB does by itself and the
 * emulator does not. Returns how many there were.
 */
export const removeExpired = async (
  client: DynamoDBDocumentClient,
  table: string,
  nowMs: number,
): Promise<number> => {
  const pages = paginateScan(
    { client },
    {
      TableName: table,
      FilterExpression: '#at < :now',
      ProjectionExpression: 'pk, sk',
      // Without a limit the emulator reads the rest of the table for each page.
      Limit: 2500,
      ExpressionAttributeNames: { '#at': EXPIRES_AT },
      ExpressionAttributeValues: { ':now': Math.floor(nowMs / 1000) },
    },
  );
  let count = 0;
  for await (const { Items = [] } of pages) {
    await batchDelete(client, table, Items);
    count += Items.length;
  }
  return count;
};

/** Removes them now and each hour, by local mode's clock, until the function returned is called. */
export const keepRemovingExpired = (
  home: string,
  endpoint: string,
  { s3: credentials }: LocalIdentity,
): (() => void) => {
  const options = { ...dynamoClientOptions, endpoint, region: REGION, credentials };
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(options), dynamoDocumentOptions);
  const clock = fileClock(clockFile(home));
  // What fails is tried again an hour later: nobody relies on it.
  const sweep = () => void removeExpired(client, TABLES.catalog, clock.nowMs()).catch(() => {});
  sweep();
  const timer = setInterval(sweep, HOUR_MS);
  return () => {
    clearInterval(timer);
    client.destroy();
  };
};
