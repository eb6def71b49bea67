import { createHash } from 'node:crypto';

/** Ids are strings. UUIDs (lower case, with dashes) unless said otherwise. */
export type ProjectId = string;
export type VaultId = string;
export type CheckpointId = string;
export type BackupId = string;
export type OperationLogId = string;
export type SessionId = string;
export type PolicyId = string;
export type KeyId = string;
/** A disk's id is whatever its provider says; locally a UUID. */
export type DiskId = string;
/** A snapshot's id, likewise. */
export type SnapshotId = string;
/** 16 random bytes in lower-case hex (32 characters). */
export type PackId = string;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a UUID as we write them. */
export const isUuid = (text: string): boolean => UUID.test(text);

/** The 16 bytes of a UUID. */
export const uuidBytes = (uuid: string): Uint8Array => {
  if (!isUuid(uuid)) throw new RangeError(`not a UUID: ${uuid}`);
  return new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
};

/** The UUID of 16 bytes. */
export const uuidFromBytes = (bytes: Uint8Array): string => {
  const hex = Buffer.from(bytes).toString('hex');
  return [0, 8, 12, 16, 20].map((at, n) => hex.slice(at, [8, 12, 16, 20, 32][n])).join('-');
};

/**
 * The UUID that belongs to `parts`: always the same one. A step that is run again after a crash
 * meets what its first run made, instead of making a second one.
 */
export const derivedUuid = (...parts: string[]): string => {
  const digest = createHash('sha256').update(parts.join('|')).digest().subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x80; // version 8: made by a rule of our own
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  return uuidFromBytes(digest);
};
