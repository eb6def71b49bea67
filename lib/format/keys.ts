import { createHmac, hkdfSync } from 'node:crypto';
import { HASH_BYTES, KEY_BYTES } from './limits.ts';
import { idBytes, mustBe } from './structure.ts';

const NO_SALT = new Uint8Array(0);

/** The key of all blocks of a pack (docs/format/v1.md, section 4). `packId`: 32 hex digits. */
export const deriveBlockKey = (vaultKey: Uint8Array, packId: string): Uint8Array =>
  derive(vaultKey, idBytes(packId), 'holdfast/v1/block');

/** The key of one writing of a pack's table; `salt` is fresh for each. */
export const deriveTableKey = (
  vaultKey: Uint8Array,
  packId: string,
  salt: Uint8Array,
): Uint8Array => derive(vaultKey, salt, `holdfast/v1/table|${packId}`);

/** The key of one segment; `salt` is fresh for each. */
export const deriveSegmentKey = (
  vaultKey: Uint8Array,
  sessionId: string,
  salt: Uint8Array,
): Uint8Array => derive(vaultKey, salt, `holdfast/v1/segment|${sessionId}`);

/** The key of the MACs of a vault's manifests. */
export const deriveManifestKey = (vaultKey: Uint8Array): Uint8Array =>
  derive(vaultKey, NO_SALT, 'holdfast/v1/manifest');

/** The key of the names in a vault's block index; from the vault's first key, for ever. */
export const deriveIndexKey = (vaultKey: Uint8Array): Uint8Array =>
  derive(vaultKey, NO_SALT, 'holdfast/v1/index');

/** A block's name in the index, 64 hex digits: who sees the index cannot test for known content. */
export const indexName = (indexKey: Uint8Array, blockId: Uint8Array): string => {
  mustBe(blockId.length === HASH_BYTES, 'a block id has 32 bytes');
  return createHmac('sha256', indexKey).update(blockId).digest('hex');
};

const derive = (vaultKey: Uint8Array, salt: Uint8Array, info: string): Uint8Array => {
  mustBe(vaultKey.length === KEY_BYTES, 'a vault key has 32 bytes');
  return new Uint8Array(hkdfSync('sha256', vaultKey, salt, info, KEY_BYTES));
};
