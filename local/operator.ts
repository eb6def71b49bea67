import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoCatalog } from '../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../lib/adapters/aws/dynamo-client-options.ts';
import { kmsClientOptions, kmsKeyProvider } from '../lib/adapters/aws/kms-key-provider.ts';
import { systemClock } from '../lib/adapters/local/system-clock.ts';
import { systemIds } from '../lib/adapters/local/system-ids.ts';
import type { Catalog } from '../lib/ports/catalog.ts';
import type { CredentialPorts } from '../lib/service/create-credential.ts';
import { openLocalStores } from './local-stores.ts';

/** Whose stores a command works on. */
export interface StackOptions {
  /** Of a deployed stack; absent = local mode, which must run. */
  stage?: string;
  region?: string;
  project?: string;
}

/** Whoever runs a command holds this: the store, with rights that no function has. */
interface Operator {
  ports: CredentialPorts & { catalog: Catalog };
  /** Local mode's only project; a deployed stack has no project of its own. */
  projectId?: string;
  close(): void;
}

/** Runs a command with the stores of local mode, or of a deployed stack. */
export const asOperator = async <T>(
  home: string,
  options: StackOptions,
  run: (operator: Operator) => Promise<T>,
): Promise<T> => {
  const operator = await (options.stage === undefined
    ? openLocalStores(home)
    : awsOperator(options.stage, options.region));
  try {
    return await run(operator);
  } finally {
    operator.close();
  }
};

/** The deployed stack's table and KMS key, with the AWS credentials of whoever runs the command. */
const awsOperator = async (stage: string, region?: string): Promise<Operator> => {
  const where = region === undefined ? {} : { region };
  const client = new DynamoDBClient({ ...dynamoClientOptions, ...where });
  const kms = new KMSClient({ ...kmsClientOptions, ...where });
  const stack = `holdfast-${stage}`;
  const documents = DynamoDBDocumentClient.from(client, dynamoDocumentOptions);
  const catalog = dynamoCatalog(documents, `${stack}-catalog`);
  const keys = kmsKeyProvider(kms, `alias/${stack}`);
  return {
    ports: { catalog, keys, clock: systemClock(), ids: systemIds() },
    close: () => client.destroy(),
  };
};

/** The project that a command is about. */
export const projectOf = ({ project }: StackOptions, own?: string): string => {
  const id = project ?? own;
  if (id === undefined || !/^[A-Za-z0-9-]{1,64}$/.test(id))
    throw new Error('--project is the id of a project: up to 64 letters, digits or -.');
  return id;
};
