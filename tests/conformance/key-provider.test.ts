import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileKeyProvider } from '../../lib/adapters/local/file-key-provider.ts';
import { memoryKeyProvider } from '../../lib/adapters/memory/memory-key-provider.ts';
import { keyProviderSuite } from './key-provider.suite.ts';

keyProviderSuite('memoryKeyProvider', async () => ({
  provider: memoryKeyProvider(),
  other: memoryKeyProvider(),
}));

keyProviderSuite('fileKeyProvider', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
  return {
    provider: fileKeyProvider({ path: join(folder, 'one.key'), create: true }),
    other: fileKeyProvider({ path: join(folder, 'other.key'), create: true }),
  };
});
