import { createHmac, hkdfSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  decodeManifest,
  encodeManifest,
  MANIFEST_BYTES_MAX,
  type Manifest,
  readManifestKeyId,
} from '../../../lib/format/manifest.ts';
import { DISK_BYTES_MAX } from '../../../lib/model/block.ts';
import {
  SOME,
  someManifest,
  someReference,
  unnoticedCuts,
  unnoticedFlips,
} from '../../support/some-stored.ts';

const { vaultKey } = SOME;
const MALFORMED = expect.objectContaining({ code: 'format.malformed' });
const BUG = expect.objectContaining({ code: 'bug' });
const bytes = Buffer.from(encodeManifest(someManifest(), vaultKey));

/** MAC and checksum of what stands before them, as section 6 says, by nothing but node:crypto. */
function authenticated(body: Buffer): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(body));
  const key = Buffer.from(hkdfSync('sha256', vaultKey, '', 'holdfast/v1/manifest', 32));
  const ids = [SOME.vaultId, SOME.backupId].map((id) => id.replaceAll('-', '')).join('');
  const mac = createHmac('sha256', key)
    .update('HFMF')
    .update(Buffer.from(ids, 'hex'))
    .update(body.subarray(8, 24))
    .update(body)
    .update(crc)
    .digest();
  return Buffer.concat([body, crc, mac]);
}

/** A manifest with another JSON text, the rest as it must be. */
function withJson(change: (json: string) => string, table = bytes.subarray(-36 - 3 * 64, -36)) {
  const jsonBytes = bytes.readUInt32LE(24);
  const json = Buffer.from(change(bytes.toString('utf8', 32, 32 + jsonBytes)));
  const header = Buffer.from(bytes.subarray(0, 32));
  header.writeUInt32LE(json.length, 24);
  header.writeUInt32LE(table.length / 64, 28);
  const padding = Buffer.alloc(-json.length & 3);
  return authenticated(Buffer.concat([header, json, padding, table]));
}

describe('a manifest', () => {
  it('gives back what it was made of', () => {
    expect(decodeManifest(bytes, vaultKey)).toEqual(someManifest());
    expect(readManifestKeyId(bytes)).toBe(SOME.keyId);
    const first = someManifest(1, { parent: null, segments: [null] });
    expect(decodeManifest(encodeManifest(first, vaultKey), vaultKey)).toEqual(first);
  });

  it('is laid out and authenticated as section 6 says', () => {
    expect(withJson((json) => json).equals(bytes)).toBe(true);
    expect(bytes.toString('utf8', 32)).toMatch(/^\{"backupId":"4444.*"vaultId":"2222[0-9-]+"\}/);
    expect((bytes.length - 36) % 4).toBe(0);
  });

  it('can be listed without the key, but is checked with it', () => {
    expect(decodeManifest(bytes, null)).toEqual(someManifest());
    expect(() => decodeManifest(bytes, SOME.otherVaultKey)).toThrow(
      `Malformed manifest of backup ${SOME.backupId}: its MAC does not match with this key.`,
    );
    const renamed = withJson((json) => json.replace('vol-1', 'vol-2'));
    expect(decodeManifest(renamed, vaultKey).disk.id).toBe('vol-2');
    renamed.writeUInt8(renamed.readUInt8(renamed.length - 1) ^ 1, renamed.length - 1);
    expect(decodeManifest(renamed, null).disk.id).toBe('vol-2');
    expect(() => decodeManifest(renamed, vaultKey)).toThrow(MALFORMED);
  });

  it('is refused when any bit of it is flipped or anything is cut off or added', () => {
    expect(unnoticedFlips(bytes, (changed) => decodeManifest(changed, vaultKey))).toEqual([]);
    expect(unnoticedCuts(bytes, (changed) => decodeManifest(changed, null))).toEqual([]);
    const listed = bytes.subarray(0, -32);
    const list = (changed: Uint8Array) =>
      decodeManifest(Buffer.concat([changed, bytes.subarray(-32)]), null);
    expect(unnoticedFlips(listed, list)).toEqual([]);
    expect(() => decodeManifest(Buffer.concat([bytes, Buffer.alloc(4)]), null)).toThrow(MALFORMED);
  });

  it.each<[string, (json: string) => string]>([
    ['white space', (json) => json.replace(',', ', ')],
    ['a field twice', (json) => json.replace('{', '{"backupId":"x",')],
    ['fields in another order', (json) => json.replace(/^\{("backupId":"[^"]+"),/, '{$1,"a":0,')],
    ['no JSON', () => 'x'],
    ['no object', () => '[]'],
    ['null', () => 'null'],
    ['deep nesting', () => '['.repeat(30_000) + ']'.repeat(30_000)],
    ['nesting of 9', (json) => json.replace(/\}$/, `,"zebra":${'['.repeat(8)}0${']'.repeat(8)}}`)],
    ['64 KiB and more', (json) => json.replace('snap-1', 'x'.repeat(65_536))],
    ['an id that is none', (json) => json.replace(SOME.sessionId, SOME.sessionId.slice(1))],
    ['a missing field', (json) => json.replace('"snapshotId":"snap-1",', '')],
    ['a negative count', (json) => json.replace('"storedBytes":77', '"storedBytes":-77')],
    ['a fraction', (json) => json.replace('"storedBytes":77', '"storedBytes":7.7')],
    ['an unknown consistency', (json) => json.replace('crash_consistent', 'none')],
    ['a parent without session', (json) => json.replace(/("parent":\{[^}]*),[^}]*\}/, '$1}')],
    ['a disk of no bytes', (json) => json.replace(/"sizeBytes":\d+/, '"sizeBytes":0')],
    ['a larger disk', (json) => json.replace(/"sizeBytes":\d+/, `"sizeBytes":${3 * 2 ** 30 + 1}`)],
    ['a smaller disk', (json) => json.replace(/"sizeBytes":\d+/, `"sizeBytes":${2 * 2 ** 30}`)],
  ])('is refused with %s', (_, change) => {
    const changed = withJson(change);
    expect(changed.equals(bytes)).toBe(false);
    expect(() => decodeManifest(changed, vaultKey)).toThrow(MALFORMED);
  });

  it('leaves fields alone that it does not know', () => {
    const deep = `${'['.repeat(7)}0${']'.repeat(7)}`;
    const changed = withJson((json) => json.replace(/\}$/, `,"zebra":${deep}}`));
    expect(decodeManifest(changed, vaultKey)).toEqual(someManifest());
  });

  it('is refused with a reference that is neither zeros nor an object', () => {
    const table = Buffer.from(bytes.subarray(-36 - 3 * 64, -36));
    table.writeUInt8(1, 64);
    expect(() =>
      decodeManifest(
        withJson((json) => json, table),
        vaultKey,
      ),
    ).toThrow('a segment without object is named');
  });

  it('is refused with padding that is not zero', () => {
    const jsonBytes = bytes.readUInt32LE(24);
    const odd = withJson((json) =>
      json.replace('vol-1', `vol-1${'x'.repeat((jsonBytes + 1) & 3)}`),
    );
    const at = 32 + odd.readUInt32LE(24);
    const body = Buffer.from(odd.subarray(0, -36));
    expect(body.readUInt8(at)).toBe(0);
    body.writeUInt8(1, at);
    expect(() => decodeManifest(authenticated(body), vaultKey)).toThrow('padding');
  });

  it('is not written when it could not be read', () => {
    const wrong = (changes: Partial<Manifest>) => () =>
      encodeManifest({ ...someManifest(), ...changes }, vaultKey);
    expect(wrong({ segments: [null] })).toThrow(MALFORMED);
    expect(wrong({ name: 'x'.repeat(65_536) })).toThrow(BUG);
    expect(wrong({ createdAtMs: Number.NaN })).toThrow(MALFORMED);
    const short = { ...someReference('x'), sha256: '00' };
    expect(wrong({ segments: [short, null, null] })).toThrow(BUG);
  });

  it('holds the largest disk', () => {
    const segments = Array.from({ length: 65_536 }, () => someReference('x'));
    const largest = someManifest(DISK_BYTES_MAX, { segments });
    const encoded = encodeManifest(largest, vaultKey);
    expect(encoded.length).toBeLessThan(MANIFEST_BYTES_MAX);
    expect(decodeManifest(encoded, vaultKey).segments).toHaveLength(65_536);
    const larger = someManifest(DISK_BYTES_MAX + 1, { segments: [...segments, null] });
    expect(() => encodeManifest(larger, vaultKey)).toThrow('field disk');
  });
});
