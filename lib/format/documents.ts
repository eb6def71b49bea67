/** The small objects that are JSON and nothing else (docs/format/v1.md, section 7). */
import { hash } from 'node:crypto';
import { HoldfastError } from '../errors.ts';
import { isUuid } from '../model/ids.ts';
import {
  canonicalJson,
  checkFields,
  decodeJson,
  encodeJson,
  type Fields,
  isCount,
  isText,
  type Rule,
} from './canonical-json.ts';
import { FORMAT_VERSION } from './limits.ts';
import { malformed } from './structure.ts';

/** `vault.json`: which vault this is. */
export interface VaultFile {
  projectId: string;
  vaultId: string;
  name: string;
  createdAtMs: number;
}

/** A vault key, wrapped by a key provider with the vault's id as context. */
export interface KeyObject {
  vaultId: string;
  keyId: string;
  /** Name of the key provider that can unwrap it. */
  provider: string;
  wrapped: Uint8Array;
  createdAtMs: number;
}

/** Says that a backup was committed, to a recovery without the catalog. A hint: written after. */
export interface CommitMarker {
  backupId: string;
  /** 64 hex digits. */
  manifestSha256: string;
  committedAtMs: number;
}

const isId: Rule = (value) => typeof value === 'string' && isUuid(value);
const isSha256: Rule = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isBase64: Rule = (value) =>
  typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value;
const isListOfText: Rule = (value) => Array.isArray(value) && value.every(isText);

export const encodeVaultFile = (vault: VaultFile): Uint8Array =>
  encode('holdfast', { ...vault, features: [] }, decodeVaultFile);

/**
 * @throws format.malformed, or format.unsupported with the name of a feature that this release
 *   does not know: such a vault can be neither read nor written
 */
export function decodeVaultFile(bytes: Uint8Array): VaultFile {
  const fields = decode('vault file', 'holdfast', bytes, {
    projectId: isText,
    vaultId: isId,
    name: isText,
    createdAtMs: isCount,
    features: isListOfText,
  });
  const { features, ...vault } = fields as unknown as VaultFile & { features: string[] };
  if (features.length > 0) {
    const what = `vault ${vault.vaultId}`;
    throw new HoldfastError('format.unsupported', { what, version: features.join(', ') });
  }
  return vault;
}

export const encodeKeyObject = (key: KeyObject): Uint8Array =>
  encode(
    'holdfast-key',
    { ...key, wrapped: Buffer.from(key.wrapped).toString('base64') },
    decodeKeyObject,
  );

/** @throws format.malformed, format.unsupported */
export function decodeKeyObject(bytes: Uint8Array): KeyObject {
  const fields = decode('key object', 'holdfast-key', bytes, {
    vaultId: isId,
    keyId: isId,
    provider: isText,
    wrapped: isBase64,
    createdAtMs: isCount,
  });
  const key = fields as unknown as KeyObject & { wrapped: string };
  return { ...key, wrapped: Buffer.from(key.wrapped, 'base64') };
}

export const encodeCommitMarker = (marker: CommitMarker): Uint8Array =>
  encode('holdfast-commit', { ...marker }, decodeCommitMarker);

/** @throws format.malformed, format.unsupported */
export const decodeCommitMarker = (bytes: Uint8Array): CommitMarker =>
  decode('commit marker', 'holdfast-commit', bytes, {
    backupId: isId,
    manifestSha256: isSha256,
    committedAtMs: isCount,
  }) as unknown as CommitMarker;

/** Writes a document, and reads it back: nothing is kept that would be refused later. */
function encode(
  format: string,
  fields: Fields,
  readBack: (bytes: Uint8Array) => unknown,
): Uint8Array {
  const rest = { ...fields, format, version: FORMAT_VERSION };
  const bytes = encodeJson({ ...rest, sha256: hash('sha256', canonicalJson(rest)) });
  readBack(bytes);
  return bytes;
}

/** The fields that have a rule, once format, version and checksum are as they must be. */
function decode(
  what: string,
  format: string,
  bytes: Uint8Array,
  rules: Record<string, Rule>,
): Fields {
  const fields = decodeJson(what, bytes);
  if (fields['format'] !== format) throw malformed(what, `its format is not ${format}`);
  checkFields(what, fields, { version: isCount });
  if (fields['version'] !== FORMAT_VERSION) {
    throw new HoldfastError('format.unsupported', { what, version: String(fields['version']) });
  }
  const { sha256, ...rest } = fields;
  if (sha256 !== hash('sha256', canonicalJson(rest))) {
    throw malformed(what, 'its checksum does not match');
  }
  checkFields(what, fields, rules);
  return Object.fromEntries(Object.keys(rules).map((name) => [name, fields[name]]));
}
