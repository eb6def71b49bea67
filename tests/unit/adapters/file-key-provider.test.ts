import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileKeyProvider } from '../../../lib/adapters/local/file-key-provider.ts';
import { memoryKeyProvider } from '../../../lib/adapters/memory/memory-key-provider.ts';
import { SOME, someBytes } from '../../support/some-stored.ts';

const { vaultId, vaultKey } = SOME;
const code = (name: string) => expect.objectContaining({ code: name });

describe('fileKeyProvider', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-key-'));
    path = join(folder, 'master.key');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('makes a file of 32 bytes for its owner alone, once', async () => {
    const providers = Array.from({ length: 8 }, () => fileKeyProvider({ path, create: true }));
    const blobs = await Promise.all(providers.map((one) => one.wrap(vaultKey, { vaultId })));
    expect(await readdir(folder)).toEqual(['master.key']);
    const { mode, size } = await stat(path);
    expect({ mode: mode & 0o777, size }).toEqual({ mode: 0o600, size: 32 });
    const last = fileKeyProvider({ path, create: false });
    for (const blob of blobs) {
      expect(new Uint8Array(await last.unwrap(blob, { vaultId }))).toEqual(vaultKey);
    }
  });

  it('never makes a file where it may not, and looks again later', async () => {
    const provider = fileKeyProvider({ path, create: false });
    await expect(provider.wrap(vaultKey, { vaultId })).rejects.toThrow(code('key.missing'));
    expect(await readdir(folder)).toEqual([]);
    await writeFile(path, someBytes('master', 32), { mode: 0o600 });
    await expect(provider.wrap(vaultKey, { vaultId })).resolves.toHaveLength(76);
  });

  it.each([0o640, 0o604, 0o660, 0o602])('refuses a file of mode %o', async (mode) => {
    await writeFile(path, someBytes('master', 32));
    await chmod(path, mode);
    const provider = fileKeyProvider({ path, create: true });
    await expect(provider.wrap(vaultKey, { vaultId })).rejects.toThrow(
      `others may access it (mode ${mode.toString(8)})`,
    );
  });

  it.each([0, 31, 33])('refuses a file of %i bytes, and leaves it alone', async (size) => {
    await writeFile(path, someBytes('master', size), { mode: 0o600 });
    const provider = fileKeyProvider({ path, create: true });
    await expect(provider.wrap(vaultKey, { vaultId })).rejects.toThrow(code('config.invalid'));
    expect(await readFile(path)).toHaveLength(size);
  });

  it('says that a file cannot be read', async () => {
    const provider = fileKeyProvider({ path: folder, create: true });
    await chmod(folder, 0o700);
    await expect(provider.wrap(vaultKey, { vaultId })).rejects.toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^(config\.invalid|key\.unavailable)$/),
      }),
    );
  });

  it('writes the wrapped form of section 7', async () => {
    const master = someBytes('master', 32);
    await writeFile(path, master, { mode: 0o600 });
    const blob = Buffer.from(
      await fileKeyProvider({ path, create: false }).wrap(vaultKey, { vaultId }),
    );
    expect(blob.subarray(0, 16).toString('hex')).toBe('4846574b01000000aad17d8adb659b21');
    const again = await memoryKeyProvider(master).unwrap(blob, { vaultId });
    expect(new Uint8Array(again)).toEqual(vaultKey);
  });

  it('reads what earlier releases wrapped', async () => {
    await writeFile(path, someBytes('master', 32), { mode: 0o600 });
    const blob = Buffer.from(
      '4846574b01000000aad17d8adb659b210aead306cbbb9908b116a8354362f7be005aa006844e5ea8' +
        '8ce7fced8af5920549a16c18d0c6a8129b580915cb65fbabc739d01444c73d591e714b33',
      'hex',
    );
    const plain = await fileKeyProvider({ path, create: false }).unwrap(blob, { vaultId });
    expect(new Uint8Array(plain)).toEqual(vaultKey);
  });
});
