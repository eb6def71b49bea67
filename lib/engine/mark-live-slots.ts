import { isError } from '../errors.ts';
import type { Manifest } from '../format/manifest.ts';
import type { Backup } from '../model/backup.ts';
import { PACK_SLOTS_MAX, setSlot } from '../model/pack.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readManifest, readSegment } from './read-manifest.ts';
import { runLanes } from './run-lanes.ts';
import type { VaultKeys } from './vault-keys.ts';

/** Roots read at once, and segments at once of each: 32 small requests hide their latency. */
export const MARK_LIMITS = { roots: 8, segments: 4 };

/**
 * What the roots of a vault keep. Memory: 32 bytes and a name for each pack, a name for each
 * segment, whatever the number of roots that share them.
 */
export interface Mark {
  /** By pack: bit n = slot n is named by a root (little-endian bit order, 32 bytes). */
  live: Map<string, Uint8Array>;
  /** Random parts of the segments that roots name. */
  segments: Set<string>;
  /** Sessions whose manifest is a root's. */
  manifests: Set<string>;
  /** Roots that are deleted for their callers, with their manifest or without. */
  hidden: Backup[];
  /** Roots whose map cannot be read. While there is one, nobody knows what is dead. */
  unreadable: { backupId: string; reason: string }[];
}

/**
 * Reads every root's manifest and segments, each segment once. `roots` must have been asked for
 * after the OPEN sessions were read (rule R7). An outage is thrown; damage is in `unreadable`.
 */
export const markLiveSlots = async (
  roots: AsyncIterable<Backup>,
  reading: { objects: ObjectStore; vaultKeys: VaultKeys },
  limits = MARK_LIMITS,
): Promise<Mark> => {
  const mark: Mark = {
    live: new Map(),
    segments: new Set(),
    manifests: new Set(),
    hidden: [],
    unreadable: [],
  };
  await runLanes(roots[Symbol.asyncIterator](), limits.roots, async (root) => {
    if (root.root === 'HIDDEN') mark.hidden.push(root);
    // A backup that was cancelled is HIDDEN and has no map.
    if (root.manifest === undefined) return;
    mark.manifests.add(root.manifest.sessionId);
    try {
      await markRoot(mark, await readManifest(root, reading), reading, limits);
    } catch (error) {
      if (!isError(error, 'backup.damaged')) throw error;
      mark.unreadable.push({ backupId: root.id, reason: error.message });
    }
  });
  return mark;
};

const markRoot = async (
  mark: Mark,
  manifest: Manifest,
  reading: { objects: ObjectStore; vaultKeys: VaultKeys },
  limits: typeof MARK_LIMITS,
): Promise<void> => {
  const unread = function* (): Generator<number> {
    for (const [number, reference] of manifest.segments.entries()) {
      if (reference === null || mark.segments.has(reference.random)) continue;
      mark.segments.add(reference.random);
      yield number;
    }
  };
  await runLanes(unread(), limits.segments, async (number) => {
    for (const entry of await readSegment(manifest, number, reading)) {
      if (entry !== null) markSlot(mark.live, entry.packId, entry.slot);
    }
  });
};

const markSlot = (live: Map<string, Uint8Array>, packId: string, slot: number): void => {
  const bits = live.get(packId) ?? new Uint8Array(PACK_SLOTS_MAX / 8);
  live.set(packId, bits);
  setSlot(bits, slot);
};
