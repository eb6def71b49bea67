import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  ListTablesCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../../lib/adapters/aws/dynamo-client-options.ts';
import { DYNAMO_TABLES } from '../../lib/adapters/aws/dynamo-tables.ts';

const EMULATOR = fileURLToPath(
  new URL('../../node_modules/@dynoxide/linux-x64/dynoxide', import.meta.url),
);

/** A DynamoDB with the product's two tables. */
export interface TestDynamo {
  client: DynamoDBDocumentClient;
  endpoint: string;
  tables: { catalog: string; blocks: string };
  /** Deletes the tables and ends what was started. */
  close: () => Promise<void>;
}

/** Starts the emulator on a free port; in memory, or with its file at `dbPath`. */
export const startDynamo = async (dbPath?: string): Promise<TestDynamo> => {
  const port = await freePort();
  const file = dbPath === undefined ? [] : ['--db-path', dbPath];
  const process = spawn(EMULATOR, ['serve', '--port', String(port), ...file], { stdio: 'ignore' });
  try {
    const dynamo = await openDynamo(`http://127.0.0.1:${port}`);
    const close = async () => {
      dynamo.client.destroy();
      await stop(process);
    };
    return { ...dynamo, close };
  } catch (error) {
    await stop(process);
    throw error;
  }
};

/** Uses any endpoint: makes tables with a name of their own and deletes them on `close`. */
export const openDynamo = async (endpoint: string): Promise<TestDynamo> => {
  const client = DynamoDBDocumentClient.from(
    new DynamoDBClient(testClientOptions(endpoint)),
    dynamoDocumentOptions,
  );
  await untilAnswers(client);
  const prefix = `holdfast-test-${randomUUID()}`;
  const tables = { catalog: `${prefix}-catalog`, blocks: `${prefix}-blocks` };
  for (const kind of ['catalog', 'blocks'] as const) {
    await client.send(new CreateTableCommand({ TableName: tables[kind], ...DYNAMO_TABLES[kind] }));
    await waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName: tables[kind] });
  }
  const close = async () => {
    for (const TableName of Object.values(tables))
      await client.send(new DeleteTableCommand({ TableName }));
    client.destroy();
  };
  return { client, endpoint, tables, close };
};

/** Any credentials do for an emulator; a real endpoint takes them from the environment. */
const testClientOptions = (endpoint: string): DynamoDBClientConfig => ({
  ...dynamoClientOptions,
  endpoint,
  region: 'us-east-1',
  ...(endpoint.startsWith('http:') && {
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  }),
});

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

const untilAnswers = async (client: DynamoDBDocumentClient): Promise<void> => {
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    try {
      await client.send(new ListTablesCommand({ Limit: 1 }));
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await sleep(20);
    }
  }
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
};
