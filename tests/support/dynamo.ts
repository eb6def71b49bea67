import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
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
import { freePort } from './ports.ts';

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
  for (let triesLeft = START_TRIES - 1; ; triesLeft--) {
    const emulator = await spawnEmulator(dbPath);
    try {
      const dynamo = await openDynamo(emulator.endpoint);
      // Another one may answer on a port that this one did not get.
      if (!hasEnded(emulator.child)) {
        const close = async () => {
          dynamo.client.destroy();
          await stop(emulator.child);
        };
        return { ...dynamo, close };
      }
      dynamo.client.destroy();
    } catch (error) {
      if (!hasEnded(emulator.child)) {
        await stop(emulator.child);
        throw error;
      }
    }
    if (triesLeft === 0) throw new Error(`The emulator ended at its start: ${emulator.said()}`);
  }
};

const START_TRIES = 3;
const STOPPED_BY = 'SIGKILL';

/** An emulator that listens, or that has ended. */
const spawnEmulator = async (dbPath?: string) => {
  const port = await freePort();
  const file = dbPath === undefined ? [] : ['--db-path', dbPath];
  const child = spawn(EMULATOR, ['serve', '--port', String(port), ...file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  await new Promise<void>((resolve) => {
    child.once('close', resolve);
    child.once('exit', (code, signal) => {
      if (signal !== STOPPED_BY) console.error(`The emulator ended: ${code ?? signal}. ${text}`);
    });
    child.stderr.on('data', (part) => {
      text += String(part);
      if (text.includes('listening on')) resolve();
    });
  });
  return { child, endpoint: `http://127.0.0.1:${port}`, said: () => text };
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

/**
 * Any credentials do for an emulator; a real endpoint takes them from the environment. It may be
 * slow, where the machine is busy: what a time-out leads to is tried by injecting it.
 */
const testClientOptions = (endpoint: string): DynamoDBClientConfig => ({
  ...dynamoClientOptions,
  requestHandler: {
    ...dynamoClientOptions.requestHandler,
    connectionTimeout: 20_000,
    requestTimeout: 20_000,
  },
  endpoint,
  region: 'us-east-1',
  ...(endpoint.startsWith('http:') && {
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  }),
});

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

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null;

const stop = async (child: ChildProcess): Promise<void> => {
  if (hasEnded(child)) return;
  child.kill(STOPPED_BY);
  await once(child, 'exit');
};
