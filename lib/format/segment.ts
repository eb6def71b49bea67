/**
 * A segment: where the up to 2048 blocks of 1 GiB of a disk are (docs/format/v1.md, section 5).
 *
 *     header (80) | sealed (pack ids, entries)
 */
import { BLOCK_ID_BYTES, SEGMENT_BLOCKS } from '../model/block.ts';
import { uuidBytes, uuidFromBytes } from '../model/ids.ts';
import { PACK_SLOTS_MAX } from '../model/pack.ts';
import { deriveSegmentKey } from './keys.ts';
import { ID_BYTES, TAG_BYTES } from './limits.ts';
import { nonceOf, open, sealInto } from './sealing.ts';
import {
  asBuffer,
  checkCrc,
  checkHead,
  hexOf,
  idBytes,
  isAllZero,
  malformed,
  mustBe,
  writeCrc,
  writeHead,
} from './structure.ts';

/** Where a block is, and its id; `null` = a block of zeros. */
export type SegmentEntry = { packId: string; slot: number; blockId: Uint8Array } | null;

const MAGIC = 'HFSG';
const HEADER_BYTES = 80;
const CRC_AT = 76;
const ENTRY_BYTES = 36;
/** A pack index that no pack has: at most 2048 packs are named. */
const ZERO_BLOCK = 0xffff;
const NONCE = nonceOf(0);

/** Most bytes a segment can have: every block in a pack of its own. */
export const SEGMENT_OBJECT_BYTES_MAX =
  HEADER_BYTES + SEGMENT_BLOCKS * (ID_BYTES + ENTRY_BYTES) + TAG_BYTES;

/**
 * Seals a segment, and reads it back before it returns.
 *
 * @param args.salt 16 random bytes, fresh for every call
 * @param args.number position in the disk, in GiB
 * @param args.entries one per block, in order, 1 to 2048
 */
export function encodeSegment(args: {
  vaultKey: Uint8Array;
  keyId: string;
  sessionId: string;
  salt: Uint8Array;
  number: number;
  entries: SegmentEntry[];
}): Uint8Array {
  const { entries } = args;
  mustBe(
    entries.length >= 1 && entries.length <= SEGMENT_BLOCKS,
    'a segment has 1 to 2048 entries',
  );
  mustBe(args.salt.length === ID_BYTES, 'a segment salt has 16 bytes');
  const packIds = [...new Set(entries.flatMap((entry) => (entry ? [entry.packId] : [])))];
  const payload = encodePayload(packIds, entries);
  const object = Buffer.alloc(HEADER_BYTES + payload.length + TAG_BYTES);
  writeHead(object, MAGIC);
  object.set(uuidBytes(args.sessionId), 8);
  object.set(uuidBytes(args.keyId), 24);
  object.set(args.salt, 40);
  object.writeUInt32LE(args.number, 56);
  object.writeUInt32LE(entries.length, 60);
  object.writeUInt32LE(packIds.length, 64);
  object.writeUInt32LE(payload.length + TAG_BYTES, 68);
  writeCrc(object, CRC_AT);
  sealInto(object, HEADER_BYTES, {
    key: deriveSegmentKey(args.vaultKey, args.sessionId, args.salt),
    nonce: NONCE,
    additional: object.subarray(0, HEADER_BYTES),
    plain: payload,
  });
  const expected = { ...args, entryCount: entries.length };
  decodeSegment(object, args.vaultKey, expected);
  return object;
}

/**
 * The map of a segment.
 *
 * @throws format.malformed, format.unsupported
 */
export function decodeSegment(
  bytes: Uint8Array,
  vaultKey: Uint8Array,
  expected: { sessionId: string; number: number; entryCount: number },
): { keyId: string; packIds: string[]; entries: SegmentEntry[] } {
  const what = `segment ${expected.number} of session ${expected.sessionId}`;
  const header = decodeHeader(what, bytes);
  if (header.sessionId !== expected.sessionId) {
    throw malformed(what, `it says it is of session ${header.sessionId}`);
  }
  if (header.number !== expected.number) throw malformed(what, `it says it is ${header.number}`);
  if (header.entryCount !== expected.entryCount) {
    throw malformed(what, `it has ${header.entryCount} entries, not ${expected.entryCount}`);
  }
  const payload = open({
    key: deriveSegmentKey(vaultKey, header.sessionId, header.salt),
    nonce: NONCE,
    additional: bytes.subarray(0, HEADER_BYTES),
    sealed: bytes.subarray(HEADER_BYTES),
  });
  if (!payload) throw malformed(what, 'its seal does not open with this key');
  return { keyId: header.keyId, ...decodePayload(what, payload, header.packCount) };
}

/** Which vault key a segment needs. @throws as `decodeSegment` */
export const readSegmentKeyId = (bytes: Uint8Array): string => decodeHeader('segment', bytes).keyId;

function encodePayload(packIds: string[], entries: SegmentEntry[]): Buffer {
  const indexOf = new Map(packIds.map((packId, index) => [packId, index]));
  const entriesAt = packIds.length * ID_BYTES;
  const payload = Buffer.alloc(entriesAt + entries.length * ENTRY_BYTES);
  for (const [index, packId] of packIds.entries()) payload.set(idBytes(packId), index * ID_BYTES);
  for (const [n, entry] of entries.entries()) {
    const at = entriesAt + n * ENTRY_BYTES;
    payload.writeUInt16LE(entry ? (indexOf.get(entry.packId) ?? ZERO_BLOCK) : ZERO_BLOCK, at);
    if (!entry) continue;
    mustBe(entry.slot >= 0 && entry.slot < PACK_SLOTS_MAX, 'a slot is 0 to 255');
    mustBe(entry.blockId.length === BLOCK_ID_BYTES, 'a block id has 32 bytes');
    payload.writeUInt8(entry.slot, at + 2);
    payload.set(entry.blockId, at + 4);
  }
  return payload;
}

function decodeHeader(what: string, object: Uint8Array) {
  const bytes = asBuffer(object);
  checkHead(what, bytes, MAGIC);
  if (bytes.length < HEADER_BYTES) throw malformed(what, `it has only ${bytes.length} bytes`);
  checkCrc(what, bytes, CRC_AT);
  const number = bytes.readUInt32LE(56);
  const entryCount = bytes.readUInt32LE(60);
  const packCount = bytes.readUInt32LE(64);
  const payloadBytes = bytes.readUInt32LE(68);
  if (entryCount < 1 || entryCount > SEGMENT_BLOCKS) {
    throw malformed(what, `it has ${entryCount} entries`);
  }
  if (packCount > entryCount) throw malformed(what, `it names ${packCount} packs`);
  if (payloadBytes !== packCount * ID_BYTES + entryCount * ENTRY_BYTES + TAG_BYTES) {
    throw malformed(what, `its map has ${payloadBytes} bytes`);
  }
  if (bytes.length !== HEADER_BYTES + payloadBytes) {
    throw malformed(what, `it has ${bytes.length} bytes, not ${HEADER_BYTES + payloadBytes}`);
  }
  if (bytes.readUInt32LE(72) !== 0) throw malformed(what, 'its reserved bytes are not zero');
  return {
    sessionId: uuidFromBytes(bytes.subarray(8, 24)),
    keyId: uuidFromBytes(bytes.subarray(24, 40)),
    salt: bytes.subarray(40, 56),
    number,
    entryCount,
    packCount,
  };
}

function decodePayload(what: string, payload: Buffer, packCount: number) {
  const entriesAt = packCount * ID_BYTES;
  const packIds: string[] = [];
  for (let at = 0; at < entriesAt; at += ID_BYTES) {
    packIds.push(hexOf(payload.subarray(at, at + ID_BYTES)));
  }
  if (new Set(packIds).size !== packCount) throw malformed(what, 'it names a pack twice');
  const entries: SegmentEntry[] = [];
  let used = 0;
  for (let at = entriesAt; at < payload.length; at += ENTRY_BYTES) {
    const bytes = payload.subarray(at, at + ENTRY_BYTES);
    const index = bytes.readUInt16LE(0);
    const zero = index === ZERO_BLOCK && isAllZero(bytes.subarray(2));
    if (!zero && (index > used || index >= packCount || bytes.readUInt8(3) !== 0)) {
      throw malformed(what, `its entry ${entries.length} is not well formed`);
    }
    if (index === used) used += 1;
    const packId = packIds[index];
    entries.push(packId ? { packId, slot: bytes.readUInt8(2), blockId: bytes.subarray(4) } : null);
  }
  if (used !== packCount) throw malformed(what, 'it names a pack that no entry uses');
  return { packIds, entries };
}
