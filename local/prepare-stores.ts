import { createHash } from 'node:crypto';
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoCatalog } from '../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../lib/adapters/aws/dynamo-client-options.ts';
import { DYNAMO_TABLES } from '../lib/adapters/aws/dynamo-tables.ts';
import { s3ClientOptions } from '../lib/adapters/aws/s3-object-store.ts';
import { type Child, waitReady } from './children.ts';
import { BUCKET, type LocalIdentity, REGION, TABLES } from './home.ts';

/** Makes the tables that are missing, and lets the home's token in. */
export const prepareTables = async (
  child: Child,
  endpoint: string,
  { s3: credentials, token, projectId }: LocalIdentity,
  signal?: AbortSignal,
): Promise<void> => {
  const options = { ...dynamoClientOptions, endpoint, region: REGION, credentials };
  const client = new DynamoDBClient(options);
  let existing: string[] = [];
  await waitReady(
    child,
    async () => {
      existing = (await client.send(new ListTablesCommand({}))).TableNames ?? [];
      return true;
    },
    signal,
  );
  for (const kind of ['catalog', 'blocks'] as const) {
    if (existing.includes(TABLES[kind])) continue;
    await client.send(new CreateTableCommand({ ...DYNAMO_TABLES[kind], TableName: TABLES[kind] }));
  }
  const documents = DynamoDBDocumentClient.from(client, dynamoDocumentOptions);
  await dynamoCatalog(documents, TABLES.catalog).credentials.put({
    tokenSha256: createHash('sha256').update(token).digest('hex'),
    projectId,
    userId: 'local',
    role: 'Full',
    createdAtMs: Date.now(),
  });
  client.destroy();
};

/** Makes the bucket when it is missing. */
export const prepareBucket = async (
  child: Child,
  endpoint: string,
  { s3: credentials }: LocalIdentity,
  signal?: AbortSignal,
): Promise<void> => {
  const options = { ...s3ClientOptions(endpoint), region: REGION, credentials, maxAttempts: 1 };
  const client = new S3Client(options);
  await waitReady(
    child,
    async () => {
      try {
        await client.send(new HeadBucketCommand({ Bucket: BUCKET }));
      } catch (error) {
        if ((error as { name: string }).name !== 'NotFound') throw error;
        await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
      }
      return true;
    },
    signal,
  );
  client.destroy();
};
