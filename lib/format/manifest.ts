/**
 * A manifest: all that is to know about one disk backup, and its segments (docs/format/v1.md,
 * section 6).
 *
 *     header (32) | JSON, padded with zeros to 4 | segment table | CRC-32 | MAC (32)
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { DISK_BYTES_MAX, segmentCount } from '../model/block.ts';
import { isUuid, uuidBytes, uuidFromBytes } from '../model/ids.ts';
import type { BackupStats, SegmentReference } from '../model/session.ts';
import {
  checkFields,
  decodeJson,
  encodeJson,
  hasFields,
  isCount,
  isText,
  type Rule,
} from './canonical-json.ts';
import { deriveManifestKey } from './keys.ts';
import { DOCUMENT_BYTES_MAX, HASH_BYTES, ID_BYTES } from './limits.ts';
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

/** What the JSON of a manifest holds: readable without the vault's key. */
interface ManifestFacts {
  vaultId: string;
  projectId: string;
  backupId: string;
  sessionId: string;
  checkpointId: string;
  name: string;
  createdAtMs: number;
  disk: { id: string; name: string; sizeBytes: number };
  /** The source's snapshot: the next backup may ask what has changed since. */
  snapshotId: string;
  /** The backup whose entries were inherited. For information: a manifest is always complete. */
  parent: { backupId: string; sessionId: string } | null;
  consistency: 'crash_consistent';
  stats: BackupStats;
}

export interface Manifest extends ManifestFacts {
  /** The vault key that the MAC is made with. */
  keyId: string;
  /** One per GiB of the disk, in order. */
  segments: SegmentReference[];
}

const MAGIC = 'HFMF';
const HEADER_BYTES = 32;
const REFERENCE_BYTES = 2 * ID_BYTES + HASH_BYTES;
const CRC_BYTES = 4;

/** Most bytes a manifest can have: that of a disk of 64 TiB. */
export const MANIFEST_BYTES_MAX =
  HEADER_BYTES +
  DOCUMENT_BYTES_MAX +
  segmentCount(DISK_BYTES_MAX) * REFERENCE_BYTES +
  CRC_BYTES +
  HASH_BYTES;

/** The bytes of a manifest; reads them back before it returns. */
export function encodeManifest(manifest: Manifest, vaultKey: Uint8Array): Uint8Array {
  const { keyId, segments, ...facts } = manifest;
  const json = encodeJson(facts);
  const tableAt = HEADER_BYTES + padded(json.length);
  const crcAt = tableAt + segments.length * REFERENCE_BYTES;
  const macAt = crcAt + CRC_BYTES;
  const object = Buffer.alloc(macAt + HASH_BYTES);
  writeHead(object, MAGIC);
  object.set(uuidBytes(keyId), 8);
  object.writeUInt32LE(json.length, 24);
  object.writeUInt32LE(segments.length, 28);
  object.set(json, HEADER_BYTES);
  for (const [n, reference] of segments.entries()) {
    if (reference) object.set(encodeReference(reference), tableAt + n * REFERENCE_BYTES);
  }
  writeCrc(object, crcAt);
  object.set(macOf(manifest, vaultKey, object.subarray(0, macAt)), macAt);
  decodeManifest(object, vaultKey);
  return object;
}

/**
 * The manifest that the bytes hold.
 *
 * @param vaultKey key `keyId` of the vault; `null` = without checking the MAC, to list what is
 *   there. Nothing may be restored from a manifest whose MAC was not checked.
 * @throws format.malformed, format.unsupported
 */
export function decodeManifest(bytes: Uint8Array, vaultKey: Uint8Array | null): Manifest {
  const object = asBuffer(bytes);
  const layout = decodeHeader(object);
  const macAt = layout.crcAt + CRC_BYTES;
  const facts = decodeFacts(object.subarray(HEADER_BYTES, HEADER_BYTES + layout.jsonBytes));
  const what = nameOf(facts);
  if (layout.segmentCount !== segmentCount(facts.disk.sizeBytes)) {
    throw malformed(what, `it has ${layout.segmentCount} segments`);
  }
  const segments: SegmentReference[] = [];
  for (let at = layout.tableAt; at < layout.crcAt; at += REFERENCE_BYTES) {
    segments.push(decodeReference(what, object.subarray(at, at + REFERENCE_BYTES)));
  }
  const manifest = { ...facts, keyId: layout.keyId, segments };
  if (vaultKey) {
    const mac = macOf(manifest, vaultKey, object.subarray(0, macAt));
    if (!timingSafeEqual(mac, object.subarray(macAt))) {
      throw malformed(what, 'its MAC does not match with this key');
    }
  }
  return manifest;
}

/** Which vault key a manifest is authenticated with. @throws as `decodeManifest` */
export const readManifestKeyId = (bytes: Uint8Array): string => decodeHeader(asBuffer(bytes)).keyId;

/** The header, checked against the object's length and checksum. */
function decodeHeader(object: Buffer) {
  const what = 'manifest';
  checkHead(what, object, MAGIC);
  if (object.length < HEADER_BYTES) throw malformed(what, `it has only ${object.length} bytes`);
  const jsonBytes = object.readUInt32LE(24);
  const segmentCount = object.readUInt32LE(28);
  const tableAt = HEADER_BYTES + padded(jsonBytes);
  const crcAt = tableAt + segmentCount * REFERENCE_BYTES;
  if (object.length !== crcAt + CRC_BYTES + HASH_BYTES) {
    throw malformed(what, `its parts do not add up to its ${object.length} bytes`);
  }
  checkCrc(what, object, crcAt);
  if (!isAllZero(object.subarray(HEADER_BYTES + jsonBytes, tableAt))) {
    throw malformed(what, 'its padding is not zero');
  }
  const keyId = uuidFromBytes(object.subarray(8, 24));
  return { keyId, jsonBytes, segmentCount, tableAt, crcAt };
}

const isId: Rule = (value) => typeof value === 'string' && isUuid(value);

const FACTS: Record<keyof ManifestFacts, Rule> = {
  vaultId: isId,
  projectId: isText,
  backupId: isId,
  sessionId: isId,
  checkpointId: isId,
  name: isText,
  createdAtMs: isCount,
  disk: hasFields({
    id: isText,
    name: isText,
    sizeBytes: (value) => isCount(value) && value !== 0 && (value as number) <= DISK_BYTES_MAX,
  }),
  snapshotId: isText,
  parent: (value) => value === null || hasFields({ backupId: isId, sessionId: isId })(value),
  consistency: (value) => value === 'crash_consistent',
  stats: hasFields({
    readBytes: isCount,
    zeroBytes: isCount,
    unchangedBytes: isCount,
    deduplicatedBytes: isCount,
    newBytes: isCount,
    storedBytes: isCount,
  } satisfies Record<keyof BackupStats, Rule>),
};

function decodeFacts(json: Uint8Array): ManifestFacts {
  const fields = decodeJson('manifest', json);
  checkFields('manifest', fields, FACTS);
  const facts = Object.keys(FACTS).map((name) => [name, fields[name]]);
  return Object.fromEntries(facts) as ManifestFacts;
}

function encodeReference(reference: NonNullable<SegmentReference>): Uint8Array {
  const sha256 = Buffer.from(reference.sha256, 'hex');
  mustBe(sha256.length === HASH_BYTES, 'the SHA-256 of a segment has 32 bytes');
  return Buffer.concat([uuidBytes(reference.sessionId), idBytes(reference.random), sha256]);
}

function decodeReference(what: string, bytes: Buffer): SegmentReference {
  const sha256 = bytes.subarray(2 * ID_BYTES);
  if (isAllZero(sha256)) {
    if (!isAllZero(bytes)) throw malformed(what, 'a segment without object is named');
    return null;
  }
  return {
    sessionId: uuidFromBytes(bytes.subarray(0, ID_BYTES)),
    random: hexOf(bytes.subarray(ID_BYTES, 2 * ID_BYTES)),
    sha256: hexOf(sha256),
  };
}

/** Binds the bytes to their vault and backup: none can pass for another's. */
const macOf = (manifest: Manifest, vaultKey: Uint8Array, bytes: Uint8Array): Buffer =>
  createHmac('sha256', deriveManifestKey(vaultKey))
    .update(MAGIC)
    .update(uuidBytes(manifest.vaultId))
    .update(uuidBytes(manifest.backupId))
    .update(uuidBytes(manifest.keyId))
    .update(bytes)
    .digest();

const padded = (count: number): number => Math.ceil(count / 4) * 4;

const nameOf = (facts: ManifestFacts): string => `manifest of backup ${facts.backupId}`;
