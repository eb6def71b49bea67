import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { dynamoBlockIndex } from '../adapters/aws/dynamo-block-index.ts';
import { dynamoCatalog } from '../adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { AWS_LIMITS, SETTLE_LIMITS } from '../adapters/aws/dynamo-catalog/settle.ts';
import {
  dynamoClientOptions,
  dynamoDocumentOptions,
} from '../adapters/aws/dynamo-client-options.ts';
import { kmsClientOptions, kmsKeyProvider } from '../adapters/aws/kms-key-provider.ts';
import { lambdaClientOptions, lambdaJobs } from '../adapters/aws/lambda-jobs.ts';
import { lambdaNotifier } from '../adapters/aws/lambda-notifier.ts';
import { s3ClientOptions, s3ObjectStore } from '../adapters/aws/s3-object-store.ts';
import { fileClock } from '../adapters/local/file-clock.ts';
import { fileKeyProvider } from '../adapters/local/file-key-provider.ts';
import { localDisks } from '../adapters/local/local-disks.ts';
import { logProbe } from '../adapters/local/log-probe.ts';
import { systemClock } from '../adapters/local/system-clock.ts';
import { systemIds } from '../adapters/local/system-ids.ts';
import { webhookNotifier } from '../adapters/local/webhook-notifier.ts';
import { type BlockPool, threadPool } from '../engine/pool/block-pool.ts';
import { HoldfastError } from '../errors.ts';
import { DAY_MS } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disks } from '../ports/disks.ts';
import type { KeyProvider } from '../ports/key-provider.ts';
import type { ApiPorts } from '../service/api-ports.ts';
import type { DataPorts } from '../service/data-ports.ts';
import type { FunctionNames } from './durable-context.ts';
import { readSettings, type Settings } from './settings.ts';

/**
 * The wiring: the only file that reads the environment and makes SDK clients. Nothing is made
 * before it is first asked for, so importing a function costs nothing and needs nothing.
 */
const once = <T>(make: () => T): (() => T) => {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

const settings = once(() => readSettings(process.env));

const probe = once(() =>
  logProbe(
    (line) => process.stdout.write(`${line}\n`),
    () => systemClock().nowMs(),
  ),
);

const shared = once(() => {
  const env = settings();
  const clock = clockOf(env);
  const documents = DynamoDBDocumentClient.from(
    new DynamoDBClient(dynamoClientOptions),
    dynamoDocumentOptions,
  );
  const lambda = new LambdaClient(lambdaClientOptions);
  return {
    catalog: dynamoCatalog(
      documents,
      env.HOLDFAST_CATALOG_TABLE,
      env.IS_OFFLINE === undefined ? AWS_LIMITS : SETTLE_LIMITS,
    ),
    index: dynamoBlockIndex(documents, env.HOLDFAST_BLOCKS_TABLE),
    objects: s3ObjectStore(new S3Client(s3ClientOptions()), env.HOLDFAST_BUCKET),
    disks: disksOf(env, clock),
    keys: keysOf(env),
    notifier: lambdaNotifier(lambda, `${env.HOLDFAST_FUNCTIONS}-notify`),
    jobs: lambdaJobs(lambda, (kind) => ({
      name: `${env.HOLDFAST_FUNCTIONS}-${kind}`,
      qualifier: env.HOLDFAST_QUALIFIER,
    })),
    clock,
    ids: systemIds(),
    probe: probe(),
  };
});

/** What the API's use cases need. */
export const apiPorts = once((): ApiPorts => {
  const env = settings();
  return {
    ...shared(),
    settings: {
      region: env.HOLDFAST_REGION,
      availabilityZone: env.HOLDFAST_ZONE,
      requestsPerSecond: env.HOLDFAST_REQUESTS_PER_SECOND,
      taskKeptMs: env.HOLDFAST_TASK_DAYS * DAY_MS,
    },
  };
});

/** What jobs and data workers need. */
export const dataWorld = once((): { ports: DataPorts; names: FunctionNames } => {
  const env = settings();
  const ports: DataPorts = {
    ...shared(),
    pool: lazyPool(),
    settings: {
      leaseMs: env.HOLDFAST_LEASE_SECONDS * 1000,
      rangeSegments: env.HOLDFAST_RANGE_SEGMENTS,
      workers: env.HOLDFAST_WORKERS,
      marginMs: env.HOLDFAST_MARGIN_SECONDS * 1000,
      ledgerMs: env.HOLDFAST_LEDGER_DAYS * DAY_MS,
      taskKeptMs: env.HOLDFAST_TASK_DAYS * DAY_MS,
      garbage: { windowMs: env.HOLDFAST_UNDELETE_DAYS * DAY_MS },
    },
  };
  const version = process.env['AWS_LAMBDA_FUNCTION_VERSION'] ?? '$LATEST';
  return {
    ports,
    names: {
      worker: (name) => `${env.HOLDFAST_FUNCTIONS}-${name}`,
      // A slice runs the same code as the job that asks for it.
      job: (kind) => `${env.HOLDFAST_FUNCTIONS}-${kind}:${version}`,
    },
  };
});

/** What the function that delivers notices needs. */
export const noticeWorld = once(() => {
  const { HOLDFAST_WEBHOOK: url } = settings();
  return { receiver: url === 'none' ? null : webhookNotifier(url), probe: probe() };
});

const clockOf = ({ HOLDFAST_CLOCK: setting }: Settings): Clock => {
  const [kind, path = ''] = split(setting);
  return kind === 'file' ? fileClock(path) : systemClock();
};

const disksOf = (env: Settings, clock: Clock): Disks => {
  const [kind, folder = ''] = split(env.HOLDFAST_DISKS);
  if (kind === 'local') return localDisks({ root: folder, nowMs: () => clock.nowMs() });
  return noDisks();
};

/** A deployment without a source of disks: every call says so. */
const noDisks = (): Disks =>
  new Proxy({} as Disks, {
    get: (_, operation) => () => {
      const reason = `this deployment has no source of disks (${String(operation)})`;
      throw new HoldfastError('config.invalid', { name: 'HOLDFAST_DISKS', reason });
    },
  });

const keysOf = (env: Settings): KeyProvider => {
  const [kind, name = ''] = split(env.HOLDFAST_KEYS);
  return kind === 'file'
    ? fileKeyProvider({ path: name, create: false })
    : kmsKeyProvider(new KMSClient(kmsClientOptions), name);
};

const split = (setting: string): string[] => {
  const at = setting.indexOf(':');
  return at < 0 ? [setting] : [setting.slice(0, at), setting.slice(at + 1)];
};

/** Threads are started when the first block arrives: orchestrations never need them. */
const lazyPool = (): BlockPool => {
  const pool = once(() => threadPool(poolScript()));
  return {
    get size() {
      return pool().size;
    },
    run: (task) => pool().run(task),
    close: () => pool().close(),
  };
};

/**
 * The pool's threads run the source beside this file, or their own bundle beside the function's.
 */
const poolScript = (): URL =>
  import.meta.url.endsWith('.ts')
    ? new URL('../engine/pool/worker.ts', import.meta.url)
    : new URL('./pool-worker.mjs', import.meta.url);
