import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** What local mode remembers: who may call it, and the keys of its own S3. */
export interface LocalIdentity {
  projectId: string;
  token: string;
  s3: { accessKeyId: string; secretAccessKey: string };
}

/** The folder of local mode's state; `HOLDFAST_HOME`, or `.holdfast` here. */
export const homeFolder = (): string => resolve(process.env['HOLDFAST_HOME'] ?? '.holdfast');

const identityFile = (home: string): string => join(home, 'identity.json');

/** The identity of an existing home; a plain error when local mode never ran there. */
export const readIdentity = async (home: string): Promise<LocalIdentity> => {
  if (!existsSync(identityFile(home))) {
    throw new Error(`There is no Holdfast in ${home}. Start it first: npm start`);
  }
  return JSON.parse(await readFile(identityFile(home), 'utf8')) as LocalIdentity;
};

/** The identity of a home, made at the first start: readable by its owner alone, written once. */
export const ensureIdentity = async (
  home: string,
): Promise<{ identity: LocalIdentity; isNew: boolean }> => {
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (existsSync(identityFile(home))) return { identity: await readIdentity(home), isNew: false };
  const identity: LocalIdentity = {
    projectId: randomUUID().replaceAll('-', ''),
    token: randomBytes(32).toString('base64url'),
    s3: {
      accessKeyId: `LOCAL${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64url'),
    },
  };
  await writeDurably(identityFile(home), `${JSON.stringify(identity, null, 2)}\n`);
  return { identity, isNew: true };
};

/** Whole or not at all, also after a power cut. */
export const writeDurably = async (file: string, text: string): Promise<void> => {
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
