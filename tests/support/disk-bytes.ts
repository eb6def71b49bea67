import { expect } from '@jest/globals';
import type { BlockRange } from '../../lib/model/block.ts';

/** Not `toEqual`, which takes seconds for a few MiB. */
export function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  expect(found).toHaveLength(expected.length);
  const isEqual = Buffer.compare(found, expected) === 0;
  const at = isEqual ? -1 : found.findIndex((byte, index) => byte !== expected[index]);
  expect({ differsAt: at }).toEqual({ differsAt: -1 });
}

export const filled = (lengthBytes: number, byte: number): Uint8Array =>
  new Uint8Array(lengthBytes).fill(byte);

export const padded = (bytes: Uint8Array, lengthBytes: number): Uint8Array => {
  const whole = new Uint8Array(lengthBytes);
  whole.set(bytes);
  return whole;
};

export const isCovered = (runs: BlockRange[], block: number): boolean =>
  runs.some((run) => run.from <= block && block < run.to);
