import {
  backupsPrefix,
  packsPrefix,
  parseBackupKey,
  parsePackKey,
  type VaultAddress,
  vaultPrefix,
} from '../format/object-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** The objects of one session. */
export interface SessionObjects {
  hasManifest: boolean;
  isCommitted: boolean;
  /** In order of their keys: marker and manifest before the segments, which have `random`. */
  objects: { key: string; sizeBytes: number; random?: string }[];
}

/** A vault's packs and what its sessions wrote, as the store lists them. */
export interface VaultObjects {
  packs: Map<string, { key: string; sizeBytes: number }>;
  sessions: Map<string, SessionObjects>;
  /** Bytes of all of them. */
  usedBytes: number;
}

/** Lists a vault. Memory: a key for each object; a vault of 100 TiB has some millions. */
export const listVaultObjects = async (
  vault: VaultAddress,
  objects: Pick<ObjectStore, 'list'>,
): Promise<VaultObjects> => {
  const found: VaultObjects = { packs: new Map(), sessions: new Map(), usedBytes: 0 };
  for await (const object of objects.list(packsPrefix(vault))) {
    const pack = parsePackKey(object.key);
    found.usedBytes += object.sizeBytes;
    if (pack !== null) found.packs.set(pack.packId, object);
  }
  for await (const object of objects.list(backupsPrefix(vault))) {
    const parsed = parseBackupKey(object.key);
    found.usedBytes += object.sizeBytes;
    if (parsed === null) continue;
    const { sessionId, part, random } = parsed;
    const own = found.sessions.get(sessionId) ?? newSession();
    found.sessions.set(sessionId, own);
    own.hasManifest ||= part === 'manifest';
    own.isCommitted ||= part === 'committed';
    own.objects.push(random === undefined ? object : { ...object, random });
  }
  return found;
};

const newSession = (): SessionObjects => ({ hasManifest: false, isCommitted: false, objects: [] });

/** Deletes all that is stored of a vault, its keys too. */
export const deleteVaultObjects = async (
  { projectId, vaultId }: VaultAddress,
  objects: Pick<ObjectStore, 'list' | 'delete'>,
): Promise<void> => {
  const left = await Array.fromAsync(objects.list(vaultPrefix(projectId, vaultId)));
  await objects.delete(left.map(({ key }) => key));
};
