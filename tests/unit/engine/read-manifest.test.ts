import { describe, expect, it } from '@jest/globals';
import { memoryObjectStore } from '../../../lib/adapters/memory/memory-object-store.ts';
import { hexSha256, readManifest, readSegment } from '../../../lib/engine/read-manifest.ts';
import { encodeManifest, type Manifest } from '../../../lib/format/manifest.ts';
import { manifestKey, segmentKey } from '../../../lib/format/object-keys.ts';
import { encodeSegment } from '../../../lib/format/segment.ts';
import type { Backup } from '../../../lib/model/backup.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import { SOME, someBytes, someEntries, someManifest } from '../../support/some-stored.ts';

const { vaultKey, keyId, sessionId, backupId, vaultId } = SOME;
const RANDOM = '00'.repeat(16);

const segmentOf = (seed: string) =>
  encodeSegment({
    vaultKey,
    keyId,
    sessionId,
    number: 0,
    entries: someEntries(),
    salt: someBytes(seed, 16),
  });

const BYTES = segmentOf('salt');
const SEGMENT = { sessionId, random: RANDOM, sha256: hexSha256(BYTES) };
const MANIFEST = someManifest(4 * BLOCK_BYTES, { segments: [SEGMENT] });

/** A store with a committed backup of one segment. */
const given = (manifest: Manifest = MANIFEST) => {
  const objects = memoryObjectStore();
  const bytes = encodeManifest(manifest, vaultKey);
  objects.objects.set(manifestKey(MANIFEST, sessionId), bytes);
  objects.objects.set(segmentKey(MANIFEST, sessionId, 0, RANDOM), BYTES);
  const backup = {
    id: backupId,
    vaultId,
    projectId: MANIFEST.projectId,
    manifest: { sessionId, sha256: hexSha256(bytes) },
  } as Backup;
  return { objects, backup, reading: { objects, vaultKeys: { get: async () => vaultKey } } };
};

describe('a manifest that is read', () => {
  it('is the one that was committed', async () => {
    const { backup, reading } = given();
    expect(await readManifest(backup, reading)).toEqual(MANIFEST);
  });

  it('is damaged when another valid one stands in its place', async () => {
    const { backup, objects, reading } = given();
    const other = encodeManifest({ ...MANIFEST, name: 'other' }, vaultKey);
    objects.objects.set(manifestKey(MANIFEST, sessionId), other);
    const reason = expect.stringContaining('differs from the one that was committed');
    await expect(readManifest(backup, reading)).rejects.toMatchObject({
      code: 'backup.damaged',
      details: { backupId, reason },
    });
  });

  it('is damaged when it is of another backup, forged or gone', async () => {
    const { backup, objects, reading } = given({ ...MANIFEST, backupId: SOME.otherId });
    const damaged = { code: 'backup.damaged', details: { backupId } };
    await expect(readManifest(backup, reading)).rejects.toMatchObject(damaged);
    const forged = encodeManifest(MANIFEST, SOME.otherVaultKey);
    objects.objects.set(manifestKey(MANIFEST, sessionId), forged);
    const named = { ...backup, manifest: { sessionId, sha256: hexSha256(forged) } };
    await expect(readManifest(named, reading)).rejects.toMatchObject(damaged);
    objects.objects.clear();
    await expect(readManifest(backup, reading)).rejects.toMatchObject(damaged);
  });
});

describe('a segment that is read', () => {
  it('is the one that the manifest names', async () => {
    expect(await readSegment(MANIFEST, 0, given().reading)).toEqual(someEntries());
  });

  it('is zeros when there is no object', async () => {
    const manifest = { ...MANIFEST, segments: [null] };
    expect(await readSegment(manifest, 0, given().reading)).toEqual([null, null, null, null]);
  });

  it('is damaged when another valid one stands in its place, or nothing', async () => {
    const { objects, reading } = given();
    const key = segmentKey(MANIFEST, sessionId, 0, RANDOM);
    objects.objects.set(key, segmentOf('another salt'));
    const reason = expect.stringContaining('differs from the one the manifest names');
    await expect(readSegment(MANIFEST, 0, reading)).rejects.toMatchObject({
      code: 'backup.damaged',
      details: { backupId, reason },
    });
    objects.objects.delete(key);
    await expect(readSegment(MANIFEST, 0, reading)).rejects.toMatchObject({
      code: 'backup.damaged',
    });
  });
});
