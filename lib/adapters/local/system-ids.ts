import { randomBytes, randomUUID } from 'node:crypto';
import type { Ids } from '../../ports/ids.ts';

/** The operating system's randomness. */
export const systemIds = (): Ids => ({
  uuid: () => randomUUID(),
  bytes: (count) => new Uint8Array(randomBytes(count)),
});
