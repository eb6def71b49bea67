import { createHash } from 'node:crypto';
import { uuidFromBytes } from '../../model/ids.ts';
import type { Ids } from '../../ports/ids.ts';

/** SHA-256 of a seed and a counter: never twice the same, and the same in every run. */
export const memoryIds = (seed = 'memory'): Ids => {
  let drawn = 0;
  const draw = (): Uint8Array => createHash('sha256').update(`${seed} ${drawn++}`).digest();
  const bytes = (count: number): Uint8Array => {
    const result = new Uint8Array(count);
    for (let at = 0; at < count; at += 32) result.set(draw().subarray(0, count - at), at);
    return result;
  };
  return { bytes, uuid: () => uuidFromBytes(bytes(16)) };
};
