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
import type { Role } from '../lib/model/credential.ts';
import { type CredentialPorts, createCredential } from '../lib/service/create-credential.ts';
import { listCredentials, type ShownCredential } from '../lib/service/list-credentials.ts';
import { revokeCredential } from '../lib/service/revoke-credential.ts';
import { rotateCredential } from '../lib/service/rotate-credential.ts';
import { openLocalStores } from './local-stores.ts';

/** What the commands take from the command line. */
export interface CredentialOptions {
  /** Of a deployed stack; absent = local mode, which must run. */
  stage?: string;
  region?: string;
  project?: string;
  user?: string;
  role?: string;
  days?: string;
  'grace-hours'?: string;
  token?: boolean;
}

/** Whoever runs a command holds this: the store, with rights that no function has. */
interface Operator {
  ports: CredentialPorts;
  /** Local mode's only project; a deployed stack has no project of its own. */
  projectId?: string;
  close(): void;
}

const ROLES: readonly Role[] = ['Full', 'BackupsAndVaults', 'ReadOnly'];
const HOUR_MS = 3_600_000;
/** So long an old credential works beside its successor, unless a command says otherwise. */
const GRACE_HOURS = 24;

export const createCredentialOf = (home: string, options: CredentialOptions): Promise<object> =>
  asOperator(home, options, async ({ ports, projectId }) => {
    const { token = false, role = 'Full', user = 'operator', days } = options;
    if (!ROLES.includes(role as Role)) throw new Error(`--role is one of ${ROLES.join(', ')}.`);
    return shown(
      await createCredential(
        {
          kind: token ? 'token' : 'access-key',
          projectId: projectOf(options, projectId),
          userId: user,
          role: role as Role,
          ...(days === undefined ? {} : { lifetimeMs: positive('days', days) * 24 * HOUR_MS }),
        },
        ports,
      ),
    );
  });

export const listCredentialsOf = (home: string, options: CredentialOptions): Promise<object> =>
  asOperator(home, options, async ({ ports, projectId }) => {
    const found = await listCredentials(projectOf(options, projectId), ports);
    return Object.fromEntries(found.map((credential) => [credential.id, shown(credential)]));
  });

export const rotateCredentialOf = (
  home: string,
  id: string,
  options: CredentialOptions,
): Promise<object> =>
  asOperator(home, options, async ({ ports }) => {
    const graceHours = Number(options['grace-hours'] ?? GRACE_HOURS);
    if (!(graceHours >= 0)) throw new Error('--grace-hours is a number of hours.');
    return shown(await rotateCredential({ id, graceMs: graceHours * HOUR_MS }, ports));
  });

export const revokeCredentialOf = (
  home: string,
  id: string,
  options: CredentialOptions,
): Promise<object> =>
  asOperator(home, options, async ({ ports }) => {
    await revokeCredential(id, ports);
    return { revoked: id };
  });

const asOperator = async <T>(
  home: string,
  options: CredentialOptions,
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

const projectOf = ({ project }: CredentialOptions, own?: string): string => {
  const id = project ?? own;
  if (id === undefined || !/^[A-Za-z0-9-]{1,64}$/.test(id))
    throw new Error('--project is the id of a project: up to 64 letters, digits or -.');
  return id;
};

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= 36_500)) throw new Error(`--${name} is a number above 0.`);
  return value;
};

/** Times as people read them. */
const shown = ({ createdAtMs, expiresAtMs, ...rest }: ShownCredential): object => ({
  ...rest,
  createdAt: new Date(createdAtMs).toISOString(),
  expiresAt: expiresAtMs === undefined ? 'never' : new Date(expiresAtMs).toISOString(),
});
