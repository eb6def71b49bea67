import { randomBytes } from 'node:crypto';
import { link, open, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import type { KeyProvider } from '../../ports/key-provider.ts';
import { MASTER_KEY_BYTES, masterKeyProvider } from './master-key.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/**
 * Wraps vault keys with a master key of 32 bytes in a file that only its owner may read. Whoever
 * loses the file loses the backups; whoever has it and the bucket can read them.
 *
 * @param options.create makes the file, with a new key, when there is none. Else `key.missing`.
 */
export function fileKeyProvider(options: { path: string; create: boolean }): KeyProvider {
  let loading: Promise<Uint8Array> | undefined;
  return masterKeyProvider('file', () => {
    loading ??= load(options).catch((error: unknown) => {
      loading = undefined; // the next use tries again
      throw error;
    });
    return loading;
  });
}

async function load({ path, create }: { path: string; create: boolean }): Promise<Uint8Array> {
  try {
    return await readKey(path).catch(async (error: unknown) => {
      if (!create || codeOf(error) !== 'ENOENT') throw error;
      await createKey(path);
      return await readKey(path);
    });
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    if (codeOf(cause) === 'ENOENT') {
      throw new HoldfastError('key.missing', { what: `key file ${path}` }, { cause });
    }
    throw new HoldfastError('key.unavailable', { keyId: path }, { cause });
  }
}

async function readKey(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { mode, size } = await file.stat();
    if ((mode & OTHERS) !== 0) {
      const reason = `others may access it (mode ${(mode & 0o777).toString(8)}); set it to 600`;
      throw new HoldfastError('config.invalid', { name: `key file ${path}`, reason });
    }
    if (size !== MASTER_KEY_BYTES) {
      const reason = `it has ${size} bytes, not ${MASTER_KEY_BYTES}`;
      throw new HoldfastError('config.invalid', { name: `key file ${path}`, reason });
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/**
 * Whole and durable, or not at all: the key is written beside its place and then linked there,
 * which fails when another process was first. Its key is the one that counts then.
 */
async function createKey(path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.new`;
  const key = randomBytes(MASTER_KEY_BYTES);
  try {
    await writeFile(temporary, key, { flag: 'wx', mode: OWNER_ONLY, flush: true });
    await link(temporary, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
