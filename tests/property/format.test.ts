import { crc32 } from 'node:zlib';
import { fc, test } from '@fast-check/jest';
import { describe, expect } from '@jest/globals';
import { canonicalJson } from '../../lib/format/canonical-json.ts';
import {
  decodeCommitMarker,
  decodeKeyObject,
  decodeVaultFile,
  encodeVaultFile,
} from '../../lib/format/documents.ts';
import { deriveBlockKey } from '../../lib/format/keys.ts';
import { decodeManifest, encodeManifest, readManifestKeyId } from '../../lib/format/manifest.ts';
import {
  decodePack,
  decodePackTail,
  openBlock,
  PACK_TAIL_BYTES_MAX,
  readPackKeyId,
} from '../../lib/format/pack.ts';
import { decodeSegment, encodeSegment, readSegmentKeyId } from '../../lib/format/segment.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import {
  randomBlock,
  refuses,
  SOME,
  someEntries,
  someManifest,
  somePack,
  textBlock,
  unnoticedFlips,
} from '../support/some-stored.ts';

const { vaultKey, packId, keyId, sessionId } = SOME;
const blockKey = deriveBlockKey(vaultKey, packId);
const hexOf = (bytes: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const bytesOf = (count: number) => fc.uint8Array({ minLength: count, maxLength: count });
const uuid = fc.uuid();

const someBlock = fc.oneof(
  fc.string({ minLength: 1 }).map(textBlock),
  fc.string().map(randomBlock),
  // Half random, half zeros: shrinks, but not to nothing.
  fc.string().map((seed) => {
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(randomBlock(seed).subarray(0, BLOCK_BYTES / 2));
    return block;
  }),
);

function openAll(object: Uint8Array): (Uint8Array | null)[] {
  return decodePack(object, vaultKey, { packId }).slots.map((entry, slot) => {
    if (!entry) return null;
    const bytes = object.subarray(entry.offset, entry.offset + entry.storedBytes);
    return openBlock({ blockKey, packId, slot, entry, bytes });
  });
}

describe('round trips', () => {
  test.prop([fc.array(fc.option(someBlock, { freq: 5 }), { minLength: 1, maxLength: 6 })], {
    numRuns: 40,
  })('every block of a pack comes back from its slot', (blocks) => {
    const opened = openAll(somePack(blocks).bytes);
    expect(opened.length).toBe(blocks.length);
    for (const [slot, block] of blocks.entries()) {
      const same = block ? Buffer.from(block).equals(opened[slot]!) : opened[slot] === null;
      expect(same).toBe(true);
    }
  });

  const entry = fc.record({
    packId: fc.integer({ min: 0, max: 20 }).map((n) => n.toString(16).padStart(32, 'a')),
    slot: fc.nat(255),
    blockId: bytesOf(32),
  });

  test.prop([
    fc.array(fc.option(entry, { freq: 4 }), { minLength: 1, maxLength: 60 }),
    fc.nat(65_535),
    bytesOf(16),
    uuid,
  ])('every entry of a segment comes back', (entries, number, salt, session) => {
    const args = { vaultKey, keyId, sessionId: session, salt, number, entries };
    const bytes = encodeSegment(args);
    const expected = { sessionId: session, number, entryCount: entries.length };
    const decoded = decodeSegment(bytes, vaultKey, expected);
    const plain = decoded.entries.map(
      (one) => one && { ...one, blockId: new Uint8Array(one.blockId) },
    );
    expect(plain).toEqual(entries);
    expect(new Set(decoded.packIds)).toEqual(
      new Set(entries.flatMap((one) => (one ? [one.packId] : []))),
    );
  });

  const reference = fc.record({ sessionId: uuid, random: hexOf(16), sha256: hexOf(32) });

  test.prop([
    fc.array(fc.option(reference), { minLength: 1, maxLength: 10 }),
    fc.string({ unit: 'binary' }),
    fc.option(fc.record({ backupId: uuid, sessionId: uuid })),
    fc.nat(2 ** 30 - 1),
  ])('every manifest comes back', (segments, name, parent, lessBytes) => {
    fc.pre(segments.every((one) => one?.sha256 !== '0'.repeat(64)));
    const sizeBytes = segments.length * 2 ** 30 - lessBytes;
    const manifest = someManifest(sizeBytes, { segments, name, parent });
    expect(decodeManifest(encodeManifest(manifest, vaultKey), vaultKey)).toEqual(manifest);
  });

  test.prop([fc.string({ unit: 'binary' }), uuid, fc.maxSafeNat()])(
    'every vault file comes back',
    (name, vaultId, createdAtMs) => {
      const vault = { projectId: 'p', vaultId, name, createdAtMs };
      expect(decodeVaultFile(encodeVaultFile(vault))).toEqual(vault);
    },
  );

  test.prop([fc.json({ maxDepth: 4 })])('equal JSON values have equal bytes', (text) => {
    const reversed = (value: unknown): unknown => {
      if (value === null || typeof value !== 'object') return value;
      if (Array.isArray(value)) return value.map(reversed);
      const entries = Object.entries(value).toReversed();
      return Object.fromEntries(entries.map(([name, member]) => [name, reversed(member)]));
    };
    const value: unknown = JSON.parse(text);
    expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
    expect(JSON.parse(canonicalJson(value))).toEqual(value);
  });
});

describe('damage', () => {
  const blocks = [textBlock('a'), randomBlock('b'), null, textBlock('c')];
  const pack = somePack(blocks);

  test.prop([fc.nat(pack.bytes.length * 8 - 1)], { numRuns: 300 })(
    'a flipped bit anywhere in a pack is found',
    (bit) => {
      const bytes = Uint8Array.from(pack.bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(refuses(() => openAll(bytes))).toBe(true);
    },
  );

  test('a flipped bit anywhere in the tail of a pack is refused', () => {
    const tail = pack.bytes.slice(-(4 * 40 + 16 + 80));
    const read = (bytes: Uint8Array) =>
      decodePackTail(bytes, pack.bytes.length, vaultKey, { packId });
    expect(unnoticedFlips(tail, read)).toEqual([]);
  });

  test.prop([fc.nat(pack.bytes.length - 1)])('a pack that is cut off is refused', (count) => {
    expect(refuses(() => openAll(pack.bytes.subarray(0, count)))).toBe(true);
    expect(refuses(() => openAll(pack.bytes.subarray(pack.bytes.length - count)))).toBe(true);
  });
});

describe('anything at all', () => {
  const readers: [string, (bytes: Uint8Array) => unknown][] = [
    ['pack', (bytes) => decodePack(bytes, vaultKey, { packId })],
    ['tail', (bytes) => decodePackTail(bytes, bytes.length, vaultKey, { packId })],
    ['pack key', readPackKeyId],
    ['segment', (bytes) => decodeSegment(bytes, vaultKey, { sessionId, number: 0, entryCount: 4 })],
    ['segment key', readSegmentKeyId],
    ['manifest', (bytes) => decodeManifest(bytes, vaultKey)],
    ['list', (bytes) => decodeManifest(bytes, null)],
    ['manifest key', readManifestKeyId],
    ['vault', decodeVaultFile],
    ['key', decodeKeyObject],
    ['marker', decodeCommitMarker],
    [
      'block',
      (bytes) => {
        const entry = { codec: 2 as const, blockId: new Uint8Array(32), storedBytes: bytes.length };
        return openBlock({ blockKey, packId, slot: 0, entry, bytes });
      },
    ],
  ];
  const entries = someEntries();
  const valid = [
    somePack([textBlock('x')]).bytes.slice(-PACK_TAIL_BYTES_MAX),
    encodeSegment({ vaultKey, keyId, sessionId, salt: SOME.salt, number: 0, entries }),
    encodeManifest(someManifest(), vaultKey),
    encodeVaultFile({ projectId: 'p', vaultId: SOME.vaultId, name: 'v', createdAtMs: 0 }),
  ];
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(text)),
    // A valid structure with some bytes replaced.
    fc
      .tuple(fc.constantFrom(...valid), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 12 }))
      .map(([bytes, at, patch]) => {
        const changed = Uint8Array.from(bytes);
        changed.set(patch, at % Math.max(1, changed.length - patch.length));
        return changed;
      }),
  );

  test.prop([garbage], { numRuns: 500 })('is read or refused, with an error of ours', (bytes) => {
    for (const [, read] of readers) refuses(() => read(bytes));
  });

  /** Checksums made right again, so that what stands behind them meets the garbage too. */
  const patched = (bytes: Uint8Array, from: number, crcAt: number) =>
    fc.tuple(fc.nat(crcAt - 9), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([n, patch]) => {
      const changed = Buffer.from(bytes);
      const part = changed.subarray(from);
      part.set(patch, n);
      part.writeUInt32LE(crc32(part.subarray(0, crcAt)), crcAt);
      return changed;
    });
  const [tail, segment, manifest] = valid as [Uint8Array, Uint8Array, Uint8Array];

  test.prop(
    [
      fc.oneof(
        patched(tail, tail.length - 80, 72),
        patched(segment, 0, 76),
        patched(manifest, 0, manifest.length - 36),
      ),
    ],
    { numRuns: 1000 },
  )('is refused behind a right checksum as well, at once', (bytes) => {
    fc.pre(!valid.some((one) => Buffer.from(one).equals(bytes)));
    const bytesBefore = process.memoryUsage().arrayBuffers;
    for (const [name, read] of readers) {
      if (name.endsWith('key') || name === 'list') refuses(() => read(bytes));
      else expect(refuses(() => read(bytes))).toBe(true);
    }
    expect(process.memoryUsage().arrayBuffers - bytesBefore).toBeLessThan(8 * 2 ** 20);
  });
});
