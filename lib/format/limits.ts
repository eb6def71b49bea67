import { BLOCK_BYTES } from '../model/block.ts';

/** The version that this release writes and the only one that it reads. */
export const FORMAT_VERSION = 1;
/** Bytes of an AES-256 key, and of a vault key. */
export const KEY_BYTES = 32;
/** Bytes of a pack id, of a UUID, and of the random part of a table's or segment's key. */
export const ID_BYTES = 16;
/** Bytes of a SHA-256, and of an HMAC-SHA256. */
export const HASH_BYTES = 32;
/** Bytes of an AES-GCM tag; it follows its ciphertext. */
export const TAG_BYTES = 16;
/** Most bytes that a sealed block has: raw, since zstd is kept only when it is shorter. */
export const SEALED_BLOCK_BYTES_MAX = BLOCK_BYTES + TAG_BYTES;
/**
 * Largest window of a zstd frame, as a power of two. A frame of 512 KiB needs 19; without a limit
 * the frame itself would say how much memory its reader allocates.
 */
export const ZSTD_WINDOW_LOG_MAX = 20;
/** Most bytes of a JSON document (a wrapped key of KMS has 6 KiB, names have some hundred). */
export const DOCUMENT_BYTES_MAX = 64 * 1024;
/** Deepest nesting of a JSON document; the deepest that is written has 2. */
export const DOCUMENT_DEPTH_MAX = 8;
