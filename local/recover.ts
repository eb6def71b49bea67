import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { kmsKeyProvider } from '../lib/adapters/aws/kms-key-provider.ts';
import { s3ClientOptions, s3ObjectStore } from '../lib/adapters/aws/s3-object-store.ts';
import { fileKeyProvider } from '../lib/adapters/local/file-key-provider.ts';
import { threadPool } from '../lib/engine/pool/block-pool.ts';
import { listRecoverable, type Recoverable, recoverDisk } from '../lib/engine/recover-backups.ts';
import { BLOCK_BYTES } from '../lib/model/block.ts';
import type { Disks } from '../lib/ports/disks.ts';
import type { KeyProvider } from '../lib/ports/key-provider.ts';
import type { ObjectStore } from '../lib/ports/object-store.ts';
import { BUCKET, homeFolder, masterKeyFile, REGION, s3Folder, takeHome } from './home.ts';
import { endLeftovers } from './leftovers.ts';
import { progressBar } from './progress-bar.ts';
import { startS3Server } from './s3-server/server.ts';

const USAGE = `npm run recover -- [options]              list the backups in S3, without DynamoDB
npm run recover -- <backup|session> <file> [options]   write a backup's disk to a raw file

S3 and the key are needed, nothing else. Without the key nothing can be read.
  --home <folder>       local mode's state (default: .holdfast); its S3 server must not be running,
                        or is given by --endpoint
  --bucket <name>       an S3 bucket, with the usual AWS_* credentials and region
  --endpoint <url>      another S3 endpoint
  --key-file <file>     the master key (default: <home>/keys/master.key)
  --kms-key <id>        the KMS key, instead of a key file
  --json                one JSON object`;

interface Source {
  objects: ObjectStore;
  keys: KeyProvider;
  close: () => Promise<void>;
}

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      home: { type: 'string' },
      bucket: { type: 'string' },
      endpoint: { type: 'string' },
      'key-file': { type: 'string' },
      'kms-key': { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [id, file] = positionals;
  if (values.help || positionals.length === 1 || positionals.length > 2) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const source = await openSource(values);
  try {
    const backups = await listRecoverable(source);
    if (id === undefined || file === undefined) {
      print(backups, values.json ?? false);
      const unreadable = backups.filter(({ state }) => state === 'unreadable').length;
      if (unreadable > 0) console.error(`${unreadable} of ${backups.length} cannot be read.`);
      return unreadable === 0 ? 0 : 1;
    }
    return await recover(backups, id, file, source, values.json ?? false);
  } finally {
    await source.close();
  }
};

const openSource = async (values: {
  home?: string;
  bucket?: string;
  endpoint?: string;
  'key-file'?: string;
  'kms-key'?: string;
}): Promise<Source> => {
  const home = values.home === undefined ? homeFolder() : resolve(values.home);
  const keys = values['kms-key']
    ? kmsKeyProvider(new KMSClient({ maxAttempts: 4 }), values['kms-key'])
    : fileKeyProvider({ path: values['key-file'] ?? masterKeyFile(home), create: false });
  if (values.bucket === undefined && values.endpoint === undefined)
    return { ...(await openLocalStore(home)), keys };
  const client = new S3Client(s3ClientOptions(values.endpoint));
  const objects = s3ObjectStore(client, values.bucket ?? BUCKET);
  return { objects, keys, close: async () => client.destroy() };
};

/**
 * A home's own S3, served to this process alone. Nothing of the home but its `s3` folder is needed.
 */
const openLocalStore = async (home: string): Promise<Pick<Source, 'objects' | 'close'>> => {
  const dir = s3Folder(home);
  if (!existsSync(dir))
    throw new Error(`There is no local S3 in ${home}; name a --bucket or a --home.`);
  const release = await takeHome(home);
  await endLeftovers(home);
  const [accessKeyId, secretAccessKey] = ['recover', randomUUID()];
  const server = await startS3Server({
    dir,
    port: 0,
    credentials: { [accessKeyId]: secretAccessKey },
  });
  const client = new S3Client({
    ...s3ClientOptions(server.url),
    region: REGION,
    credentials: { accessKeyId, secretAccessKey },
  });
  const close = async () => {
    client.destroy();
    await server.close();
    release();
  };
  return { objects: s3ObjectStore(client, BUCKET), close };
};

const print = (backups: Recoverable[], json: boolean): void => {
  const rows = backups.map(({ vaultId, sessionId, state, manifest, reason }) => ({
    backup: manifest?.backupId ?? '?',
    session: sessionId,
    vault: vaultId,
    disk: manifest?.disk.name ?? '?',
    sizeBytes: manifest?.disk.sizeBytes ?? 0,
    created: manifest === undefined ? '?' : new Date(manifest.createdAtMs).toISOString(),
    state,
    ...(reason === undefined ? {} : { reason }),
  }));
  if (json) console.log(JSON.stringify({ backups: rows }));
  else if (rows.length === 0) console.log('There are no backups.');
  else
    for (const { created, state, backup, sizeBytes, disk, reason } of rows) {
      const what = `${created}  ${state.padEnd(10)}  ${backup}  ${sizeBytes} bytes  ${disk}`;
      console.log(reason === undefined ? what : `${what}  (${reason})`);
    }
};

const recover = async (
  backups: Recoverable[],
  id: string,
  file: string,
  source: Source,
  json: boolean,
): Promise<number> => {
  const backup = backups.find(
    ({ manifest, sessionId }) => manifest?.backupId === id || sessionId === id,
  );
  if (backup?.manifest === undefined)
    throw new Error(backup?.reason ?? `There is no backup ${id}.`);
  const { sizeBytes } = backup.manifest.disk;
  const pool = threadPool(new URL('../lib/engine/pool/worker.ts', import.meta.url));
  const handle = await open(file, 'wx');
  const bar = progressBar('recover', json);
  let done = 0;
  try {
    await handle.truncate(sizeBytes);
    await recoverDisk(backup, rawFile(handle, sizeBytes), { ...source, pool }, (bytes) => {
      done += bytes;
      bar(Math.min(100, Math.floor((100 * done) / sizeBytes)));
    });
    await handle.sync();
  } catch (error) {
    // A file that is not whole must not be taken for the disk.
    await rm(file);
    throw error;
  } finally {
    await handle.close();
    await pool.close();
  }
  const facts = { backup: backup.manifest.backupId, file, sizeBytes, state: backup.state };
  console.log(
    json
      ? JSON.stringify(facts)
      : `Wrote ${sizeBytes} bytes of backup ${facts.backup} (${backup.state}) to ${file}.`,
  );
  return 0;
};

/** Blocks at their places in a sparse file; the padding of the tail is cut off. */
const rawFile = (handle: FileHandle, sizeBytes: number): Pick<Disks, 'writeBlocks'> => ({
  writeBlocks: async (_, from, blocks) => {
    const at = from * BLOCK_BYTES;
    const length = Math.min(blocks.length, sizeBytes - at);
    const { bytesWritten } = await handle.write(blocks, 0, length, at);
    if (bytesWritten !== length)
      throw new Error(`The disk took ${bytesWritten} of ${length} bytes.`);
  },
});

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
