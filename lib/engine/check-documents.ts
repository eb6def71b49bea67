import { HoldfastError, isError } from '../errors.ts';
import { decodeCommitMarker, decodeKeyObject, decodeVaultFile } from '../format/documents.ts';
import type { Manifest } from '../format/manifest.ts';
import { commitMarkerKey, vaultFileKey, vaultKeyKey } from '../format/object-keys.ts';
import type { KeyProvider } from '../ports/key-provider.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { VaultKeys } from './vault-keys.ts';

/**
 * Checks the small objects that a recovery without the catalog would need besides manifest,
 * segments and packs: `vault.json`, the vault's key, the commit marker if there is one. The stored
 * key must unwrap to the very key the catalog's copy unwraps to. Else `backup.damaged`.
 */
export const checkDocuments = async (
  manifest: Manifest,
  ports: { objects: ObjectStore; keys: KeyProvider; vaultKeys: VaultKeys },
): Promise<void> => {
  const { vaultId, keyId, backupId } = manifest;
  const check = async (key: string, verify: (bytes: Uint8Array) => Promise<boolean>) => {
    let reason = 'it is not the one of this vault';
    try {
      if (await verify((await ports.objects.get(key)).bytes)) return;
    } catch (cause) {
      if (!isError(cause, ...DAMAGE)) throw cause;
      reason = cause.message;
    }
    throw new HoldfastError('backup.damaged', { backupId, reason: `${key}: ${reason}` });
  };
  await check(vaultFileKey(manifest), async (bytes) => decodeVaultFile(bytes).vaultId === vaultId);
  await check(vaultKeyKey(manifest, keyId), async (bytes) => {
    const stored = await ports.keys.unwrap(decodeKeyObject(bytes).wrapped, { vaultId });
    return Buffer.compare(stored, await ports.vaultKeys.get(keyId)) === 0;
  });
  const marker = await findMarker(manifest, ports.objects);
  if (marker !== null) {
    await check(marker, async (bytes) => decodeCommitMarker(bytes).backupId === backupId);
  }
};

/** Denied or unavailable is not damaged: the object may be as good as new. */
const DAMAGE = [
  'store.object-missing',
  'format.malformed',
  'format.unsupported',
  'format.wrong-key',
] as const;

/** The marker is written after the commit: it may be absent. */
const findMarker = async (manifest: Manifest, objects: ObjectStore): Promise<string | null> => {
  const key = commitMarkerKey(manifest, manifest.sessionId);
  for await (const found of objects.list(key)) if (found.key === key) return key;
  return null;
};
