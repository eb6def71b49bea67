import { randomUUID } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import {
  backupCodec,
  backupPointerCodec,
  checkpointCodec,
  taskItems,
} from '../lib/adapters/aws/dynamo-catalog/codecs.ts';
import { dynamoCatalog } from '../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { keys, listed } from '../lib/adapters/aws/dynamo-catalog/keys.ts';
import { dynamoDocumentOptions } from '../lib/adapters/aws/dynamo-client-options.ts';
import { systemClock } from '../lib/adapters/local/system-clock.ts';
import type { Backup, Checkpoint } from '../lib/model/backup.ts';
import type { OperationLog } from '../lib/model/operation-log.ts';
import { type ListBackupsCommand, listBackups } from '../lib/service/list-backups.ts';
import { type ListTasksCommand, listTasks } from '../lib/service/list-tasks.ts';
import { mapLimited } from '../lib/service/map-limited.ts';
import { taskOfBackup } from '../lib/service/task-of-backup.ts';
import { startDynamo, type TestDynamo } from '../tests/support/dynamo.ts';

/**
 * `node bench/lists.ts [count]`: lists of a project that has so many backups (100,000) and as many
 * tasks, in vaults of 1,000, a hundred disks to a vault, one a minute, over the DynamoDB emulator.
 * Prints medians of five as one JSON object.
 */
const COUNT = Number(process.argv[2] ?? 100_000);
const VAULT_BACKUPS = 1000;
const RUN_BACKUPS = 100;
const FROM_MS = 1_700_000_000_000;
const DISKS = 100;
const ROUNDS = 5;
const BATCH = 25;
const WRITES_AT_ONCE = 2;

const projectId = randomUUID();
const page = { limit: 1000, offset: 0 };

const main = async (): Promise<object> => {
  const dynamo = await startDynamo();
  try {
    const items = project();
    await write(dynamo, items);
    const catalog = dynamoCatalog(dynamo.client, dynamo.tables.catalog);
    const caller = { projectId, userId: 'bench', requestId: 'bench' };
    const ports = { catalog, clock: systemClock(), settings: { taskKeptMs: Infinity } };
    const backups = (command: Partial<ListBackupsCommand>) =>
      time(() => listBackups({ page, sort: [], ...command }, caller, ports));
    const tasks = (command: Partial<ListTasksCommand>) =>
      time(() => listTasks({ page, ofDisks: true, ...command }, caller, ports));
    const [one] = items.backups as [Backup];
    const small = { limit: 10, offset: 0 };
    const byName = [{ key: 'name' as const, descending: true }];
    const last = { limit: 10, offset: COUNT - 1010 };
    return {
      date: new Date().toISOString(),
      machine: `${cpus().length} processors (${cpus()[0]?.model}), Node ${process.version}`,
      load: loadavg().map((load) => Number(load.toFixed(2))),
      backups: {
        count: COUNT,
        first1000: await backups({}),
        first10: await backups({ page: small }),
        last10: await backups({ page: last }),
        ofVault: await backups({ vaultId: one.vaultId }),
        ofVaultFirst10: await backups({ vaultId: one.vaultId, page: small }),
        ofDisk: await backups({ resourceId: one.disk.id }),
        ofCheckpoint: await backups({ checkpointId: one.checkpointId }),
        available: await backups({ status: ['available'] }),
        availableFirst10: await backups({ status: ['available'], page: small }),
        inError: await backups({ status: ['error'] }),
        sortedByName: await backups({ sort: byName }),
        sortedByNameLast10: await backups({ sort: byName, page: last }),
        availableByNameOfOneSize: await backups({
          status: ['available'],
          resourceName: one.disk.name,
          sort: byName,
        }),
        ofVaultByName: await backups({ vaultId: one.vaultId, sort: byName }),
        madeInOneHour: await backups({ createdFromMs: FROM_MS, createdToMs: FROM_MS + 3_600_000 }),
      },
      tasks: {
        count: COUNT,
        first1000: await tasks({}),
        first10: await tasks({ page: small }),
        ofVault: await tasks({ vaultId: one.vaultId }),
        ofDisk: await tasks({ resourceId: one.disk.id }),
        successful: await tasks({ status: ['success'] }),
        failed: await tasks({ status: ['failed'] }),
        ofType: await tasks({ type: 'verify' }),
        ofVaultsName: await tasks({ vaultName: 'vault', resourceName: one.disk.name }),
        madeInOneHour: await tasks({ createdFromMs: FROM_MS, createdToMs: FROM_MS + 3_600_000 }),
      },
    };
  } finally {
    await dynamo.close();
  }
};

/** The median of five, and how many there are on all pages. */
const time = async (list: () => Promise<{ count: number }>): Promise<object> => {
  const taken: number[] = [];
  let count = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    ({ count } = await list());
    taken.push(performance.now() - began);
  }
  return { count, ms: Math.round(taken.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0) };
};

const project = (): { backups: Backup[]; checkpoints: Checkpoint[] } => {
  const [vaults, runs] = [new Map<number, string>(), new Map<number, string>()];
  const idOf = (ids: Map<number, string>, n: number): string => {
    const id = ids.get(n) ?? randomUUID();
    ids.set(n, id);
    return id;
  };
  const backups = Array.from({ length: COUNT }, (_, n) =>
    someBackup(
      n,
      idOf(vaults, Math.floor(n / VAULT_BACKUPS)),
      idOf(runs, Math.floor(n / RUN_BACKUPS)),
    ),
  );
  const byRun = Map.groupBy(backups, ({ checkpointId }) => checkpointId);
  return { backups, checkpoints: [...byRun.values()].map(checkpointOf) };
};

const someBackup = (n: number, vaultId: string, checkpointId: string): Backup => ({
  id: randomUUID(),
  projectId,
  vaultId,
  checkpointId,
  operationLogId: randomUUID(),
  name: `autobk_${n}`,
  description: '',
  disk: {
    id: `${vaultId.slice(0, 24)}${String(n % DISKS).padStart(12, '0')}`,
    name: `disk ${n % DISKS}`,
    sizeBytes: 2 ** 34,
    availabilityZone: 'a',
  },
  status: n % 100 === 0 ? 'error' : 'available',
  root: 'VISIBLE',
  manifest: { sessionId: randomUUID(), sha256: 'a'.repeat(64) },
  snapshotId: randomUUID(),
  incremental: true,
  autoTrigger: true,
  completedAtMs: FROM_MS + n * 60_000,
  parentBackupId: randomUUID(),
  createdAtMs: FROM_MS + n * 60_000,
  updatedAtMs: FROM_MS + n * 60_000,
});

const taskOf = (backup: Backup, n: number): OperationLog => ({
  ...taskOfBackup(backup, {
    id: backup.operationLogId,
    type: n % 100 === 1 ? 'verify' : 'backup',
    status: n % 100 === 0 ? 'failed' : 'success',
    requestId: randomUUID(),
    vaultName: 'vault',
    atMs: backup.createdAtMs,
  }),
  endedAtMs: backup.createdAtMs,
});

const checkpointOf = (backups: Backup[]): Checkpoint => {
  const { checkpointId: id, vaultId, createdAtMs } = backups[0] as Backup;
  return {
    id,
    projectId,
    vaultId,
    vaultName: 'vault',
    name: 'run',
    description: '',
    backups: backups.map(({ id: backupId, disk }) => ({
      backupId,
      diskId: disk.id,
      diskName: disk.name,
      sizeBytes: disk.sizeBytes,
    })),
    skipped: [],
    createdAtMs,
  };
};

/** What the vaults would have counted. */
const usageOf = (backups: Backup[]): object[] =>
  [...Map.groupBy(backups, ({ vaultId }) => vaultId)].map(([vaultId, own]) => ({
    ...keys.usage(vaultId),
    ...listed('USAGE', { projectId, id: vaultId, createdAtMs: FROM_MS }),
    vaultId,
    in_available: own.filter(({ status }) => status === 'available').length,
    in_error: own.filter(({ status }) => status === 'error').length,
  }));

const write = async (
  { client, endpoint, tables }: TestDynamo,
  { backups, checkpoints }: ReturnType<typeof project>,
): Promise<void> => {
  const items = [
    ...backups.map((backup) => backupCodec.encode(backup)),
    ...backups.map(({ id, vaultId, operationLogId, createdAtMs }) =>
      backupPointerCodec.encode({ id, projectId, vaultId, operationLogId, createdAtMs }),
    ),
    ...checkpoints.map((checkpoint) => checkpointCodec.encode(checkpoint)),
    ...backups.flatMap((backup, n) => taskItems(taskOf(backup, n))),
    ...usageOf(backups),
  ];
  const batches = Array.from({ length: Math.ceil(items.length / BATCH) }, (_, n) =>
    items.slice(n * BATCH, (n + 1) * BATCH),
  );
  // Nobody measures this: a busy machine takes its time, whatever the product waits for.
  const { credentials, region } = client.config;
  const patient = DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint, region, credentials }),
    dynamoDocumentOptions,
  );
  await mapLimited(
    batches,
    (batch) => {
      const requests = batch.map((Item) => ({ PutRequest: { Item } }));
      return patient.send(new BatchWriteCommand({ RequestItems: { [tables.catalog]: requests } }));
    },
    WRITES_AT_ONCE,
  );
  patient.destroy();
};

console.log(JSON.stringify(await main()));
