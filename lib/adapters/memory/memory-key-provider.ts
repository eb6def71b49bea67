import { randomBytes } from 'node:crypto';
import type { KeyProvider } from '../../ports/key-provider.ts';
import { MASTER_KEY_BYTES, masterKeyProvider } from '../local/master-key.ts';

/** Wraps vault keys with a master key that lives as long as the process. */
export function memoryKeyProvider(master: Uint8Array = randomBytes(MASTER_KEY_BYTES)): KeyProvider {
  return masterKeyProvider('memory', async () => master);
}
