import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoBlockIndex } from '../lib/adapters/aws/dynamo-block-index.ts';
import { dynamoCatalog } from '../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../lib/adapters/aws/dynamo-client-options.ts';
import { s3ClientOptions, s3ObjectStore } from '../lib/adapters/aws/s3-object-store.ts';
import { fileClock } from '../lib/adapters/local/file-clock.ts';
import { fileKeyProvider } from '../lib/adapters/local/file-key-provider.ts';
import { localDisks } from '../lib/adapters/local/local-disks.ts';
import { logProbe } from '../lib/adapters/local/log-probe.ts';
import { systemIds } from '../lib/adapters/local/system-ids.ts';
import {
  BUCKET,
  clockFile,
  disksFolder,
  masterKeyFile,
  REGION,
  readIdentity,
  TABLES,
} from './home.ts';
import { dynamoEndpoint, s3Endpoint } from './ports.ts';

/**
 * What the running local mode keeps, for a command that uses it without the API: the emulator, the
 * S3 server and the home's key file. Its log goes to standard error. Close it in the end.
 */
export const openLocalStores = async (
  home: string,
  endpoints = { dynamo: dynamoEndpoint(), s3: s3Endpoint() },
) => {
  const { projectId, s3: credentials } = await readIdentity(home);
  const where = { region: REGION, credentials };
  const dynamo = new DynamoDBClient({
    ...dynamoClientOptions,
    ...where,
    endpoint: endpoints.dynamo,
  });
  const documents = DynamoDBDocumentClient.from(dynamo, dynamoDocumentOptions);
  const s3 = new S3Client({ ...s3ClientOptions(endpoints.s3), ...where });
  const clock = fileClock(clockFile(home));
  return {
    projectId,
    ports: {
      catalog: dynamoCatalog(documents, TABLES.catalog),
      index: dynamoBlockIndex(documents, TABLES.blocks),
      objects: s3ObjectStore(s3, BUCKET),
      keys: fileKeyProvider({ path: masterKeyFile(home), create: false }),
      disks: localDisks({ root: disksFolder(home) }),
      clock,
      ids: systemIds(),
      probe: logProbe(
        (line) => process.stderr.write(`${line}\n`),
        () => clock.nowMs(),
      ),
    },
    close: () => {
      dynamo.destroy();
      s3.destroy();
    },
  };
};
