import { type ErrorCode, HoldfastError, isError } from '../errors.ts';
import { decodeKeyObject } from '../format/documents.ts';
import { decodeManifest, type Manifest } from '../format/manifest.ts';
import {
  commitMarkerKey,
  manifestKey,
  parseManifestKey,
  vaultKeyKey,
} from '../format/object-keys.ts';
import type { Disks } from '../ports/disks.ts';
import type { KeyProvider } from '../ports/key-provider.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { BlockPool } from './pool/block-pool.ts';
import { hexSha256 } from './read-manifest.ts';
import { restoreBlocks } from './restore-blocks.ts';
import type { VaultKeys } from './vault-keys.ts';

/**
 * What is known of a backup without the catalog:
 * - `committed`: a commit marker says so, or a later backup inherited from it;
 * - `unknown`: it may have been committed, or given up just before; it restores all the same;
 * - `unreadable`: its manifest is damaged or is not sealed with this key.
 */
export interface Recoverable {
  projectId: string;
  vaultId: string;
  sessionId: string;
  state: 'committed' | 'unknown' | 'unreadable';
  manifest?: Manifest;
  /** Hex. */
  manifestSha256?: string;
  reason?: string;
}

interface RecoveryPorts {
  objects: ObjectStore;
  keys: KeyProvider;
}

/** Reads S3 and the key alone: every manifest in the bucket, oldest first. */
export const listRecoverable = async (ports: RecoveryPorts): Promise<Recoverable[]> => {
  const found: Recoverable[] = [];
  const markers = new Set<string>();
  for await (const { key } of ports.objects.list('v1/')) {
    const at = parseManifestKey(key);
    if (at !== null) {
      const reading = { objects: ports.objects, vaultKeys: storedVaultKeys(at, ports) };
      found.push(await readRecoverable(at, reading));
    } else if (key.endsWith('/committed')) markers.add(key);
  }
  const parents = parentSessions(found);
  for (const backup of found) {
    const proven =
      markers.has(commitMarkerKey(backup, backup.sessionId)) || parents.has(backup.sessionId);
    if (backup.state !== 'unreadable' && proven) backup.state = 'committed';
  }
  return found.toSorted((a, b) => (a.manifest?.createdAtMs ?? 0) - (b.manifest?.createdAtMs ?? 0));
};

/** Sessions that a later backup inherited from: only a committed one is ever a parent. */
export const parentSessions = (backups: Pick<Recoverable, 'manifest'>[]): Set<string> =>
  new Set(backups.flatMap(({ manifest }) => manifest?.parent?.sessionId ?? []));

const UNREADABLE: ErrorCode[] = [
  'format.malformed',
  'format.unsupported',
  'format.wrong-key',
  'key.missing',
  'store.object-missing',
];

/** A manifest as it is stored; its state is `unknown` or `unreadable`. */
export const readRecoverable = async (
  at: { projectId: string; vaultId: string; sessionId: string },
  { objects, vaultKeys }: { objects: ObjectStore; vaultKeys: VaultKeys },
): Promise<Recoverable> => {
  try {
    const { bytes } = await objects.get(manifestKey(at, at.sessionId));
    const { keyId } = decodeManifest(bytes, null);
    const manifest = decodeManifest(bytes, await vaultKeys.get(keyId));
    return { ...at, state: 'unknown', manifest, manifestSha256: hexSha256(bytes) };
  } catch (error) {
    // An outage, or a lost key, would make good backups look bad: it is not swallowed.
    if (!isError(error) || !UNREADABLE.includes(error.code)) throw error;
    return { ...at, state: 'unreadable', reason: error.message };
  }
};

/** Vault keys from their own objects, for when there is no catalog. */
export const storedVaultKeys = (
  vault: { projectId: string; vaultId: string },
  { objects, keys }: RecoveryPorts,
): VaultKeys => {
  const known = new Map<string, Promise<Uint8Array>>();
  const load = async (keyId: string): Promise<Uint8Array> => {
    const stored = decodeKeyObject((await objects.get(vaultKeyKey(vault, keyId))).bytes);
    return keys.unwrap(stored.wrapped, { vaultId: vault.vaultId });
  };
  return {
    get: (keyId) => {
      const key = known.get(keyId) ?? load(keyId);
      known.set(keyId, key);
      key.catch(() => known.delete(keyId));
      return key;
    },
  };
};

/**
 * Writes a backup's blocks to `target`, which must start as zeros and have the disk's size. Every
 * block is verified; damage is named and ends it.
 */
export const recoverDisk = async (
  { projectId, vaultId, manifest, reason }: Recoverable,
  target: Pick<Disks, 'writeBlocks'>,
  ports: RecoveryPorts & { pool: BlockPool },
  onProgress: (bytes: number) => void,
): Promise<void> => {
  if (manifest === undefined) {
    throw new HoldfastError('backup.damaged', {
      backupId: 'of this session',
      reason: reason ?? 'unreadable',
    });
  }
  const vaultKeys = storedVaultKeys({ projectId, vaultId }, ports);
  const reading = { ...ports, projectId, vaultId, vaultKeys, disks: target };
  const count = manifest.segments.length;
  for (let from = 0; from < count; from += WINDOW_SEGMENTS) {
    const range = { from, to: Math.min(count, from + WINDOW_SEGMENTS) };
    await restoreBlocks(manifest, range, manifest.sessionId, reading, onProgress);
  }
};

/** 8 GiB at a time: memory stays flat. */
const WINDOW_SEGMENTS = 8;
