import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  decodeCommitMarker,
  decodeKeyObject,
  decodeVaultFile,
  encodeCommitMarker,
  encodeKeyObject,
  encodeVaultFile,
} from '../../../lib/format/documents.ts';
import { SOME, someBytes, unnoticedCuts, unnoticedFlips } from '../../support/some-stored.ts';

const MALFORMED = expect.objectContaining({ code: 'format.malformed' });
const { vaultId, keyId, backupId } = SOME;

const VAULT = { projectId: 'p', vaultId, name: 'vault "ü"', createdAtMs: 1 };
const KEY = { vaultId, keyId, provider: 'file', wrapped: someBytes('wrapped', 60), createdAtMs: 2 };
const MARKER = { backupId, manifestSha256: 'ab'.repeat(32), committedAtMs: 3 };

const DOCUMENTS = [
  { name: 'vault file', bytes: encodeVaultFile(VAULT), decode: decodeVaultFile, value: VAULT },
  { name: 'key object', bytes: encodeKeyObject(KEY), decode: decodeKeyObject, value: KEY },
  {
    name: 'commit marker',
    bytes: encodeCommitMarker(MARKER),
    decode: decodeCommitMarker,
    value: MARKER,
  },
];

/** The document with fields changed, canonical and with the right checksum. */
function changed(bytes: Uint8Array, changes: object): Uint8Array {
  const { sha256: _, ...rest } = JSON.parse(Buffer.from(bytes).toString()) as { sha256: string };
  const fields = Object.entries({ ...rest, ...changes }).filter(([, value]) => value !== undefined);
  const sorted = (entries: [string, unknown][]) =>
    JSON.stringify(Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))));
  const sha256 = createHash('sha256').update(sorted(fields)).digest('hex');
  return Buffer.from(sorted([...fields, ['sha256', sha256]]));
}

describe.each(DOCUMENTS)('a $name', ({ bytes, decode, value }) => {
  it('gives back what it was made of', () => {
    const decoded = decode(bytes);
    expect({ ...decoded }).toEqual(
      'wrapped' in value ? { ...value, wrapped: Buffer.from(value.wrapped) } : value,
    );
  });

  it('is refused when any bit of it is flipped or anything is cut off or added', () => {
    expect(unnoticedFlips(bytes, decode)).toEqual([]);
    expect(unnoticedCuts(bytes, decode)).toEqual([]);
    expect(() => decode(Buffer.concat([bytes, Buffer.from('\n')]))).toThrow(MALFORMED);
  });

  it('needs every field, of its own type', () => {
    expect(Buffer.from(changed(bytes, {})).equals(bytes)).toBe(true);
    for (const name of Object.keys(value)) {
      expect(() => decode(changed(bytes, { [name]: undefined }))).toThrow(`its field ${name}`);
      expect(() => decode(changed(bytes, { [name]: false }))).toThrow(`its field ${name}`);
    }
  });

  it('leaves fields alone that it does not know', () => {
    expect(decode(changed(bytes, { zebra: [1, { b: null }] }))).toEqual(decode(bytes));
  });

  it('is refused by name when its version is from the future', () => {
    expect(() => decode(changed(bytes, { version: 2 }))).toThrow('has version or feature 2');
    expect(() => decode(changed(bytes, { version: '1' }))).toThrow(MALFORMED);
  });

  it('is refused as a document of another kind', () => {
    for (const other of DOCUMENTS) {
      if (other.decode === decode) continue;
      expect(() => (other.decode as (bytes: Uint8Array) => unknown)(bytes)).toThrow(
        `Malformed ${other.name}: its format is not`,
      );
    }
  });
});

describe('documents', () => {
  it('name the features that a reader must know', () => {
    const bytes = changed(encodeVaultFile(VAULT), { features: ['sparse-packs', 'x'] });
    expect(() => decodeVaultFile(bytes)).toThrow(
      expect.objectContaining({
        code: 'format.unsupported',
        details: { what: `vault ${vaultId}`, version: 'sparse-packs, x' },
      }),
    );
    expect(() => decodeVaultFile(changed(bytes, { features: undefined }))).toThrow(MALFORMED);
    expect(() => decodeVaultFile(changed(bytes, { features: [1] }))).toThrow(MALFORMED);
  });

  it('are not written when they could not be read', () => {
    expect(() => encodeVaultFile({ ...VAULT, vaultId: 'x' })).toThrow(MALFORMED);
    expect(() => encodeKeyObject({ ...KEY, createdAtMs: 0.5 })).toThrow(MALFORMED);
    expect(() => encodeCommitMarker({ ...MARKER, manifestSha256: 'AB'.repeat(32) })).toThrow(
      MALFORMED,
    );
  });

  it('refuse base64 that is not in its one form', () => {
    expect(() => decodeKeyObject(changed(encodeKeyObject(KEY), { wrapped: 'YQ' }))).toThrow(
      MALFORMED,
    );
  });
});
