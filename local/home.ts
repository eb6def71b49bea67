import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileKeyProvider } from '../lib/adapters/local/file-key-provider.ts';
import { type Release, takeLock } from '../lib/adapters/local/local-disks-lock.ts';

/** What local mode remembers: who may call it, and the keys of its own S3. */
export interface LocalIdentity {
  projectId: string;
  token: string;
  s3: { accessKeyId: string; secretAccessKey: string };
}

/** The folder of the program, whatever the working directory. */
export const PROGRAM = resolve(import.meta.dirname, '..');

/** The folder of local mode's state: `HOLDFAST_HOME`, or `.holdfast` beside the program. */
export const homeFolder = (): string =>
  resolve(process.env['HOLDFAST_HOME'] || join(PROGRAM, '.holdfast'));

/** The region that local mode plays, and the bucket of its S3. */
export const REGION = 'eu-west-1';
export const BUCKET = 'holdfast';
/** Names of the tables, by kind; serverless.yml has the same. */
export const TABLES = { catalog: 'catalog', blocks: 'blocks' } as const;

/** Where a home keeps what. */
export const disksFolder = (home: string): string => join(home, 'disks');
export const s3Folder = (home: string): string => join(home, 's3');
export const logsFolder = (home: string): string => join(home, 'logs');
export const masterKeyFile = (home: string): string => join(home, 'keys', 'master.key');
/** By how much local mode's clock is ahead of the machine's; absent until somebody moves it. */
export const clockFile = (home: string): string => join(home, 'clock');
export const identityFile = (home: string): string => join(home, 'identity.json');

/** The identity of an existing home; a plain error when local mode never ran there. */
export const readIdentity = async (home: string): Promise<LocalIdentity> => {
  if (!existsSync(identityFile(home))) {
    throw new Error(`There is no Holdfast in ${home}. Start it first: npm start`);
  }
  try {
    return JSON.parse(await readFile(identityFile(home), 'utf8')) as LocalIdentity;
  } catch (cause) {
    throw new Error(`${identityFile(home)} cannot be read: ${(cause as Error).message}`, { cause });
  }
};

/**
 * Makes this process the only one that runs local mode in a home, or changes it as a whole. The
 * kernel gives the home back when the process ends, however it ends.
 */
export const takeHome = async (home: string): Promise<Release> => {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const release = await takeLock(join(home, 'running.lock'), 'exclusive', 0);
  if (release === null)
    throw new Error(`Holdfast runs in ${home} already. Stop it, or set HOLDFAST_HOME.`);
  return release;
};

/**
 * The identity of a home and its master key, made at the first start. The key comes first: a home
 * with an identity has had a key, and when that is lost it must not get another one, since its
 * backups could never be opened again.
 */
export const ensureIdentity = async (
  home: string,
): Promise<{ identity: LocalIdentity; isNew: boolean }> => {
  const isNew = !existsSync(identityFile(home));
  const path = masterKeyFile(home);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await fileKeyProvider({ path, create: isNew }).wrap(new Uint8Array(32), { vaultId: 'start' });
  if (!isNew) return { identity: await readIdentity(home), isNew };
  const identity: LocalIdentity = {
    projectId: randomUUID().replaceAll('-', ''),
    token: randomBytes(32).toString('base64url'),
    s3: {
      accessKeyId: `LOCAL${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64url'),
    },
  };
  await writeDurably(identityFile(home), `${JSON.stringify(identity, null, 2)}\n`);
  return { identity, isNew };
};

/** Readable by its owner alone; whole or not at all, also after a power cut. */
const writeDurably = async (file: string, text: string): Promise<void> => {
  const temporary = `${file}.${randomUUID()}`;
  const handle = await open(temporary, 'wx', 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await handle.close();
  await rename(temporary, file);
  const folder = await open(dirname(file));
  await folder.sync();
  await folder.close();
};
