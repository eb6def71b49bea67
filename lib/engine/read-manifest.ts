import { createHash } from 'node:crypto';
import { HoldfastError, isError } from '../errors.ts';
import { decodeManifest, type Manifest } from '../format/manifest.ts';
import { manifestKey, segmentKey } from '../format/object-keys.ts';
import { decodeSegment, readSegmentKeyId, type SegmentEntry } from '../format/segment.ts';
import type { Backup } from '../model/backup.ts';
import { SEGMENT_BLOCKS, segmentBlocks } from '../model/block.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { VaultKeys } from './vault-keys.ts';

interface Reading {
  objects: ObjectStore;
  vaultKeys: VaultKeys;
}

/**
 * The manifest of a committed backup: its bytes must have the SHA-256 that the catalog recorded and
 * carry a valid MAC. Else `backup.damaged`.
 */
export const readManifest = async (
  backup: Backup,
  { objects, vaultKeys }: Reading,
): Promise<Manifest> => {
  if (backup.manifest === undefined) {
    throw new HoldfastError('bug', { reason: `backup ${backup.id} has no manifest` });
  }
  const { sessionId, sha256 } = backup.manifest;
  return named(backup.id, `manifest of session ${sessionId}`, async () => {
    const { bytes } = await objects.get(manifestKey(backup, sessionId));
    if (hexSha256(bytes) !== sha256) {
      throw new HoldfastError('backup.damaged', {
        backupId: backup.id,
        reason: `manifest of session ${sessionId} differs from the one that was committed`,
      });
    }
    const { keyId } = decodeManifest(bytes, null);
    const manifest = decodeManifest(bytes, await vaultKeys.get(keyId));
    if (manifest.backupId !== backup.id || manifest.vaultId !== backup.vaultId) {
      throw new HoldfastError('backup.damaged', {
        backupId: backup.id,
        reason: `manifest of session ${sessionId} is of another backup`,
      });
    }
    return manifest;
  });
};

/**
 * The entries of segment `number`: one a block of the disk; `null` = zeros. The object must have
 * the SHA-256 that the manifest names. Else `backup.damaged`.
 */
export const readSegment = async (
  manifest: Manifest,
  number: number,
  { objects, vaultKeys }: Reading,
): Promise<SegmentEntry[]> => {
  const blocks = segmentBlocks(number, manifest.disk.sizeBytes);
  const entryCount = blocks.to - blocks.from;
  const reference = manifest.segments[number];
  if (reference === undefined) throw new HoldfastError('bug', { reason: `no segment ${number}` });
  if (reference === null) return zeroEntries(entryCount);
  const { sessionId, random, sha256 } = reference;
  return named(manifest.backupId, `segment ${number} (${sessionId}/${random})`, async () => {
    const { bytes } = await objects.get(segmentKey(manifest, sessionId, number, random));
    if (hexSha256(bytes) !== sha256) {
      throw new HoldfastError('backup.damaged', {
        backupId: manifest.backupId,
        reason: `segment ${number} (${sessionId}/${random}) differs from the one the manifest names`,
      });
    }
    const vaultKey = await vaultKeys.get(readSegmentKeyId(bytes));
    return decodeSegment(bytes, vaultKey, { sessionId, number, entryCount }).entries;
  });
};

/** The map of a segment of zeros; whole ones share it: a disk of 64 TiB may have 65,536. */
export const zeroEntries = (count: number): SegmentEntry[] =>
  count === SEGMENT_BLOCKS ? ZEROS : ZEROS.slice(0, count);

const ZEROS: SegmentEntry[] = Array.from({ length: SEGMENT_BLOCKS }, () => null);

/**
 * An object that is gone or malformed is damage of the backup, named. An outage is not, nor is a
 * key that does not fit: the bytes are those that were committed.
 */
const named = async <T>(backupId: string, what: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (cause) {
    const damage = ['store.object-missing', 'format.malformed', 'format.unsupported'] as const;
    if (!isError(cause, ...damage)) throw cause;
    throw new HoldfastError(
      'backup.damaged',
      { backupId, reason: `${what}: ${cause.message}` },
      { cause },
    );
  }
};

export const hexSha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');
