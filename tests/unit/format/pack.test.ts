import { createCipheriv, hkdfSync } from 'node:crypto';
import { crc32, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { hashBlock } from '../../../lib/format/block.ts';
import { deriveBlockKey } from '../../../lib/format/keys.ts';
import {
  decodePack,
  decodePackTail,
  encodePack,
  openBlock,
  PACK_BYTES_MAX,
  PACK_HEAD_BYTES,
  PACK_TAIL_BYTES_MAX,
  readPackKeyId,
  type SealedBlock,
  sealBlock,
  sealBlockInto,
  sealPack,
} from '../../../lib/format/pack.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import {
  randomBlock,
  SOME,
  somePack,
  textBlock,
  unnoticedCuts,
  unnoticedFlips,
} from '../../support/some-stored.ts';

const { vaultKey, packId, keyId, salt } = SOME;
const blockKey = deriveBlockKey(vaultKey, packId);
const MALFORMED = expect.objectContaining({ code: 'format.malformed' });
const UNSUPPORTED = expect.objectContaining({ code: 'format.unsupported' });
const DAMAGED = expect.objectContaining({ code: 'pack.damaged' });
const BUG = expect.objectContaining({ code: 'bug' });

const text = textBlock('text');
const noise = randomBlock('noise');
const pack = somePack([text, null, noise]);
const tailOf = (bytes: Uint8Array) => bytes.slice(-PACK_TAIL_BYTES_MAX);

/** The footer's fields changed, its checksum made right again. */
function withFooter(change: (footer: Buffer) => void): Uint8Array {
  const bytes = Buffer.from(pack.bytes);
  const footer = bytes.subarray(-80);
  change(footer);
  footer.writeUInt32LE(crc32(footer.subarray(0, 72)), 72);
  return bytes;
}

/** The object with another table, sealed as section 4 says, by nothing but node:crypto. */
function withTable(change: (table: Buffer) => void): Uint8Array {
  const bytes = Buffer.from(pack.bytes);
  const table = Buffer.alloc(3 * 40);
  for (const [slot, sealed] of pack.slots.entries()) {
    if (!sealed) continue;
    table.writeUInt8(sealed.codec, slot * 40);
    table.writeUInt32LE(sealed.storedBytes, slot * 40 + 4);
    table.set(sealed.blockId, slot * 40 + 8);
  }
  change(table);
  const info = `holdfast/v1/table|${packId}`;
  const key = Buffer.from(hkdfSync('sha256', vaultKey, salt, info, 32));
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12));
  cipher.setAAD(bytes.subarray(-80, -8));
  const at = bytes.length - 80 - table.length - 16;
  bytes.set(Buffer.concat([cipher.update(table), cipher.final(), cipher.getAuthTag()]), at);
  return bytes;
}

describe('a pack', () => {
  it('gives back its blocks, with dead slots keeping their numbers', () => {
    const table = decodePackTail(tailOf(pack.bytes), pack.bytes.length, vaultKey, { packId });
    expect(table).toMatchObject({ packId, keyId });
    expect(table.slots.map((entry) => entry?.codec ?? null)).toEqual([2, null, 1]);
    expect(table.slots.map((entry) => entry?.offset ?? null)).toEqual([
      PACK_HEAD_BYTES,
      null,
      PACK_HEAD_BYTES + pack.slots[0]!.storedBytes,
    ]);
    for (const [slot, block] of [text, null, noise].entries()) {
      const entry = table.slots[slot];
      if (!entry || !block) continue;
      const bytes = pack.bytes.subarray(entry.offset, entry.offset + entry.storedBytes);
      expect(Buffer.from(openBlock({ blockKey, packId, slot, entry, bytes })).equals(block)).toBe(
        true,
      );
    }
    expect(table.blocksBytes).toBe(table.slots[2]!.offset + table.slots[2]!.storedBytes);
    expect(readPackKeyId(tailOf(pack.bytes))).toBe(keyId);
  });

  it('stores a block raw when zstd does not shrink it', () => {
    expect(pack.slots[2]).toMatchObject({ codec: 1, storedBytes: BLOCK_BYTES + 16 });
    expect(pack.slots[0]!.storedBytes).toBeLessThan(200);
  });

  it('takes 256 slots, no more and not none', () => {
    const blockId = hashBlock(text);
    const sealed = Array.from({ length: 256 }, (_, slot) =>
      sealBlock({ blockKey, packId, slot, blockId, block: text, level: 1 }),
    );
    const slots = sealed.map(({ codec, bytes }) => ({ codec, blockId, storedBytes: bytes.length }));
    const blocks = sealed.map(({ bytes }) => bytes);
    const args = { packId, keyId, vaultKey, tableSalt: salt };
    const bytes = encodePack({ ...args, slots, blocks });
    expect(decodePack(bytes, vaultKey, { packId }).slots).toHaveLength(256);
    expect(bytes.length).toBeLessThan(PACK_BYTES_MAX);
    expect(() => encodePack({ ...args, slots: [...slots, null], blocks })).toThrow(BUG);
    expect(() => encodePack({ ...args, slots: [], blocks: [] })).toThrow(BUG);
    expect(() =>
      sealBlock({ blockKey, packId, slot: 256, blockId, block: text, level: 1 }),
    ).toThrow(BUG);
  });

  it('is the same when it is completed in place', () => {
    const target = Buffer.alloc(PACK_BYTES_MAX, 0xee);
    const slots: (SealedBlock | null)[] = [];
    let end = PACK_HEAD_BYTES;
    for (const [slot, block] of [text, null, noise].entries()) {
      if (!block) slots.push(null);
      else {
        const blockId = hashBlock(block);
        const seal = { blockKey, packId, slot, blockId, block, level: 1 };
        slots.push({ blockId, ...sealBlockInto(target, end, seal) });
        end += slots[slot]!.storedBytes;
      }
    }
    const object = sealPack(target, { packId, keyId, vaultKey, tableSalt: salt, slots });
    expect(Buffer.from(object).equals(pack.bytes)).toBe(true);
    expect(object.buffer).toBe(target.buffer);
  });

  it('is not written when a sealed block does not open', () => {
    const blocks = [Buffer.from(pack.bytes.subarray(PACK_HEAD_BYTES, -(3 * 40 + 16 + 80)))];
    const args = { packId, keyId, vaultKey, tableSalt: salt, slots: pack.slots, blocks };
    expect(Buffer.from(encodePack(args)).equals(pack.bytes)).toBe(true);
    blocks[0]![pack.slots[0]!.storedBytes + 1000]! ^= 1;
    expect(() => encodePack(args)).toThrow(MALFORMED);
    expect(() => encodePack({ ...args, blocks: [blocks[0]!.subarray(1)] })).toThrow(BUG);
  });

  it('is written again with fewer blocks under a fresh table key, its slots as they were', () => {
    const full = decodePack(pack.bytes, vaultKey, { packId });
    const kept = full.slots[2]!;
    const bytes = encodePack({
      packId,
      keyId,
      vaultKey,
      tableSalt: new Uint8Array(16).fill(9),
      slots: [null, null, kept],
      blocks: [pack.bytes.subarray(kept.offset, kept.offset + kept.storedBytes)],
    });
    const entry = decodePack(bytes, vaultKey, { packId }).slots[2]!;
    expect(entry.offset).toBe(PACK_HEAD_BYTES);
    const sealed = bytes.subarray(entry.offset, entry.offset + entry.storedBytes);
    const block = openBlock({ blockKey, packId, slot: 2, entry, bytes: sealed });
    expect(Buffer.from(block).equals(noise)).toBe(true);
  });

  it('has a table of other ciphertext in every writing, so that no key seals two tables', () => {
    const [at, to] = [-(80 + 16 + 40), -(80 + 16)];
    const [first, second] = [salt, new Uint8Array(16).fill(9)].map((tableSalt) =>
      somePack([text], tableSalt).bytes.subarray(at, to),
    );
    expect(first).toHaveLength(40);
    expect(Buffer.from(first!).equals(second!)).toBe(false);
  });

  it.each<[string, string, (footer: Buffer) => void]>([
    ['no slots', 'it has 0 slots', (f) => f.writeUInt32LE(0, 56)],
    ['257 slots', 'it has 257 slots', (f) => f.writeUInt32LE(257, 56)],
    ['4 billion slots', 'it has 4294967295 slots', (f) => f.writeUInt32LE(0xffffffff, 56)],
    ['a table of another size', 'its table has 137 bytes', (f) => f.writeUInt32LE(3 * 40 + 17, 60)],
    ['blocks that begin in the head', 'its blocks have 7 bytes', (f) => f.writeBigUInt64LE(7n, 64)],
    [
      'blocks of 16 exbibytes',
      'its blocks have 18446744073709552000 bytes',
      (f) => f.writeBigUInt64LE(2n ** 64n - 1n, 64),
    ],
    [
      'blocks of one byte less',
      'do not add up',
      (f) => f.writeBigUInt64LE(f.readBigUInt64LE(64) - 1n, 64),
    ],
    ['another pack id', 'it says it is', (f) => f.writeUInt8(1, 8)],
    ['another key id', 'does not open', (f) => f.writeUInt8(1, 24)],
    ['another salt', 'does not open', (f) => f.writeUInt8(f.readUInt8(40) ^ 1, 40)],
    ['something after its checksum', 'does not end in zero', (f) => f.writeUInt32LE(1, 76)],
  ])('is refused when its footer says %s', (_, reason, change) => {
    expect(() => decodePack(withFooter(change), vaultKey, { packId })).toThrow(MALFORMED);
    expect(() => decodePack(withFooter(change), vaultKey, { packId })).toThrow(reason);
  });

  it.each<[string, string, (table: Buffer) => void]>([
    ['an unknown codec', 'an entry of codec 3', (t) => t.writeUInt8(3, 0)],
    ['a dead slot with an id', 'an entry of codec 0', (t) => t.writeUInt8(1, 40 + 8)],
    ['a dead slot with bytes', 'an entry of codec 0', (t) => t.writeUInt32LE(1, 40 + 4)],
    ['reserved bytes that are not zero', 'an entry of codec 2', (t) => t.writeUInt8(1, 1)],
    [
      'a raw block that is too short',
      'an entry of codec 1',
      (t) => t.writeUInt32LE(BLOCK_BYTES + 15, 80 + 4),
    ],
    ['a compressed block without bytes', 'an entry of codec 2', (t) => t.writeUInt32LE(16, 4)],
    ['a compressed block as long as a raw one', 'an entry of codec 2', (t) => t.writeUInt8(2, 80)],
    ['a longer block', 'do not add up', (t) => t.writeUInt32LE(t.readUInt32LE(4) + 1, 4)],
  ])('is refused when its table says %s', (_, reason, change) => {
    expect(Buffer.from(withTable(() => {})).equals(pack.bytes)).toBe(true);
    expect(() => decodePack(withTable(change), vaultKey, { packId })).toThrow(MALFORMED);
    expect(() => decodePack(withTable(change), vaultKey, { packId })).toThrow(reason);
  });

  it('is refused by name when its version or a flag is from the future', () => {
    const future = withFooter((f) => f.writeUInt16LE(2, 4));
    expect(() => decodePack(future, vaultKey, { packId })).toThrow(UNSUPPORTED);
    expect(() => readPackKeyId(tailOf(future))).toThrow('version or feature 2');
    const flagged = withFooter((f) => f.writeUInt16LE(0x10, 6));
    expect(() => readPackKeyId(tailOf(flagged))).toThrow('flags 0x0010');
  });

  it('is refused under another name, size or key, and without its whole table', () => {
    const tail = tailOf(pack.bytes);
    const size = pack.bytes.length;
    const other = { packId: SOME.otherPackId };
    expect(() => decodePackTail(tail, size, vaultKey, other)).toThrow(MALFORMED);
    expect(() => decodePackTail(tail, size + 1, vaultKey, { packId })).toThrow(MALFORMED);
    expect(() => decodePackTail(tail, size, SOME.otherVaultKey, { packId })).toThrow(MALFORMED);
    expect(() => decodePackTail(tail.slice(-200), size, vaultKey, { packId })).toThrow('cut off');
    expect(() => decodePackTail(tail.slice(-79), size, vaultKey, { packId })).toThrow(MALFORMED);
    const full = decodePackTail(tail.slice(-(3 * 40 + 16 + 80)), size, vaultKey, { packId });
    expect(full.slots).toHaveLength(3);
  });

  it('is refused when its head is damaged', () => {
    const flips = unnoticedFlips(pack.bytes.subarray(0, 8), (head) => {
      const bytes = Buffer.from(pack.bytes);
      bytes.set(head);
      decodePack(bytes, vaultKey, { packId });
    });
    expect(flips).toEqual([]);
  });
});

describe('a sealed block', () => {
  const sealed = pack.slots[0]!;
  const bytes = pack.bytes.slice(PACK_HEAD_BYTES, PACK_HEAD_BYTES + sealed.storedBytes);
  const args = { blockKey, packId, slot: 0, entry: sealed, bytes };

  it('opens in its own slot of its own pack, as its own id, with its own key alone', () => {
    expect(Buffer.from(openBlock(args)).equals(text)).toBe(true);
    expect(() => openBlock({ ...args, slot: 1 })).toThrow(DAMAGED);
    expect(() => openBlock({ ...args, packId: SOME.otherPackId })).toThrow(DAMAGED);
    const blockId = hashBlock(noise);
    expect(() => openBlock({ ...args, entry: { ...sealed, blockId } })).toThrow(DAMAGED);
    const other = deriveBlockKey(SOME.otherVaultKey, packId);
    expect(() => openBlock({ ...args, blockKey: other })).toThrow(DAMAGED);
  });

  it('is refused under the other codec', () => {
    expect(() => openBlock({ ...args, entry: { ...sealed, codec: 1 } })).toThrow(DAMAGED);
    const raw = { ...args, slot: 2, entry: { ...pack.slots[2]!, codec: 2 as const } };
    const at = PACK_HEAD_BYTES + sealed.storedBytes;
    const rawBytes = pack.bytes.slice(at, at + BLOCK_BYTES + 16);
    expect(() => openBlock({ ...raw, bytes: rawBytes })).toThrow(DAMAGED);
  });

  it('names pack and slot when any bit of it is flipped, or bytes are missing', () => {
    const read = (changed: Uint8Array) => openBlock({ ...args, bytes: changed });
    expect(unnoticedFlips(bytes, read)).toEqual([]);
    expect(unnoticedCuts(bytes, read)).toEqual([]);
    expect(() => openBlock({ ...args, bytes: Buffer.concat([bytes, bytes]) })).toThrow(
      `Pack ${packId} is damaged: the block of slot 0 does not open.`,
    );
  });

  /** A block that its writer sealed in earnest, with contents of our choice. */
  function openForged(plain: Uint8Array, codec: 1 | 2, blockId: Uint8Array) {
    const nonce = Buffer.alloc(12);
    const cipher = createCipheriv('aes-256-gcm', blockKey, nonce);
    const head = Buffer.from('HFPK\x01\x00', 'latin1');
    cipher.setAAD(Buffer.concat([head, Buffer.from(packId, 'hex'), Buffer.alloc(4), blockId]));
    const forged = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    const entry = { codec, blockId, storedBytes: forged.length };
    return openBlock({ blockKey, packId, slot: 0, entry, bytes: forged });
  }

  it('is sealed as section 4 says', () => {
    const frame = zstdCompressSync(text);
    expect(Buffer.from(openForged(frame, 2, hashBlock(text))).equals(text)).toBe(true);
  });

  it.each<[string, Uint8Array, string]>([
    ['another content', zstdCompressSync(textBlock('other')), 'does not have the SHA-256'],
    ['a shorter content', zstdCompressSync(text.subarray(1)), 'has 524287 bytes'],
    ['a longer content', zstdCompressSync(Buffer.alloc(BLOCK_BYTES + 1)), 'does not decompress'],
    ['64 MiB of zeros', zstdCompressSync(Buffer.alloc(2 ** 26)), 'does not decompress'],
    ['half a frame', zstdCompressSync(noise).subarray(0, 1000), 'damaged'],
    ['no frame', noise.subarray(0, 1000), 'does not decompress'],
    ['nothing', new Uint8Array(0), 'damaged'],
  ])('is refused with %s', (_, frame, reason) => {
    expect(() => openForged(frame, 2, hashBlock(text))).toThrow(DAMAGED);
    expect(() => openForged(frame, 2, hashBlock(text))).toThrow(reason);
  });

  it('is refused when its frame asks for a window larger than any block needs', () => {
    // Magic, no content size, window descriptor 2^27; then one raw block of no bytes, the last.
    const frame = Buffer.from('28b52ffd0088010000', 'hex');
    expect(() => openForged(frame, 2, hashBlock(text))).toThrow('does not decompress');
    const small = Buffer.from('28b52ffd0050010000', 'hex');
    expect(() => openForged(small, 2, hashBlock(text))).toThrow('has 0 bytes');
  });

  it('is made of a whole block only, where there is room', () => {
    const blockId = hashBlock(text);
    const seal = { blockKey, packId, slot: 0, blockId, block: text, level: 1 };
    expect(() => sealBlock({ ...seal, block: text.subarray(1) })).toThrow(BUG);
    expect(() => sealBlockInto(new Uint8Array(BLOCK_BYTES + 16), 1, seal)).toThrow(BUG);
    expect(() => sealBlock({ ...seal, packId: 'x' })).toThrow(BUG);
    expect(() => sealBlock({ ...seal, blockId: blockId.subarray(1) })).toThrow(BUG);
    expect(() => deriveBlockKey(vaultKey.subarray(1), packId)).toThrow(BUG);
    expect(() => deriveBlockKey(vaultKey, 'x')).toThrow(BUG);
  });
});
