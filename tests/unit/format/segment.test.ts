import { createCipheriv, hkdfSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  decodeSegment,
  encodeSegment,
  readSegmentKeyId,
  SEGMENT_OBJECT_BYTES_MAX,
  type SegmentEntry,
} from '../../../lib/format/segment.ts';
import { SEGMENT_BLOCKS } from '../../../lib/model/block.ts';
import {
  SOME,
  someBytes,
  someEntries,
  unnoticedCuts,
  unnoticedFlips,
} from '../../support/some-stored.ts';

const { vaultKey, keyId, sessionId, salt } = SOME;
const MALFORMED = expect.objectContaining({ code: 'format.malformed' });
const BUG = expect.objectContaining({ code: 'bug' });
const ARGS = { vaultKey, keyId, sessionId, salt, number: 7 };
const EXPECTED = { sessionId, number: 7, entryCount: 4 };
const segment = Buffer.from(encodeSegment({ ...ARGS, entries: someEntries() }));

/** Header and payload changed, then sealed as section 5 says, by nothing but node:crypto. */
function forged(change: (header: Buffer, payload: Buffer) => void): Buffer {
  const header = Buffer.from(segment.subarray(0, 80));
  const payload = Buffer.alloc(2 * 16 + 4 * 36);
  payload.set(Buffer.from(SOME.otherPackId + SOME.packId, 'hex'));
  for (const [n, entry] of someEntries().entries()) {
    const at = 32 + n * 36;
    payload.writeUInt16LE(entry ? Number(entry.packId === SOME.packId) : 0xffff, at);
    if (!entry) continue;
    payload.writeUInt8(entry.slot, at + 2);
    payload.set(entry.blockId, at + 4);
  }
  change(header, payload);
  header.writeUInt32LE(crc32(header.subarray(0, 76)), 76);
  const info = `holdfast/v1/segment|${sessionId}`;
  const key = Buffer.from(hkdfSync('sha256', vaultKey, salt, info, 32));
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12));
  cipher.setAAD(header);
  return Buffer.concat([header, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
}

describe('a segment', () => {
  it('gives back its entries and names each pack once, in order of first use', () => {
    expect(decodeSegment(segment, vaultKey, EXPECTED)).toEqual({
      keyId,
      packIds: [SOME.otherPackId, SOME.packId],
      entries: someEntries().map((entry) =>
        entry ? { ...entry, blockId: Buffer.from(entry.blockId) } : null,
      ),
    });
    expect(readSegmentKeyId(segment)).toBe(keyId);
  });

  it('is laid out and sealed as section 5 says', () => {
    expect(forged(() => {}).equals(segment)).toBe(true);
  });

  it('takes 2048 entries of as many packs, no more and not none', () => {
    const entries: SegmentEntry[] = Array.from({ length: SEGMENT_BLOCKS }, (_, n) => ({
      packId: n.toString(16).padStart(32, '0'),
      slot: n & 255,
      blockId: someBytes(`${n}`, 32),
    }));
    const bytes = encodeSegment({ ...ARGS, entries });
    expect(bytes.length).toBe(SEGMENT_OBJECT_BYTES_MAX);
    const expected = { ...EXPECTED, entryCount: SEGMENT_BLOCKS };
    expect(decodeSegment(bytes, vaultKey, expected).entries[2047]).toMatchObject({ slot: 255 });
    expect(() => encodeSegment({ ...ARGS, entries: [...entries, null] })).toThrow(BUG);
    expect(() => encodeSegment({ ...ARGS, entries: [] })).toThrow(BUG);
  });

  it('takes no entry, salt or pack id of a wrong size', () => {
    const [entry] = someEntries();
    const wrong = (changes: object) => () =>
      encodeSegment({ ...ARGS, entries: [{ ...entry!, ...changes }] });
    expect(wrong({})).not.toThrow();
    expect(wrong({ slot: 256 })).toThrow(BUG);
    expect(wrong({ slot: -1 })).toThrow(BUG);
    expect(wrong({ blockId: new Uint8Array(31) })).toThrow(BUG);
    expect(wrong({ packId: 'x' })).toThrow(BUG);
    expect(() =>
      encodeSegment({ ...ARGS, salt: new Uint8Array(15), entries: someEntries() }),
    ).toThrow(BUG);
  });

  it('is refused as another session, number, size, or with another key', () => {
    const decode = (changes: object, key: Uint8Array = vaultKey) =>
      decodeSegment(segment, key, { ...EXPECTED, ...changes });
    expect(() => decode({})).not.toThrow();
    expect(() => decode({ sessionId: SOME.otherId })).toThrow(MALFORMED);
    expect(() => decode({ number: 8 })).toThrow(MALFORMED);
    expect(() => decode({ entryCount: 5 })).toThrow(MALFORMED);
    expect(() => decode({}, SOME.otherVaultKey)).toThrow(MALFORMED);
  });

  it('is refused when any bit of it is flipped or anything is cut off or added', () => {
    const read = (bytes: Uint8Array) => decodeSegment(bytes, vaultKey, EXPECTED);
    expect(unnoticedFlips(segment, read)).toEqual([]);
    expect(unnoticedCuts(segment, read)).toEqual([]);
    const longer = Buffer.concat([segment, Buffer.alloc(1)]);
    expect(() => decodeSegment(longer, vaultKey, EXPECTED)).toThrow(MALFORMED);
  });

  it.each<[string, string, (header: Buffer, payload: Buffer) => void]>([
    ['no entries', 'it has 0 entries', (h) => h.writeUInt32LE(0, 60)],
    ['2049 entries', 'it has 2049 entries', (h) => h.writeUInt32LE(2049, 60)],
    ['4 billion entries', 'it has 4294967295 entries', (h) => h.writeUInt32LE(0xffffffff, 60)],
    ['more packs than entries', 'it names 5 packs', (h) => h.writeUInt32LE(5, 64)],
    ['fewer packs than there are', 'its map has 192 bytes', (h) => h.writeUInt32LE(1, 64)],
    ['another length', 'its map has 193 bytes', (h) => h.writeUInt32LE(h.readUInt32LE(68) + 1, 68)],
    ['something in the reserved bytes', 'its reserved bytes', (h) => h.writeUInt32LE(1, 72)],
    ['a pack twice', 'it names a pack twice', (_, p) => p.copyWithin(16, 0, 16)],
    ['a pack that is not in its list', 'its entry 3', (_, p) => p.writeUInt16LE(2, 32 + 3 * 36)],
    [
      'packs in another order than of first use',
      'its entry 0',
      (_, p) => {
        for (const [n, index] of [1, 0xffff, 0, 1].entries()) p.writeUInt16LE(index, 32 + n * 36);
      },
    ],
    ['a pack that no entry uses', 'that no entry uses', (_, p) => p.writeUInt16LE(0, 32 + 2 * 36)],
    ['a zero block with a slot', 'its entry 1', (_, p) => p.writeUInt8(1, 32 + 36 + 2)],
    ['a zero block with an id', 'its entry 1', (_, p) => p.writeUInt8(1, 32 + 36 + 35)],
    ['a reserved byte that is not zero', 'its entry 0', (_, p) => p.writeUInt8(1, 32 + 3)],
  ])('is refused when it says %s', (_, reason, change) => {
    expect(() => decodeSegment(forged(change), vaultKey, EXPECTED)).toThrow(MALFORMED);
    expect(() => decodeSegment(forged(change), vaultKey, EXPECTED)).toThrow(reason);
  });

  it('is refused by name when its version is from the future', () => {
    const future = forged((header) => header.writeUInt16LE(2, 4));
    expect(() => decodeSegment(future, vaultKey, EXPECTED)).toThrow(
      `segment 7 of session ${sessionId} has version or feature 2`,
    );
  });
});
