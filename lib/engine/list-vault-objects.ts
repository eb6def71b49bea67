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
}

/** Lists a vault. Memory: a key for each object; a vault of 100 TiB has some millions. */
export const listVaultObjects = async (
  vault: VaultAddress,
  objects: Pick<ObjectStore, 'list'>,
): Promise<VaultObjects> => {
  const found: VaultObjects = { packs: new Map(), sessions: new Map() };
  for await (const object of objects.list(packsPrefix(vault))) {
    const pack = parsePackKey(object.key);
    if (pack !== null) found.packs.set(pack.packId, object);
  }
  for await (const object of objects.list(backupsPrefix(vault))) {
    const parsed = parseBackupKey(object.key);
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

/** Bytes of packs and segments, which a vault's used bytes are; of all of them by default. */
export const storedBytes = (
  { packs, sessions }: VaultObjects,
  counts = {
    pack: (_packId: string): boolean => true,
    segment: (_random: string, _sessionId: string): boolean => true,
  },
): number => {
  let sum = 0;
  for (const [packId, { sizeBytes }] of packs) if (counts.pack(packId)) sum += sizeBytes;
  for (const [sessionId, { objects }] of sessions)
    for (const { random, sizeBytes } of objects)
      if (random !== undefined && counts.segment(random, sessionId)) sum += sizeBytes;
  return sum;
};

/** Deletes all that is stored of a vault, its keys too. */
export const deleteVaultObjects = async (
  { projectId, vaultId }: VaultAddress,
  objects: Pick<ObjectStore, 'list' | 'delete'>,
): Promise<void> => {
  const left = await Array.fromAsync(objects.list(vaultPrefix(projectId, vaultId)));
  await objects.delete(left.map(({ key }) => key));
};
