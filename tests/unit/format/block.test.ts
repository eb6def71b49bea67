import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { hashBlock, isZeroBlock, ZERO_BLOCK_ID } from '../../../lib/format/block.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import { randomBlock } from '../../support/some-stored.ts';

describe('a block', () => {
  it('has the SHA-256 of its bytes as id', () => {
    const block = randomBlock('id');
    expect(Buffer.from(hashBlock(block))).toEqual(createHash('sha256').update(block).digest());
    expect(hashBlock(new Uint8Array(BLOCK_BYTES))).toEqual(ZERO_BLOCK_ID);
  });

  it.each([0, 1, BLOCK_BYTES / 2, BLOCK_BYTES - 1])('is not zero with byte %i set', (at) => {
    const block = new Uint8Array(BLOCK_BYTES);
    expect(isZeroBlock(block)).toBe(true);
    block[at] = 1;
    expect(isZeroBlock(block)).toBe(false);
  });

  it('is not zero when it is shorter than a block', () => {
    expect(isZeroBlock(new Uint8Array(BLOCK_BYTES - 1))).toBe(false);
  });
});
