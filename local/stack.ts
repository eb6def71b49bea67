import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoCatalog } from '../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../lib/adapters/aws/dynamo-client-options.ts';
import { DYNAMO_TABLES } from '../lib/adapters/aws/dynamo-tables.ts';
import { fileKeyProvider } from '../lib/adapters/local/file-key-provider.ts';
import { localDisks } from '../lib/adapters/local/local-disks.ts';
import { type Child, startChild, stopChild, waitReady } from './children.ts';
import { ensureIdentity, type LocalIdentity } from './home.ts';
import { endLeftovers, rememberChildren } from './leftovers.ts';
import { type LocalPorts, portVariables } from './ports.ts';

const REGION = 'eu-west-1';
export const BUCKET = 'holdfast';
const TABLES = { catalog: 'catalog', blocks: 'blocks' } as const;

/** A running local Holdfast. */
export interface LocalStack {
  url: string;
  home: string;
  identity: LocalIdentity;
  /** True when this start made the identity. */
  isNew: boolean;
  /** Resolves when a part ended by itself, with what happened. */
  broken: Promise<string>;
  stop(): Promise<void>;
}

export interface StackOptions {
  home: string;
  ports: LocalPorts;
  /** Further variables for the functions, such as HOLDFAST_RANGE_SEGMENTS. */
  env?: Record<string, string>;
}

/** Where the disks and the master key of a home are. */
export const disksFolder = (home: string): string => join(home, 'disks');
export const masterKeyFile = (home: string): string => join(home, 'keys', 'master.key');

/** Brings up all of local mode on loopback and returns when the API answers. */
export const startStack = async ({ home, ports, env = {} }: StackOptions): Promise<LocalStack> => {
  const { identity, isNew } = await ensureIdentity(home);
  await mkdir(join(home, 'logs'), { recursive: true });
  await endLeftovers(home);
  await ensureMasterKey(home, isNew);
  await localDisks({ root: disksFolder(home) }).sweep();
  const variables = { ...environment(home, ports, identity), ...env };
  const children = startChildren(home, ports, identity, variables);
  const stop = async () => {
    // Functions first: what they call must outlive them.
    await stopChild(children.api);
    await Promise.all([stopChild(children.s3), stopChild(children.dynamo)]);
  };
  const all = Object.values(children);
  await rememberChildren(home, all);
  try {
    await Promise.all([
      prepareTables(children.dynamo, ports, identity),
      prepareBucket(children.s3, ports, identity),
      waitReady(children.api, () => answers(ports.api)),
    ]);
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message} Its log is in ${join(home, 'logs')}.`, {
      cause: error,
    });
  }
  const broken = Promise.race(
    all.map(async (child) => `The ${child.name} ended (${await child.ended}).`),
  );
  return { url: `http://127.0.0.1:${ports.api}`, home, identity, isNew, broken, stop };
};

/** What makes SDK clients and functions meet the local servers: nothing in them knows. */
export const environment = (home: string, ports: LocalPorts, { s3 }: LocalIdentity) => ({
  ...portVariables(ports),
  HOLDFAST_HOME: home,
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${ports.s3}`,
  AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${ports.dynamo}`,
  AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${ports.durable}`,
  SLS_TELEMETRY_DISABLED: '1',
  SLS_NOTIFICATIONS_MODE: 'off',
});

/** A home that lost its key must not get another one: its backups could never be opened again. */
const ensureMasterKey = async (home: string, isNew: boolean): Promise<void> => {
  const path = masterKeyFile(home);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await fileKeyProvider({ path, create: isNew }).wrap(new Uint8Array(32), { vaultId: 'start' });
};

const startChildren = (
  home: string,
  ports: LocalPorts,
  { s3 }: LocalIdentity,
  variables: Record<string, string>,
): Record<'dynamo' | 's3' | 'api', Child> => {
  const start = (name: string, log: string, command: [string, ...string[]], more = {}) =>
    startChild(name, command, { ...variables, ...more }, join(home, 'logs', `${log}.log`));
  const node = process.execPath;
  const root = resolve(import.meta.dirname, '..');
  const dynamo = dynamoCommand(home, ports, root);
  const serverless = join(root, 'node_modules', 'serverless', 'bin', 'serverless.js');
  return {
    dynamo: start('DynamoDB emulator', 'dynamo', dynamo),
    s3: start(
      'S3 server',
      's3',
      [
        node,
        join(root, 'local/s3-server/main.ts'),
        '--port',
        String(ports.s3),
        '--dir',
        join(home, 's3'),
      ],
      { HOLDFAST_S3_ACCESS_KEY: s3.accessKeyId, HOLDFAST_S3_SECRET_KEY: s3.secretAccessKey },
    ),
    api: start('API', 'functions', [node, serverless, 'offline', 'start', '--stage', 'local']),
  };
};

const dynamoCommand = (home: string, ports: LocalPorts, root: string): [string, ...string[]] => {
  const binary = join(root, 'node_modules/@dynoxide/linux-x64/dynoxide');
  if (!existsSync(binary)) {
    throw new Error(
      'No DynamoDB emulator for this platform; the README says how to bring your own.',
    );
  }
  return [
    binary,
    'serve',
    '--port',
    String(ports.dynamo),
    '--db-path',
    join(home, 'dynamo.sqlite'),
  ];
};

const credentialsOf = ({ s3 }: LocalIdentity) => ({
  accessKeyId: s3.accessKeyId,
  secretAccessKey: s3.secretAccessKey,
});

const prepareTables = async (
  child: Child,
  ports: LocalPorts,
  identity: LocalIdentity,
): Promise<void> => {
  const endpoint = `http://127.0.0.1:${ports.dynamo}`;
  const credentials = credentialsOf(identity);
  const client = new DynamoDBClient({
    ...dynamoClientOptions,
    endpoint,
    region: REGION,
    credentials,
  });
  let existing: string[] = [];
  await waitReady(child, async () => {
    existing = (await client.send(new ListTablesCommand({}))).TableNames ?? [];
    return true;
  });
  for (const kind of ['catalog', 'blocks'] as const) {
    if (existing.includes(TABLES[kind])) continue;
    await client.send(new CreateTableCommand({ ...DYNAMO_TABLES[kind], TableName: TABLES[kind] }));
  }
  const documents = DynamoDBDocumentClient.from(client, dynamoDocumentOptions);
  await dynamoCatalog(documents, TABLES.catalog).credentials.put({
    tokenSha256: createHash('sha256').update(identity.token).digest('hex'),
    projectId: identity.projectId,
    userId: 'local',
    role: 'Full',
    createdAtMs: Date.now(),
  });
  client.destroy();
};

const prepareBucket = async (
  child: Child,
  ports: LocalPorts,
  identity: LocalIdentity,
): Promise<void> => {
  const endpoint = `http://127.0.0.1:${ports.s3}`;
  const credentials = credentialsOf(identity);
  const client = new S3Client({
    endpoint,
    region: REGION,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
  });
  await waitReady(child, async () => {
    try {
      await client.send(new HeadBucketCommand({ Bucket: BUCKET }));
    } catch (error) {
      if ((error as { name: string }).name !== 'NotFound') throw error;
      await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    }
    return true;
  });
  client.destroy();
};

const answers = async (port: number): Promise<boolean> =>
  (
    await fetch(`http://127.0.0.1:${port}/`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(2000),
    })
  ).status === 300;
