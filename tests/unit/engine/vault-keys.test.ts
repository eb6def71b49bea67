import { expect, it } from '@jest/globals';
import { memoryKeyProvider } from '../../../lib/adapters/memory/memory-key-provider.ts';
import { vaultKeys } from '../../../lib/engine/vault-keys.ts';
import { HoldfastError } from '../../../lib/errors.ts';
import { SOME } from '../../support/some-stored.ts';

const { vaultId, keyId, vaultKey } = SOME;
const keys = memoryKeyProvider(new Uint8Array(32).fill(1));

const stored = async (provider = keys.name) => {
  const wrapped = await keys.wrap(vaultKey, { vaultId });
  let reads = 0;
  const failures: HoldfastError[] = [];
  const key = async () => {
    reads++;
    const failure = failures.shift();
    if (failure) throw failure;
    return { vaultId, keyId, provider, wrapped, createdAtMs: 0 };
  };
  return { vaults: { key }, reads: () => reads, failures };
};

it('unwraps a key once, however often and at once it is asked for', async () => {
  const { vaults, reads } = await stored();
  const known = vaultKeys(vaultId, { vaults, keys });
  const [a, b] = await Promise.all([known.get(keyId), known.get(keyId)]);
  expect(Buffer.compare(a, vaultKey)).toBe(0);
  expect(b).toBe(a);
  expect(await known.get(keyId)).toBe(a);
  expect(reads()).toBe(1);
});

it('does not remember a failure', async () => {
  const { vaults, failures } = await stored();
  failures.push(new HoldfastError('catalog.unavailable', { operation: 'key' }));
  const known = vaultKeys(vaultId, { vaults, keys });
  await expect(known.get(keyId)).rejects.toMatchObject({ code: 'catalog.unavailable' });
  expect(Buffer.compare(await known.get(keyId), vaultKey)).toBe(0);
});

it('refuses a key that another provider wrapped, or wrapped for another vault', async () => {
  const foreign = await stored('kms');
  await expect(vaultKeys(vaultId, { ...foreign, keys }).get(keyId)).rejects.toMatchObject({
    code: 'format.wrong-key',
  });
  const { vaults } = await stored();
  await expect(vaultKeys(SOME.otherId, { vaults, keys }).get(keyId)).rejects.toMatchObject({
    code: 'format.wrong-key',
  });
});
