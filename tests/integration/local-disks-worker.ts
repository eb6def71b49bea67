/** Run by local-disks-crash.test.ts: works on a folder of disks until it is killed. */
import { writeSync } from 'node:fs';
import { localDisks } from '../../lib/adapters/local/local-disks.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';

const [root = '', mode = '', seedText = '0'] = process.argv.slice(2);
const EXTENT_BYTES = BLOCK_BYTES;
const EXTENTS = 6;
const disks = localDisks({ root, extentBytes: EXTENT_BYTES });
/** Written at once, so that the parent has every line of a killed process. */
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

if (mode === 'count') await count(Number(seedText));
else await workForEver(Number(seedText));

/** Each process writes its own bytes of one extent that all of them share. */
async function count(own: number): Promise<void> {
  for (let n = 0; n < 20; n++) await disks.write('disk', n * 10 + own, Uint8Array.of(own));
}

async function workForEver(seed: number): Promise<void> {
  for (let n = 1; ; n++) {
    const byte = 1 + ((seed * 31 + n * 7) % 255);
    const name = `${seed}-${n}`;
    if (n % 3 === 0) {
      say({ do: 'snapshot' });
      say({ done: true, snapshotId: (await disks.createSnapshot('disk', name)).id });
    } else if (n % 4 === 0) {
      say({ do: 'restore', attemptId: name, byte });
      await restore(name, byte);
      say({ done: true });
    } else {
      const extents = Array.from({ length: 1 + (n % 2) }, (_, more) => (byte + more) % EXTENTS);
      say({ do: 'write', extents, byte });
      for (const extent of extents)
        await disks.write('disk', extent * EXTENT_BYTES, new Uint8Array(EXTENT_BYTES).fill(byte));
      say({ done: true });
    }
  }
}

async function restore(attemptId: string, byte: number): Promise<void> {
  await disks.beginRestore('disk', attemptId);
  await disks.startContent({ attemptId, sizeBytes: EXTENTS * EXTENT_BYTES });
  for (let extent = 0; extent < EXTENTS; extent++)
    await disks.writeBlocks(attemptId, extent, new Uint8Array(EXTENT_BYTES).fill(byte));
  await disks.sealContent(attemptId);
  await disks.finishRestore('disk', attemptId);
}
