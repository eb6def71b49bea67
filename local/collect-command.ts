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
import { logProbe } from '../lib/adapters/local/log-probe.ts';
import { systemIds } from '../lib/adapters/local/system-ids.ts';
import type { GarbagePlan } from '../lib/engine/plan-garbage.ts';
import {
  type CollectPorts,
  type CycleReport,
  collectVault,
  planCollection,
} from '../lib/service/collect-vault.ts';
import { BUCKET, clockFile, masterKeyFile, REGION, readIdentity } from './home.ts';
import { dynamoEndpoint, s3Endpoint } from './ports.ts';

/** Three take a deleted backup from its root to its last pack. */
const CYCLES_MAX = 12;
const CYCLE_MS = 10 * 60_000;
const DAY_MS = 86_400_000;

/**
 * Collects a vault of the running local mode now; `dryRun`: says what a cycle would do and does
 * none of it. `undeleteDays`: how long deleted backups are kept; that of local mode if undefined.
 */
export const collectNow = async (
  home: string,
  vaultId: string,
  { dryRun, undeleteDays }: { dryRun: boolean; undeleteDays: number },
): Promise<object> => {
  const { ports, projectId, close } = await connect(home, undeleteDays);
  try {
    const vault = { projectId, vaultId };
    if (dryRun) return shownPlan(await planCollection(vault, ports));
    const cycles: CycleReport[] = [];
    do cycles.push(await collectVault(vault, ports.clock.nowMs() + CYCLE_MS, ports));
    while (cycles.at(-1)?.hasMore && cycles.length < CYCLES_MAX);
    return shownCycles(cycles);
  } finally {
    close();
  }
};

/** The running servers and the home's key file. */
const connect = async (home: string, undeleteDays: number) => {
  const { projectId, s3: credentials } = await readIdentity(home);
  const where = { region: REGION, credentials };
  const dynamo = new DynamoDBClient({
    ...dynamoClientOptions,
    ...where,
    endpoint: dynamoEndpoint(),
  });
  const documents = DynamoDBDocumentClient.from(dynamo, dynamoDocumentOptions);
  const s3 = new S3Client({ ...s3ClientOptions(s3Endpoint()), ...where });
  const clock = fileClock(clockFile(home));
  const ports: CollectPorts = {
    catalog: dynamoCatalog(documents, 'catalog'),
    index: dynamoBlockIndex(documents, 'blocks'),
    objects: s3ObjectStore(s3, BUCKET),
    keys: fileKeyProvider({ path: masterKeyFile(home), create: false }),
    clock,
    ids: systemIds(),
    probe: logProbe(
      (line) => process.stderr.write(`${line}\n`),
      () => clock.nowMs(),
    ),
    settings: {
      leaseMs: 0,
      rangeSegments: 1,
      workers: 1,
      marginMs: 0,
      garbage: { windowMs: undeleteDays * DAY_MS },
    },
  };
  const close = () => {
    dynamo.destroy();
    s3.destroy();
  };
  return { ports, projectId, close };
};

const shownPlan = ({ blocked, steps, roots, leftovers, sessions }: GarbagePlan): object => ({
  ...(blocked.length > 0 ? { blocked: blocked.join('; ') } : {}),
  ...Object.fromEntries(
    steps.map(({ kind, packId, freedBytes }) => [
      `pack ${packId}`,
      `${kind}, frees ${freedBytes} bytes`,
    ]),
  ),
  ...Object.fromEntries(roots.map(({ id, name }) => [`backup ${id}`, `${name}: forget`])),
  ...Object.fromEntries(leftovers.map(({ key, sizeBytes }) => [key, `delete ${sizeBytes} bytes`])),
  sessionsToForget: sessions.length,
  freedBytes:
    steps.reduce((sum, { freedBytes }) => sum + freedBytes, 0) +
    leftovers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
});

const shownCycles = (cycles: CycleReport[]): object => {
  const blocked = cycles.flatMap((cycle) => cycle.blocked);
  const sum = (name: 'condemned' | 'revived' | 'deleted' | 'shrunk' | 'rootsRemoved') =>
    cycles.reduce((total, cycle) => total + cycle[name], 0);
  return {
    ...(blocked.length > 0 ? { blocked: blocked.join('; ') } : {}),
    cycles: cycles.length,
    condemned: sum('condemned'),
    revived: sum('revived'),
    deleted: sum('deleted'),
    shrunk: sum('shrunk'),
    backupsForgotten: sum('rootsRemoved'),
    freedBytes: cycles.reduce((total, { freedBytes }) => total + freedBytes, 0),
  };
};
