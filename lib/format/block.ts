import { hash } from 'node:crypto';
import { BLOCK_BYTES } from '../model/block.ts';

const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);

/** The id of a block: the SHA-256 of its plaintext, 32 bytes. */
export const hashBlock = (block: Uint8Array): Uint8Array => hash('sha256', block, 'buffer');

/** True for 512 KiB of zeros. Such a block is never stored. */
export const isZeroBlock = (block: Uint8Array): boolean => ZERO_BLOCK.equals(block);

/** The id that a block of zeros would have. */
export const ZERO_BLOCK_ID: Uint8Array = hashBlock(ZERO_BLOCK);
