import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { fileKeyProvider } from '../../lib/adapters/local/file-key-provider.ts';
import { memoryKeyProvider } from '../../lib/adapters/memory/memory-key-provider.ts';
import { keyProviderSuite } from './key-provider.suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
afterAll(() => rm(folder, { recursive: true }));

keyProviderSuite('memoryKeyProvider', async () => ({
  provider: memoryKeyProvider(),
  other: memoryKeyProvider(),
}));

keyProviderSuite('fileKeyProvider', async () => ({
  provider: fileKeyProvider({ path: join(folder, 'one.key'), create: true }),
  other: fileKeyProvider({ path: join(folder, 'other.key'), create: true }),
}));
