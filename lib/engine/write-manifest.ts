import { createHash } from 'node:crypto';
import { encodeCommitMarker } from '../format/documents.ts';
import { encodeManifest, type Manifest } from '../format/manifest.ts';
import { commitMarkerKey, manifestKey } from '../format/object-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/**
 * Writes the manifest of a disk backup and returns its SHA-256 (hex). The same manifest gives the
 * same bytes, so that a repeated step writes nothing new.
 */
export const writeManifest = async (
  manifest: Manifest,
  vaultKey: Uint8Array,
  objects: ObjectStore,
): Promise<string> => {
  const bytes = encodeManifest(manifest, vaultKey);
  const sha256 = createHash('sha256').update(bytes).digest();
  await objects.put(manifestKey(manifest, manifest.sessionId), bytes, sha256);
  return sha256.toString('hex');
};

/**
 * Tells a recovery that has S3 alone that this session was committed. Written after the commit, so
 * its absence proves nothing.
 */
export const writeCommitMarker = (
  session: { projectId: string; vaultId: string; sessionId: string },
  commit: { backupId: string; manifestSha256: string; committedAtMs: number },
  objects: ObjectStore,
): Promise<void> =>
  objects.put(commitMarkerKey(session, session.sessionId), encodeCommitMarker(commit));
