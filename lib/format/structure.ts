import { crc32 } from 'node:zlib';
import { HoldfastError } from '../errors.ts';
import { FORMAT_VERSION } from './limits.ts';

/** Bytes of what every binary structure begins with: magic, u16 version, u16 flags. */
export const HEAD_BYTES = 8;

/** Writes magic, version and flags (docs/format/v1.md, section 2). */
export function writeHead(target: Buffer, magic: string): void {
  target.write(magic, 0, 'latin1');
  target.writeUInt16LE(FORMAT_VERSION, 4);
  target.writeUInt16LE(0, 6);
}

/**
 * Checks magic, version and flags before anything else is looked at, because only they have the
 * same place in every version. `what` names the object in the error.
 */
export function checkHead(what: string, bytes: Buffer, magic: string): void {
  if (bytes.length < HEAD_BYTES) throw malformed(what, `it has only ${bytes.length} bytes`);
  if (bytes.toString('latin1', 0, 4) !== magic) throw malformed(what, 'its magic is wrong');
  const version = bytes.readUInt16LE(4);
  if (version !== FORMAT_VERSION) {
    throw new HoldfastError('format.unsupported', { what, version: String(version) });
  }
  const flags = bytes.readUInt16LE(6);
  if (flags !== 0) {
    const version = `1 with flags 0x${flags.toString(16).padStart(4, '0')}`;
    throw new HoldfastError('format.unsupported', { what, version });
  }
}

/** Writes the CRC-32 of everything before `at`. */
export function writeCrc(target: Buffer, at: number): void {
  target.writeUInt32LE(crc32(target.subarray(0, at)), at);
}

/** Checks the CRC-32 of everything before `at`. It finds damage; tags and MACs find forgery. */
export function checkCrc(what: string, bytes: Buffer, at: number): void {
  if (bytes.readUInt32LE(at) !== crc32(bytes.subarray(0, at))) {
    throw malformed(what, 'its checksum does not match');
  }
}

/** The same bytes, without a copy, with Buffer's readers and writers. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const HEX_16_BYTES = /^[0-9a-f]{32}$/;

/** The 16 bytes of a pack id or of a random part, which are written in lower-case hex. */
export function idBytes(hex: string): Uint8Array {
  mustBe(HEX_16_BYTES.test(hex), 'a pack id or random part is 16 bytes in lower-case hex');
  return Buffer.from(hex, 'hex');
}

export const hexOf = (bytes: Uint8Array): string => asBuffer(bytes).toString('hex');

export const isAllZero = (bytes: Uint8Array): boolean => {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
};

/** A stored object that is not as docs/format/v1.md says. */
export const malformed = (
  what: string,
  reason: string,
  cause?: unknown,
): HoldfastError<'format.malformed'> =>
  new HoldfastError('format.malformed', { what, reason }, { cause });

/** An argument that no caller may pass: the code is wrong, not the stored bytes. */
export function mustBe(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new HoldfastError('bug', { reason: `${rule} (stored format)` });
}
