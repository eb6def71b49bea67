import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localDisks } from '../../lib/adapters/local/local-disks.ts';
import { memoryDisks } from '../../lib/adapters/memory/memory-disks.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import { disksSuite } from './disks.suite.ts';

disksSuite('memoryDisks', async () => ({ disks: memoryDisks(), close: async () => {} }));

disksSuite('localDisks', async () => {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-disks-'));
  return {
    disks: localDisks({ root, extentBytes: 2 * BLOCK_BYTES }),
    close: () => rm(root, { recursive: true, maxRetries: 5 }),
  };
});
