import { HoldfastError, isError } from '../errors.ts';
import { decodeKeyObject, decodeVaultFile, type VaultFile } from '../format/documents.ts';
import {
  keysPrefix,
  parseVaultKey,
  type VaultAddress,
  vaultFileKey,
} from '../format/object-keys.ts';
import type { WrappedKey } from '../model/vault.ts';
import type { KeyProvider } from '../ports/key-provider.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** What the objects say of a vault itself. */
export interface StoredVault {
  /** `null` when it is missing or damaged: nothing in it is needed to read backups. */
  file: VaultFile | null;
  /** Oldest first. Each was unwrapped once. */
  keys: WrappedKey[];
}

/** The vaults that have objects, in order of their keys. Lists the whole bucket. */
export const listStoredVaults = async (
  objects: Pick<ObjectStore, 'list'>,
): Promise<VaultAddress[]> => {
  const found = new Map<string, VaultAddress>();
  for await (const { key } of objects.list('v1/')) {
    const vault = parseVaultKey(key);
    if (vault !== null) found.set(vault.vaultId, vault);
  }
  return [...found.values()];
};

/**
 * Reads a vault's file and its keys, and unwraps each of them: with another master key nothing
 * begins.
 *
 * @throws key.missing when the vault has no key; format.wrong-key; format.unsupported when the
 *   vault asks for more than this release knows
 */
export const readStoredVault = async (
  vault: VaultAddress,
  { objects, keys }: { objects: ObjectStore; keys: KeyProvider },
): Promise<StoredVault> => {
  const wrapped: WrappedKey[] = [];
  for await (const { key } of objects.list(keysPrefix(vault))) {
    const stored = decodeKeyObject((await objects.get(key)).bytes);
    await keys.unwrap(stored.wrapped, { vaultId: vault.vaultId });
    wrapped.push(stored);
  }
  if (wrapped.length === 0)
    throw new HoldfastError('key.missing', { what: `key of vault ${vault.vaultId} in S3` });
  const file = await readVaultFile(vault, objects);
  return { file, keys: wrapped.toSorted((a, b) => a.createdAtMs - b.createdAtMs) };
};

const readVaultFile = async (
  vault: VaultAddress,
  objects: ObjectStore,
): Promise<VaultFile | null> => {
  try {
    return decodeVaultFile((await objects.get(vaultFileKey(vault))).bytes);
  } catch (error) {
    if (!isError(error, 'store.object-missing', 'format.malformed')) throw error;
    return null;
  }
};
