import { isError } from '../errors.ts';
import type { Backup } from '../model/backup.ts';
import { readManifest, readSegment } from './read-manifest.ts';
import type { PackReading } from './read-packs.ts';

type Reading = Pick<PackReading, 'objects' | 'vaultKeys'>;

/**
 * Which of `backups` name one of `packIds`, or cannot be read at all. Segments that several backups
 * share are read once. Costs a read of every map of the vault; it runs only when damage was found.
 */
export const findAffected = async (
  backups: AsyncIterable<Backup>,
  packIds: ReadonlySet<string>,
  reading: Reading,
): Promise<Backup[]> => {
  const affected: Backup[] = [];
  const known = new Map<string, boolean>();
  for await (const backup of backups) {
    if (await namesAny(backup, packIds, known, reading)) affected.push(backup);
  }
  return affected;
};

const namesAny = async (
  backup: Backup,
  packIds: ReadonlySet<string>,
  known: Map<string, boolean>,
  reading: Reading,
): Promise<boolean> => {
  // A backup that was cancelled is HIDDEN and has no map.
  if (backup.manifest === undefined) return false;
  try {
    const manifest = await readManifest(backup, reading);
    for (const [number, reference] of manifest.segments.entries()) {
      if (reference === null) continue;
      const key = `${reference.sessionId}/${reference.random}`;
      const names =
        known.get(key) ??
        (await readSegment(manifest, number, reading)).some(
          (entry) => entry !== null && packIds.has(entry.packId),
        );
      known.set(key, names);
      if (names) return true;
    }
    return false;
  } catch (error) {
    if (isError(error, 'backup.damaged')) return true;
    throw error;
  }
};
