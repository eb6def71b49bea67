import { randomUUID } from 'node:crypto';
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import {
  backupCodec,
  backupPointerCodec,
  checkpointCodec,
} from '../lib/adapters/aws/dynamo-catalog/codecs.ts';
import { dynamoCatalog } from '../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import type { Backup, Checkpoint } from '../lib/model/backup.ts';
import { type ListBackupsCommand, listBackups } from '../lib/service/list-backups.ts';
import { mapLimited } from '../lib/service/map-limited.ts';
import { startDynamo, type TestDynamo } from '../tests/support/dynamo.ts';

/**
 * `node bench/lists.ts [backups]`: lists of a project that has so many backups (100,000), in vaults
 * of 1,000, ten to a run, over the DynamoDB emulator. Prints medians of five as one JSON object.
 */
const COUNT = Number(process.argv[2] ?? 100_000);
const VAULT_BACKUPS = 1000;
const RUN_BACKUPS = 10;
const ROUNDS = 5;
const BATCH = 25;

const projectId = randomUUID();
const page = { limit: 1000, offset: 0 };

const main = async (): Promise<object> => {
  const dynamo = await startDynamo();
  try {
    const items = project();
    await write(dynamo, items);
    const catalog = dynamoCatalog(dynamo.client, dynamo.tables.catalog);
    const caller = { projectId, userId: 'bench', requestId: 'bench' };
    const time = async (command: Partial<ListBackupsCommand>): Promise<object> => {
      const taken: number[] = [];
      let count = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const began = performance.now();
        ({ count } = await listBackups({ page, sort: [], ...command }, caller, { catalog }));
        taken.push(performance.now() - began);
      }
      return { count, ms: Math.round(taken.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0) };
    };
    const [one] = items.backups as [Backup];
    return {
      backups: COUNT,
      ofVault: await time({ vaultId: one.vaultId }),
      ofCheckpoint: await time({ checkpointId: one.checkpointId }),
      all: await time({}),
      byStatus: await time({ status: ['error'] }),
      ofDisk: await time({ resourceId: one.disk.id }),
      sortedByName: await time({ sort: [{ key: 'name', descending: true }] }),
    };
  } finally {
    await dynamo.close();
  }
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
    id: `disk-${n % VAULT_BACKUPS}`,
    name: `disk ${n % VAULT_BACKUPS}`,
    sizeBytes: 2 ** 34,
    availabilityZone: 'a',
  },
  status: n % 100 === 0 ? 'error' : 'available',
  root: 'VISIBLE',
  manifest: { sessionId: randomUUID(), sha256: 'a'.repeat(64) },
  snapshotId: randomUUID(),
  incremental: true,
  autoTrigger: true,
  createdAtMs: 1_700_000_000_000 + n,
  updatedAtMs: 1_700_000_000_000 + n,
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

const write = async (
  { client, tables }: TestDynamo,
  { backups, checkpoints }: ReturnType<typeof project>,
): Promise<void> => {
  const items = [
    ...backups.map((backup) => backupCodec.encode(backup)),
    ...backups.map(({ id, vaultId, operationLogId, createdAtMs }) =>
      backupPointerCodec.encode({ id, projectId, vaultId, operationLogId, createdAtMs }),
    ),
    ...checkpoints.map((checkpoint) => checkpointCodec.encode(checkpoint)),
  ];
  const batches = Array.from({ length: Math.ceil(items.length / BATCH) }, (_, n) =>
    items.slice(n * BATCH, (n + 1) * BATCH),
  );
  await mapLimited(batches, (batch) => {
    const requests = batch.map((Item) => ({ PutRequest: { Item } }));
    return client.send(new BatchWriteCommand({ RequestItems: { [tables.catalog]: requests } }));
  });
};

console.log(JSON.stringify(await main()));
