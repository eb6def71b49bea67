/**
 * A pack: up to 256 sealed blocks in one object (docs/format/v1.md, section 4).
 *
 *     head (8) | sealed blocks of the present slots | sealed table | footer (80)
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { HoldfastError } from '../errors.ts';
import { BLOCK_BYTES, BLOCK_ID_BYTES } from '../model/block.ts';
import { uuidBytes, uuidFromBytes } from '../model/ids.ts';
import { PACK_SLOTS_MAX } from '../model/pack.ts';
import { hashBlock } from './block.ts';
import { deriveBlockKey, deriveTableKey } from './keys.ts';
import {
  FORMAT_VERSION,
  ID_BYTES,
  SEALED_BLOCK_BYTES_MAX,
  TAG_BYTES,
  ZSTD_WINDOW_LOG_MAX,
} from './limits.ts';
import { nonceOf, open, sealInto } from './sealing.ts';
import {
  asBuffer,
  checkCrc,
  checkHead,
  HEAD_BYTES,
  hexOf,
  idBytes,
  isAllZero,
  malformed,
  mustBe,
  writeCrc,
  writeHead,
} from './structure.ts';

/** How a block is stored: 1 = as it is, 2 = one zstd frame. */
export type Codec = 1 | 2;

export interface SealedBlock {
  codec: Codec;
  blockId: Uint8Array;
  /** Bytes of ciphertext and tag. */
  storedBytes: number;
}

/** A slot that holds its block, with the offset in this writing of the object. */
export interface PackEntry extends SealedBlock {
  offset: number;
}

export interface PackTable {
  packId: string;
  keyId: string;
  /** By slot; `null` = dead. */
  slots: (PackEntry | null)[];
  /** Bytes before the table, the head among them. */
  blocksBytes: number;
}

/** What a pack's table and footer are made of. */
export interface PackArguments {
  packId: string;
  keyId: string;
  vaultKey: Uint8Array;
  /** 16 random bytes, fresh for every writing of the pack: no key and nonce meet two tables. */
  tableSalt: Uint8Array;
  /** By slot; `null` = dead, which keeps its number. */
  slots: (SealedBlock | null)[];
}

interface SealArguments {
  blockKey: Uint8Array;
  packId: string;
  slot: number;
  blockId: Uint8Array;
  /** Exactly 512 KiB. */
  block: Uint8Array;
  /** zstd level. */
  level: number;
}

interface OpenArguments {
  blockKey: Uint8Array;
  packId: string;
  slot: number;
  entry: Pick<PackEntry, 'codec' | 'blockId'>;
  /** The sealed block: `storedBytes` bytes of the pack, from the entry's `offset` on. */
  bytes: Uint8Array;
}

const MAGIC = 'HFPK';
const FOOTER_MAGIC = 'HFPE';
const CODEC_DEAD = 0;
const CODEC_RAW = 1;
const CODEC_ZSTD = 2;
const ENTRY_BYTES = 40;
const FOOTER_BYTES = 80;
const FOOTER_CRC_AT = 72;
const TABLE_NONCE = nonceOf(0);
/** Room for any frame of a block (zstd's bound is 514 KiB): one call of the library, one buffer. */
const ZSTD_CHUNK_BYTES = BLOCK_BYTES + 16 * 1024;

/** Where the first sealed block of a pack stands. */
export const PACK_HEAD_BYTES = HEAD_BYTES;
/** The last bytes of a pack that surely hold its table and footer. */
export const PACK_TAIL_BYTES_MAX = PACK_SLOTS_MAX * ENTRY_BYTES + TAG_BYTES + FOOTER_BYTES;
/** Most bytes a whole pack can have. */
export const PACK_BYTES_MAX =
  PACK_HEAD_BYTES + PACK_SLOTS_MAX * SEALED_BLOCK_BYTES_MAX + PACK_TAIL_BYTES_MAX;

/**
 * Compresses a block when that makes it shorter, and seals it for its slot. A slot of a pack is
 * sealed once in all time: its nonce is the slot.
 */
export function sealBlock(args: SealArguments): { codec: Codec; bytes: Uint8Array } {
  const bytes = Buffer.allocUnsafe(SEALED_BLOCK_BYTES_MAX);
  const { codec, storedBytes } = sealBlockInto(bytes, 0, args);
  return { codec, bytes: bytes.subarray(0, storedBytes) };
}

/** `sealBlock` into `target` at `offset`, where `SEALED_BLOCK_BYTES_MAX` bytes must have room. */
export function sealBlockInto(
  target: Uint8Array,
  offset: number,
  args: SealArguments,
): { codec: Codec; storedBytes: number } {
  mustBe(args.block.length === BLOCK_BYTES, 'a block has 512 KiB');
  mustBe(offset + SEALED_BLOCK_BYTES_MAX <= target.length, 'a sealed block has room');
  const compressed = zstdCompressSync(args.block, {
    params: { [constants.ZSTD_c_compressionLevel]: args.level },
    chunkSize: ZSTD_CHUNK_BYTES,
  });
  const codec = compressed.length < BLOCK_BYTES ? CODEC_ZSTD : CODEC_RAW;
  const plain = codec === CODEC_ZSTD ? compressed : args.block;
  sealInto(target, offset, {
    key: args.blockKey,
    nonce: nonceOf(args.slot),
    additional: blockAdditional(args.packId, args.slot, args.blockId),
    plain,
  });
  return { codec, storedBytes: plain.length + TAG_BYTES };
}

/** Builds a pack from its sealed blocks; `blocks`, one after the other, are all of them. */
export function encodePack(args: PackArguments & { blocks: Uint8Array[] }): Uint8Array {
  const blocksBytes = args.blocks.reduce((sum, part) => sum + part.length, 0);
  const target = Buffer.allocUnsafeSlow(PACK_HEAD_BYTES + blocksBytes + tailBytes(args.slots));
  let at = PACK_HEAD_BYTES;
  for (const part of args.blocks) {
    target.set(part, at);
    at += part.length;
  }
  mustBe(at === PACK_HEAD_BYTES + storedBytesOf(args.slots), 'the blocks are those of the slots');
  return sealPack(target, args);
}

/**
 * Completes a pack in place: the sealed blocks stand in `target` from `PACK_HEAD_BYTES` on, and
 * there is room for the tail behind them. Then reads its own table back and opens every tag, so
 * that no bytes are kept that cannot be read. Returns the object, a view of `target`.
 *
 * @throws format.malformed when a sealed block does not open
 */
export function sealPack(target: Uint8Array, args: PackArguments): Uint8Array {
  const { slots } = args;
  mustBe(slots.length >= 1 && slots.length <= PACK_SLOTS_MAX, 'a pack has 1 to 256 slots');
  mustBe(args.tableSalt.length === ID_BYTES, 'a table salt has 16 bytes');
  const blocksBytes = PACK_HEAD_BYTES + storedBytesOf(slots);
  const objectBytes = blocksBytes + tailBytes(slots);
  mustBe(objectBytes <= target.length, 'the tail of a pack has room');
  const object = asBuffer(target).subarray(0, objectBytes);
  writeHead(object, MAGIC);
  const footer = object.subarray(objectBytes - FOOTER_BYTES);
  writeFooter(footer, args, blocksBytes);
  sealInto(object, blocksBytes, {
    key: deriveTableKey(args.vaultKey, args.packId, args.tableSalt),
    nonce: TABLE_NONCE,
    additional: footer.subarray(0, FOOTER_CRC_AT),
    plain: encodeTable(slots),
  });
  checkOpens(object, args);
  return object;
}

/** The table of a whole pack, its head checked too. @throws as `decodePackTail` */
export function decodePack(
  object: Uint8Array,
  vaultKey: Uint8Array,
  expected: { packId: string },
): PackTable {
  checkHead(nameOf(expected.packId), asBuffer(object), MAGIC);
  const tail = object.subarray(-PACK_TAIL_BYTES_MAX);
  return decodePackTail(tail, object.length, vaultKey, expected);
}

/**
 * The table of a pack, from its last bytes (`PACK_TAIL_BYTES_MAX`, or all when it has fewer).
 *
 * @param objectBytes size of the whole object, as the store says
 * @throws format.malformed, format.unsupported
 */
export function decodePackTail(
  tail: Uint8Array,
  objectBytes: number,
  vaultKey: Uint8Array,
  expected: { packId: string },
): PackTable {
  const what = nameOf(expected.packId);
  const footer = decodeFooter(what, tail);
  if (footer.packId !== expected.packId) throw malformed(what, `it says it is ${footer.packId}`);
  if (footer.blocksBytes + footer.tableBytes + FOOTER_BYTES !== objectBytes) {
    throw malformed(what, `its parts do not add up to its ${objectBytes} bytes`);
  }
  const tableAt = tail.length - FOOTER_BYTES - footer.tableBytes;
  if (tableAt < 0) throw malformed(what, 'its table is cut off');
  const plain = open({
    key: deriveTableKey(vaultKey, footer.packId, footer.tableSalt),
    nonce: TABLE_NONCE,
    additional: footer.bytes.subarray(0, FOOTER_CRC_AT),
    sealed: tail.subarray(tableAt, tableAt + footer.tableBytes),
  });
  if (!plain) throw malformed(what, 'the seal of its table does not open with this key');
  const slots = decodeTable(what, plain, footer.blocksBytes);
  return { packId: footer.packId, keyId: footer.keyId, slots, blocksBytes: footer.blocksBytes };
}

/** Which vault key a pack needs, from its last bytes. @throws as `decodePackTail` */
export const readPackKeyId = (tail: Uint8Array): string => decodeFooter('pack', tail).keyId;

/**
 * Opens and decompresses a sealed block and proves that it is the one its id names.
 *
 * @returns 512 KiB
 * @throws pack.damaged when anything is not as it was sealed
 */
export function openBlock(args: OpenArguments): Uint8Array {
  const plain = openSealed(args);
  if (!plain) throw damaged(args, 'does not open');
  const block = args.entry.codec === CODEC_ZSTD ? decompress(args, plain) : plain;
  if (block.length !== BLOCK_BYTES) throw damaged(args, `has ${block.length} bytes`);
  if (!asBuffer(hashBlock(block)).equals(args.entry.blockId)) {
    throw damaged(args, 'does not have the SHA-256 that its id says');
  }
  return block;
}

function decompress(args: OpenArguments, frame: Uint8Array): Uint8Array {
  try {
    return zstdDecompressSync(frame, {
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
      chunkSize: ZSTD_CHUNK_BYTES,
      maxOutputLength: BLOCK_BYTES,
    });
  } catch (cause) {
    throw damaged(args, 'does not decompress to a block', cause);
  }
}

/** Opens the seal only: the stored form of the block, or `null` when it does not open. */
const openSealed = (args: OpenArguments): Buffer | null =>
  open({
    key: args.blockKey,
    nonce: nonceOf(args.slot),
    additional: blockAdditional(args.packId, args.slot, args.entry.blockId),
    sealed: args.bytes,
  });

/** What the tag of a sealed block covers besides the block: it opens in its own place alone. */
function blockAdditional(packId: string, slot: number, blockId: Uint8Array): Uint8Array {
  mustBe(slot >= 0 && slot < PACK_SLOTS_MAX, 'a slot is 0 to 255');
  mustBe(blockId.length === BLOCK_ID_BYTES, 'a block id has 32 bytes');
  const additional = Buffer.alloc(26 + BLOCK_ID_BYTES);
  additional.write(MAGIC, 0, 'latin1');
  additional.writeUInt16LE(FORMAT_VERSION, 4);
  additional.set(idBytes(packId), 6);
  additional.writeUInt32LE(slot, 22);
  additional.set(blockId, 26);
  return additional;
}

function encodeTable(slots: (SealedBlock | null)[]): Buffer {
  const table = Buffer.alloc(slots.length * ENTRY_BYTES);
  for (const [slot, sealed] of slots.entries()) {
    if (!sealed) continue;
    const at = slot * ENTRY_BYTES;
    table.writeUInt8(sealed.codec, at);
    table.writeUInt32LE(sealed.storedBytes, at + 4);
    table.set(sealed.blockId, at + 8);
  }
  return table;
}

function decodeTable(what: string, table: Buffer, blocksBytes: number): PackTable['slots'] {
  const slots: PackTable['slots'] = [];
  let offset = PACK_HEAD_BYTES;
  for (let at = 0; at < table.length; at += ENTRY_BYTES) {
    const entry = decodeEntry(what, table.subarray(at, at + ENTRY_BYTES), offset);
    slots.push(entry);
    offset += entry?.storedBytes ?? 0;
  }
  if (offset !== blocksBytes) throw malformed(what, 'its slots do not add up to its blocks');
  return slots;
}

function decodeEntry(what: string, bytes: Buffer, offset: number): PackEntry | null {
  const codec = bytes.readUInt8(0);
  const storedBytes = bytes.readUInt32LE(4);
  if (codec === CODEC_DEAD && isAllZero(bytes)) return null;
  const fits =
    (codec === CODEC_RAW && storedBytes === SEALED_BLOCK_BYTES_MAX) ||
    (codec === CODEC_ZSTD && storedBytes > TAG_BYTES && storedBytes < SEALED_BLOCK_BYTES_MAX);
  if (!fits || !isAllZero(bytes.subarray(1, 4))) {
    throw malformed(what, `its table has an entry of codec ${codec}, ${storedBytes} bytes`);
  }
  return { codec, blockId: bytes.subarray(8), offset, storedBytes };
}

function writeFooter(footer: Buffer, args: PackArguments, blocksBytes: number): void {
  writeHead(footer, FOOTER_MAGIC);
  footer.set(idBytes(args.packId), 8);
  footer.set(uuidBytes(args.keyId), 24);
  footer.set(args.tableSalt, 40);
  footer.writeUInt32LE(args.slots.length, 56);
  footer.writeUInt32LE(args.slots.length * ENTRY_BYTES + TAG_BYTES, 60);
  footer.writeBigUInt64LE(BigInt(blocksBytes), 64);
  writeCrc(footer, FOOTER_CRC_AT);
  footer.writeUInt32LE(0, FOOTER_CRC_AT + 4);
}

function decodeFooter(what: string, tail: Uint8Array) {
  if (tail.length < FOOTER_BYTES) throw malformed(what, `it has only ${tail.length} bytes`);
  const bytes = asBuffer(tail).subarray(-FOOTER_BYTES);
  checkHead(what, bytes, FOOTER_MAGIC);
  checkCrc(what, bytes, FOOTER_CRC_AT);
  const slotCount = bytes.readUInt32LE(56);
  const tableBytes = bytes.readUInt32LE(60);
  const blocksBytes = Number(bytes.readBigUInt64LE(64));
  if (slotCount < 1 || slotCount > PACK_SLOTS_MAX) {
    throw malformed(what, `it has ${slotCount} slots`);
  }
  if (tableBytes !== slotCount * ENTRY_BYTES + TAG_BYTES) {
    throw malformed(what, `its table has ${tableBytes} bytes`);
  }
  if (blocksBytes < PACK_HEAD_BYTES || blocksBytes > PACK_BYTES_MAX) {
    throw malformed(what, `its blocks have ${blocksBytes} bytes`);
  }
  if (bytes.readUInt32LE(FOOTER_CRC_AT + 4) !== 0) throw malformed(what, 'it does not end in zero');
  return {
    bytes,
    packId: hexOf(bytes.subarray(8, 24)),
    keyId: uuidFromBytes(bytes.subarray(24, 40)),
    tableSalt: bytes.subarray(40, 56),
    tableBytes,
    blocksBytes,
  };
}

function checkOpens(object: Buffer, args: PackArguments): void {
  const blockKey = deriveBlockKey(args.vaultKey, args.packId);
  const { slots } = decodePack(object, args.vaultKey, args);
  for (const [slot, entry] of slots.entries()) {
    if (!entry) continue;
    const bytes = object.subarray(entry.offset, entry.offset + entry.storedBytes);
    if (!openSealed({ blockKey, packId: args.packId, slot, entry, bytes })) {
      throw malformed(nameOf(args.packId), `the block of slot ${slot} does not open`);
    }
  }
}

const storedBytesOf = (slots: (SealedBlock | null)[]): number =>
  slots.reduce((sum, sealed) => sum + (sealed?.storedBytes ?? 0), 0);

const tailBytes = (slots: (SealedBlock | null)[]): number =>
  slots.length * ENTRY_BYTES + TAG_BYTES + FOOTER_BYTES;

const nameOf = (packId: string): string => `pack ${packId}`;

const damaged = (args: OpenArguments, reason: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    'pack.damaged',
    { packId: args.packId, reason: `the block of slot ${args.slot} ${reason}` },
    { cause },
  );
