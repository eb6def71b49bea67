import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ZERO_BLOCK_ID } from '../../../lib/format/block.ts';
import {
  decodeCommitMarker,
  decodeKeyObject,
  decodeVaultFile,
  encodeCommitMarker,
  encodeKeyObject,
  encodeVaultFile,
} from '../../../lib/format/documents.ts';
import {
  deriveBlockKey,
  deriveIndexKey,
  deriveManifestKey,
  deriveSegmentKey,
  deriveTableKey,
  indexName,
} from '../../../lib/format/keys.ts';
import { decodeManifest, encodeManifest } from '../../../lib/format/manifest.ts';
import { decodePack, encodePack, openBlock } from '../../../lib/format/pack.ts';
import { decodeSegment, encodeSegment } from '../../../lib/format/segment.ts';
import {
  randomBlock,
  SOME,
  someBytes,
  someEntries,
  someManifest,
  somePack,
  textBlock,
} from '../../support/some-stored.ts';

/*
 * These bytes are for ever: vaults that hold them exist. When a test here fails, the code is wrong.
 * A change of the format is version 2, with vectors of its own in a folder beside this one.
 */
const { vaultKey, packId, keyId, sessionId, salt } = SOME;

/** A vector: hex digits, 32 bytes a line. */
const vector = (name: string): Buffer =>
  Buffer.from(
    readFileSync(new URL(`${name}.hex`, import.meta.url), 'utf8').replaceAll('\n', ''),
    'hex',
  );

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('format v1 (do not update: write version 2)', () => {
  it('derives the same keys for ever', () => {
    expect({
      block: hexOf(deriveBlockKey(vaultKey, packId)),
      table: hexOf(deriveTableKey(vaultKey, packId, salt)),
      segment: hexOf(deriveSegmentKey(vaultKey, sessionId, salt)),
      manifest: hexOf(deriveManifestKey(vaultKey)),
      index: hexOf(deriveIndexKey(vaultKey)),
      name: indexName(deriveIndexKey(vaultKey), ZERO_BLOCK_ID),
    }).toEqual({
      block: 'c2c52da9938de04bcbab9900458285e500cd4c6f3806f864135323120631fe7d',
      table: 'f49b8d4ea247a9a84fc255a0fc0f890292fa355f2aca98c4e7bf383403b4e312',
      segment: '98cf2c30228072b0d7be1f91e7e68e13e64ca7e03a08e5934be24d4d42ef454e',
      manifest: '8af00b9bffe0e21b1402bc20870e6a11028fe395e08af891c758ddfdf91c7188',
      index: '25abd6207ca71d3df6223857a6c2f763d0cee5cdaf4493a6868d653ce891c78d',
      name: '84348352648b8d75eeb63470dcefb5d4f5e97942d15a314bc9e523c9600ff281',
    });
    expect(hexOf(ZERO_BLOCK_ID)).toBe(
      '07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541',
    );
  });

  it('reads the pack of 2 zstd blocks and a dead slot, and writes it again from its parts', () => {
    const bytes = vector('pack');
    const table = decodePack(bytes, vaultKey, { packId });
    expect(table.keyId).toBe(keyId);
    expect(table.slots.map((entry) => entry?.codec ?? 0)).toEqual([2, 0, 2]);
    for (const [slot, text] of ['Holdfast ', '', 'format v1 '].entries()) {
      const entry = table.slots[slot];
      if (!entry) continue;
      const sealed = bytes.subarray(entry.offset, entry.offset + entry.storedBytes);
      const blockKey = deriveBlockKey(vaultKey, packId);
      const block = openBlock({ blockKey, packId, slot, entry, bytes: sealed });
      expect(sha256(block)).toBe(sha256(textBlock(text)));
    }
    const blocks = [bytes.subarray(8, table.blocksBytes)];
    const args = { packId, keyId, vaultKey, tableSalt: salt, slots: table.slots, blocks };
    expect(hexOf(encodePack(args))).toBe(hexOf(bytes));
  });

  it('writes the same pack of 2 raw blocks', () => {
    expect(sha256(somePack([randomBlock('one'), randomBlock('two')]).bytes)).toBe(
      '04db9d39272908643cef0d260d979b9676213402a279de095e1a60a5af230f48',
    );
  });

  it('reads and writes the same segment', () => {
    const bytes = vector('segment');
    const expected = { sessionId, number: 7, entryCount: 4 };
    const { entries } = decodeSegment(bytes, vaultKey, expected);
    expect(entries.map((entry) => entry && { ...entry, blockId: hexOf(entry.blockId) })).toEqual(
      someEntries().map((entry) => entry && { ...entry, blockId: hexOf(entry.blockId) }),
    );
    const args = { vaultKey, keyId, sessionId, salt, number: 7, entries };
    expect(hexOf(encodeSegment(args))).toBe(hexOf(bytes));
  });

  it('reads and writes the same manifest', () => {
    const bytes = vector('manifest');
    expect(decodeManifest(bytes, vaultKey)).toEqual(someManifest());
    expect(hexOf(encodeManifest(someManifest(), vaultKey))).toBe(hexOf(bytes));
  });

  it('reads and writes the same vault file', () => {
    const text =
      '{"createdAtMs":1790000000000,"features":[],"format":"holdfast","name":"vault “é”","p' +
      'rojectId":"project-1","sha256":"3254dffd913d262dcb9a46d59886ecf5abc2586cd329ca36b575' +
      '5822bfc0dfdc","vaultId":"22222222-2222-4222-8222-222222222222","version":1}';
    const vault = decodeVaultFile(Buffer.from(text));
    expect(vault).toEqual({
      projectId: 'project-1',
      vaultId: SOME.vaultId,
      name: 'vault “é”',
      createdAtMs: 1_790_000_000_000,
    });
    expect(Buffer.from(encodeVaultFile(vault)).toString()).toBe(text);
  });

  it('reads and writes the same key object', () => {
    const text =
      '{"createdAtMs":1790000000000,"format":"holdfast-key","keyId":"11111111-1111-4111-811' +
      '1-111111111111","provider":"file","sha256":"66d12f57aa09da3531ef86a266fe4af3dfb553fd' +
      '39d84401329fb6790475155a","vaultId":"22222222-2222-4222-8222-222222222222","version"' +
      ':1,"wrapped":"L6ihENbcP5IBv5Pr0/gbEkOVMBJqa6ZxMyzQCVjFk1V0oyx0PBg/MKhXQO6cHJORF29G2p' +
      '5O2CmHcpud"}';
    const key = decodeKeyObject(Buffer.from(text));
    expect({ ...key, wrapped: hexOf(key.wrapped) }).toEqual({
      vaultId: SOME.vaultId,
      keyId,
      provider: 'file',
      wrapped: hexOf(someBytes('wrapped', 60)),
      createdAtMs: 1_790_000_000_000,
    });
    expect(Buffer.from(encodeKeyObject(key)).toString()).toBe(text);
  });

  it('reads and writes the same commit marker', () => {
    const text =
      '{"backupId":"44444444-4444-4444-8444-444444444444","committedAtMs":1790000000001,"fo' +
      'rmat":"holdfast-commit","manifestSha256":"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a' +
      '5a5a5a5a5a5a5a5a5a5a5a","sha256":"6bcb699e7cab529241bbe413132b494ef9ab463526509299e7' +
      '64d32210cd9665","version":1}';
    const marker = decodeCommitMarker(Buffer.from(text));
    expect(marker).toEqual({
      backupId: SOME.backupId,
      manifestSha256: '5a'.repeat(32),
      committedAtMs: 1_790_000_000_001,
    });
    expect(Buffer.from(encodeCommitMarker(marker)).toString()).toBe(text);
  });
});
