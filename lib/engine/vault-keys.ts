import { HoldfastError } from '../errors.ts';
import type { VaultCatalog } from '../ports/catalog.ts';
import type { KeyProvider } from '../ports/key-provider.ts';

/**
 * The plain keys of one vault, unwrapped when first asked for, and known no longer than the caller.
 */
export interface VaultKeys {
  get(keyId: string): Promise<Uint8Array>;
}

/**
 * Keys from the catalog's copy. `format.wrong-key` when the key was wrapped by another provider,
 * `key.missing` when the vault has no such key.
 */
export const vaultKeys = (
  vaultId: string,
  ports: { vaults: Pick<VaultCatalog, 'key'>; keys: KeyProvider },
): VaultKeys => {
  const known = new Map<string, Promise<Uint8Array>>();
  const unwrap = async (keyId: string): Promise<Uint8Array> => {
    const wrapped = await ports.vaults.key(vaultId, keyId);
    if (wrapped.provider !== ports.keys.name) {
      throw new HoldfastError('format.wrong-key', {
        what: `key of provider ${wrapped.provider}`,
        keyId,
      });
    }
    return ports.keys.unwrap(wrapped.wrapped, { vaultId });
  };
  return {
    get: (keyId) => {
      const found = known.get(keyId) ?? unwrap(keyId);
      known.set(keyId, found);
      // A failure is not remembered: the next caller tries again.
      found.catch(() => known.delete(keyId));
      return found;
    },
  };
};
