import { HoldfastError } from '../errors.ts';
import { decodeKeyObject, encodeKeyObject, encodeVaultFile } from '../format/documents.ts';
import { vaultFileKey, vaultKeyKey } from '../format/object-keys.ts';
import type { Vault, WrappedKey } from '../model/vault.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { KeyProvider } from '../ports/key-provider.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { isStored } from './is-stored.ts';

/** 256 bits: AES-256 and HMAC-SHA-256 keys are derived from it. */
const VAULT_KEY_BYTES = 32;

/**
 * Writes what a new vault's objects begin with: its first key, wrapped, and `vault.json`. The key
 * object is read back and unwrapped before the vault may be used: a vault whose key cannot be
 * opened must not take a backup (docs/format/v1.md).
 */
export const prepareVault = async (
  vault: { projectId: string; vaultId: string; keyId: string; name: string },
  ports: { objects: ObjectStore; keys: KeyProvider; ids: Ids; clock: Clock },
): Promise<WrappedKey> => {
  const { projectId, vaultId, keyId, name } = vault;
  const plain = ports.ids.bytes(VAULT_KEY_BYTES);
  const createdAtMs = ports.clock.nowMs();
  const key: WrappedKey = {
    vaultId,
    keyId,
    provider: ports.keys.name,
    wrapped: await ports.keys.wrap(plain, { vaultId }),
    createdAtMs,
  };
  const at = vaultKeyKey(vault, keyId);
  await ports.objects.put(at, encodeKeyObject(key));
  const stored = decodeKeyObject((await ports.objects.get(at)).bytes);
  const opened = await ports.keys.unwrap(stored.wrapped, { vaultId });
  if (Buffer.compare(opened, plain) !== 0) {
    throw new HoldfastError('bug', { reason: `key ${keyId} does not unwrap to itself` });
  }
  await ports.objects.put(
    vaultFileKey(vault),
    encodeVaultFile({ projectId, vaultId, name, createdAtMs }),
  );
  return key;
};

/**
 * Puts a vault's key and `vault.json` where they are missing: S3 forgets a vault that is deleted,
 * and a catalog of an earlier time has it again. What is backed up without them is not recoverable.
 */
export const putMissingDocuments = async (
  { projectId, id: vaultId, name, keyId, createdAtMs }: Vault,
  { objects, catalog }: { objects: ObjectStore; catalog: Pick<Catalog, 'vaults'> },
): Promise<void> => {
  const vault = { projectId, vaultId };
  const keyAt = vaultKeyKey(vault, keyId);
  if (!(await isStored(keyAt, objects)))
    await objects.put(keyAt, encodeKeyObject(await catalog.vaults.key(vaultId, keyId)));
  const fileAt = vaultFileKey(vault);
  if (!(await isStored(fileAt, objects)))
    await objects.put(fileAt, encodeVaultFile({ ...vault, name, createdAtMs }));
};
