import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { localDisks } from '../lib/adapters/local/local-disks.ts';
import { type Child, startChild, stopChild, waitReady } from './children.ts';
import {
  disksFolder,
  ensureIdentity,
  type LocalIdentity,
  logsFolder,
  PROGRAM,
  REGION,
  readIdentity,
  s3Folder,
  takeHome,
} from './home.ts';
import { endLeftovers, markOf } from './leftovers.ts';
import { dynamoEndpoint, freePorts, type LocalPorts, portVariables, requireFree } from './ports.ts';

/** Compiled modules, shared by all processes: loading them again costs a third. */
const COMPILE_CACHE = join(PROGRAM, 'node_modules', '.cache', 'holdfast-compiled');

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
  /** Ends a start that is under way. */
  signal?: AbortSignal;
}

/**
 * Brings up all of local mode on loopback and returns when the API answers. What an earlier run
 * left behind is ended first. Fails, with nothing left running, when the home is in use, a port is
 * taken, the master key is lost, a part does not start, or `signal` aborts.
 */
export const startStack = async (options: StackOptions): Promise<LocalStack> => {
  const release = await takeHome(options.home);
  try {
    await endLeftovers(options.home);
    return await startHome(options, release);
  } catch (error) {
    release();
    throw error;
  }
};

const startHome = async (
  { home, ports, env = {}, signal }: StackOptions,
  release: () => void,
): Promise<LocalStack> => {
  await requireFree(ports);
  const { identity, isNew } = await ensureIdentity(home);
  await mkdir(logsFolder(home), { recursive: true });
  await localDisks({ root: disksFolder(home) }).sweep();
  signal?.throwIfAborted();
  const children = startChildren(home, ports, identity, env);
  const stopChildren = async () => {
    // Functions first: what they call must outlive them.
    await stopChild(children.api);
    const { s3, dynamo } = children;
    await Promise.all([stopChild(s3), ...(dynamo ? [stopChild(dynamo)] : [])]);
  };
  try {
    await Promise.all([
      prepareStores(children, ports, identity, signal),
      waitReady(children.api, () => answers(ports.api), signal),
    ]);
  } catch (error) {
    await stopChildren();
    if (signal?.aborted) throw error;
    const text = `${(error as Error).message} Its log is in ${logsFolder(home)}.`;
    throw new Error(text, { cause: error });
  }
  const broken = Promise.race(
    Object.values(children).map(async (child) => `The ${child.name} ended (${await child.ended}).`),
  );
  const { keepRemovingExpired } = await import('./expired-items.ts');
  const stopRemoving = keepRemovingExpired(home, dynamoEndpoint(ports.dynamo), identity);
  const stop = async () => {
    stopRemoving();
    await stopChildren();
    release();
  };
  return { url: `http://127.0.0.1:${ports.api}`, home, identity, isNew, broken, stop };
};

/**
 * Runs something with the stores of a home and nothing else, while local mode is stopped. Tables
 * and bucket are made when they are missing.
 */
export const withStores = async <T>(
  home: string,
  run: (endpoints: { dynamo: string; s3: string }) => Promise<T>,
): Promise<T> => {
  const identity = await readIdentity(home);
  const release = await takeHome(home);
  try {
    await endLeftovers(home);
    await mkdir(logsFolder(home), { recursive: true });
    const ports = await freePorts();
    const stores = startStores(home, ports, identity, environment(home, ports, identity));
    try {
      await prepareStores(stores, ports, identity);
      return await run({
        dynamo: dynamoEndpoint(ports.dynamo),
        s3: `http://127.0.0.1:${ports.s3}`,
      });
    } finally {
      await Promise.all(Object.values(stores).map((child: Child) => stopChild(child)));
    }
  } finally {
    release();
  }
};

interface Stores {
  s3: Child;
  dynamo?: Child;
}

interface Children extends Stores {
  api: Child;
}

/** Tables and bucket. The SDK is loaded here, while the children start: it takes about as long. */
const prepareStores = async (
  { dynamo, s3 }: Stores,
  ports: LocalPorts,
  identity: LocalIdentity,
  signal?: AbortSignal,
): Promise<void> => {
  enableCompileCache(COMPILE_CACHE);
  const { prepareBucket, prepareTables } = await import('./prepare-stores.ts');
  await Promise.all([
    prepareTables(dynamo ?? s3, dynamoEndpoint(ports.dynamo), identity, signal),
    prepareBucket(s3, `http://127.0.0.1:${ports.s3}`, identity, signal),
  ]);
};

/** What makes SDK clients and functions meet the local servers: nothing in them knows. */
const environment = (home: string, ports: LocalPorts, { s3 }: LocalIdentity) => ({
  ...portVariables(ports),
  ...markOf(home),
  HOLDFAST_HOME: home,
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${ports.s3}`,
  AWS_ENDPOINT_URL_DYNAMODB: dynamoEndpoint(ports.dynamo),
  AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${ports.durable}`,
  NODE_COMPILE_CACHE: COMPILE_CACHE,
  SLS_TELEMETRY_DISABLED: '1',
  SLS_NOTIFICATIONS_MODE: 'off',
});

const startChildren = (
  home: string,
  ports: LocalPorts,
  identity: LocalIdentity,
  more: Record<string, string>,
): Children => {
  const env = { ...environment(home, ports, identity), ...more };
  const serverless = join(PROGRAM, 'node_modules', 'serverless', 'bin', 'serverless.js');
  // Else the framework's 100 MB are gone through for every 64 MB of buffers that come and go: a
  // fifth of a restore's processor time. The size bounds the buffers that wait to be freed.
  const gc = ['--external-memory-accounted-in-global-limit', '--max-old-space-size=2048'];
  const offline = [serverless, 'offline', 'start', '--stage', 'local'];
  // The slowest first.
  const api = startPart(home, 'API', 'functions', [process.execPath, ...gc, ...offline], env);
  return { api, ...startStores(home, ports, identity, env) };
};

const startStores = (
  home: string,
  ports: LocalPorts,
  identity: LocalIdentity,
  env: Record<string, string>,
): Stores => {
  const s3Env = {
    ...env,
    HOLDFAST_S3_ACCESS_KEY: identity.s3.accessKeyId,
    HOLDFAST_S3_SECRET_KEY: identity.s3.secretAccessKey,
  };
  const s3Server = join(PROGRAM, 'local', 's3-server', 'main.ts');
  const s3 = ['--port', String(ports.s3), '--dir', s3Folder(home)];
  const dynamo = dynamoCommand(home, ports);
  return {
    ...(dynamo ? { dynamo: startPart(home, 'DynamoDB emulator', 'dynamo', dynamo, env) } : {}),
    s3: startPart(home, 'S3 server', 's3', [process.execPath, s3Server, ...s3], s3Env),
  };
};

const startPart = (
  home: string,
  name: string,
  log: string,
  command: [string, ...string[]],
  env: Record<string, string>,
): Child =>
  startChild(name, { command, cwd: PROGRAM, env, logFile: join(logsFolder(home), `${log}.log`) });

/** `null` when somebody brings another endpoint. */
const dynamoCommand = (home: string, ports: LocalPorts): [string, ...string[]] | null => {
  if (process.env['HOLDFAST_DYNAMO_ENDPOINT'] !== undefined) return null;
  const program = join(PROGRAM, 'node_modules/@dynoxide/linux-x64/dynoxide');
  if (!existsSync(program)) {
    throw new Error(
      'There is no DynamoDB emulator for this platform: bring one by HOLDFAST_DYNAMO_ENDPOINT=<url>.',
    );
  }
  const database = join(home, 'dynamo.sqlite');
  return [program, 'serve', '--port', String(ports.dynamo), '--db-path', database];
};

const answers = async (port: number): Promise<boolean> => {
  const signal = AbortSignal.timeout(2000);
  const answer = await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual', signal });
  await answer.body?.cancel();
  return answer.status === 300;
};
