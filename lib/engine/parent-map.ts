import { isError } from '../errors.ts';
import type { Manifest } from '../format/manifest.ts';
import type { SegmentEntry } from '../format/segment.ts';
import type { Backup } from '../model/backup.ts';
import { blockCount, segmentCount } from '../model/block.ts';
import type { SegmentReference } from '../model/session.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readManifest, readSegment } from './read-manifest.ts';
import type { VaultKeys } from './vault-keys.ts';

/** A segment of the parent: its entries, and the reference under which it is stored. */
export interface ParentSegment {
  entries: SegmentEntry[];
  reference: SegmentReference;
}

/** What the parent backup says about the disk. */
export interface ParentMap {
  snapshotId: string;
  sizeBytes: number;
  /** Blocks the parent has. */
  blocks: number;
  /** `null` where the parent has no such segment, or its map is damaged: read everything there. */
  segment(number: number): Promise<ParentSegment | null>;
}

/**
 * Opens the parent's map. A parent that cannot be read is no parent: the backup gets slower, never
 * wrong (ARCHITECTURE.md, "Life of a block"). An outage of the store is an error all the same.
 */
export const openParent = async (
  parent: Backup,
  ports: { objects: ObjectStore; vaultKeys: VaultKeys },
): Promise<ParentMap | null> => {
  const manifest = await unlessDamaged(() => readManifest(parent, ports));
  return manifest === null ? null : toMap(manifest, ports);
};

const toMap = (
  manifest: Manifest,
  ports: { objects: ObjectStore; vaultKeys: VaultKeys },
): ParentMap => ({
  snapshotId: manifest.snapshotId,
  sizeBytes: manifest.disk.sizeBytes,
  blocks: blockCount(manifest.disk.sizeBytes),
  segment: async (number) => {
    const reference = manifest.segments[number];
    if (number >= segmentCount(manifest.disk.sizeBytes) || reference === undefined) return null;
    const entries = await unlessDamaged(() => readSegment(manifest, number, ports));
    return entries === null ? null : { entries, reference };
  },
});

const unlessDamaged = async <T>(read: () => Promise<T>): Promise<T | null> => {
  try {
    return await read();
  } catch (error) {
    if (isError(error, 'backup.damaged')) return null;
    throw error;
  }
};
