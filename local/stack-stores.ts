import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoBlockIndex } from '../lib/adapters/aws/dynamo-block-index.ts';
import { dynamoCatalog } from '../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { AWS_LIMITS } from '../lib/adapters/aws/dynamo-catalog/settle.ts';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../lib/adapters/aws/dynamo-client-options.ts';
import { kmsClientOptions, kmsKeyProvider } from '../lib/adapters/aws/kms-key-provider.ts';
import { s3ClientOptions, s3ObjectStore } from '../lib/adapters/aws/s3-object-store.ts';
import { logProbe } from '../lib/adapters/local/log-probe.ts';
import { systemClock } from '../lib/adapters/local/system-clock.ts';
import { systemIds } from '../lib/adapters/local/system-ids.ts';

/** What a deployed stack keeps, for whoever may use it with AWS credentials of their own. */
export const openStackStores = (options: {
  stage?: string;
  region?: string;
  /** Output `BucketName` of the stack. */
  bucket?: string;
}) => {
  const { stage, region, bucket } = options;
  if (stage === undefined || region === undefined || bucket === undefined)
    throw new Error('A deployed stack is named by --stage, --region and --bucket.');
  const stack = `holdfast-${stage}`;
  const dynamo = new DynamoDBClient({ ...dynamoClientOptions, region });
  const documents = DynamoDBDocumentClient.from(dynamo, dynamoDocumentOptions);
  const s3 = new S3Client({ ...s3ClientOptions(), region });
  const kms = new KMSClient({ ...kmsClientOptions, region });
  const clock = systemClock();
  return {
    ports: {
      catalog: dynamoCatalog(documents, `${stack}-catalog`, AWS_LIMITS),
      index: dynamoBlockIndex(documents, `${stack}-blocks`),
      objects: s3ObjectStore(s3, bucket),
      keys: kmsKeyProvider(kms, `alias/${stack}`),
      clock,
      ids: systemIds(),
      probe: logProbe(
        (line) => process.stderr.write(`${line}\n`),
        () => clock.nowMs(),
      ),
      availabilityZone: `${region}a`,
    },
    close: () => {
      for (const client of [dynamo, s3, kms]) client.destroy();
    },
  };
};
