/**
 * Peak memory of one data worker, alone in a process with its pool of threads: a disk of 1 GiB with
 * data everywhere, and one of 64 TiB with data here and there, both made up block by block.
 *
 *     node bench/memory.ts
 *
 * prints one line of JSON, in bytes. The store keeps nothing, so that the worker's memory is all.
 */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemIds } from '../lib/adapters/local/system-ids.ts';
import { memoryBlockIndex } from '../lib/adapters/memory/memory-block-index.ts';
import { memoryCatalog } from '../lib/adapters/memory/memory-catalog.ts';
import { toRuns } from '../lib/engine/block-ranges.ts';
import { threadPool } from '../lib/engine/pool/block-pool.ts';
import { storeBlocks } from '../lib/engine/store-blocks.ts';
import { BLOCK_BYTES, SEGMENT_BLOCKS, segmentCount } from '../lib/model/block.ts';
import type { Disks } from '../lib/ports/disks.ts';
import type { ObjectStore } from '../lib/ports/object-store.ts';

interface Disk {
  sizeBytes: number;
  /** Segments a worker is given at once. */
  rangeSegments: number;
  /** Whether a block holds data. */
  isData: (block: number) => boolean;
}

const DISKS: Record<string, Disk> = {
  '1 GiB, full': { sizeBytes: 2 ** 30, rangeSegments: 8, isData: () => true },
  '64 TiB, sparse': {
    sizeBytes: 2 ** 46,
    rangeSegments: 8,
    // 1 GiB at its begin, 8 MiB every TiB, two blocks in every 64th segment.
    isData: (block) =>
      block < SEGMENT_BLOCKS ||
      block % (1024 * SEGMENT_BLOCKS) < 16 ||
      block % (64 * SEGMENT_BLOCKS) < 2,
  },
};

/**
 * Half of a block is random, the rest is text; made in place, so that only the worker allocates.
 */
const fillBlock = (number: number, block: Buffer): void => {
  block.fill(`text of block ${number}, `, BLOCK_BYTES / 2);
  randomFillSync(block, 0, BLOCK_BYTES / 2);
};

const disksOf = ({ isData }: Disk): Disks =>
  ({
    allocatedBlocks: async (_, { from, to }) => {
      const numbers = Array.from({ length: to - from }, (_number, n) => from + n);
      return toRuns(numbers.filter(isData));
    },
    readBlocks: async (_, { from, to }) => {
      const bytes = new Uint8Array((to - from) * BLOCK_BYTES);
      for (let block = from; block < to; block++)
        fillBlock(block, Buffer.from(bytes.buffer, (block - from) * BLOCK_BYTES, BLOCK_BYTES));
      return bytes;
    },
  }) satisfies Partial<Disks> as unknown as Disks;

/** Takes as long for a write as 100 MB/s would, and forgets it. */
const sink: Pick<ObjectStore, 'put'> = {
  put: async (_, { length }) => {
    await new Promise((resolve) => setTimeout(resolve, length / 100_000));
  },
};

/** Backs the disk up range by range, as one warm worker does; returns what it stored. */
const copy = async (disk: Disk): Promise<{ storedBytes: number; seconds: number }> => {
  const pool = threadPool(new URL('../lib/engine/pool/worker.ts', import.meta.url));
  const ports = {
    objects: sink as ObjectStore,
    packs: memoryCatalog().packs,
    index: memoryBlockIndex(),
    ids: systemIds(),
    pool,
    disks: disksOf(disk),
  };
  const target = {
    projectId: 'bench',
    vaultId: ports.ids.uuid(),
    sessionId: ports.ids.uuid(),
    keyId: ports.ids.uuid(),
    startEpoch: 1,
    vaultKey: ports.ids.bytes(32),
  };
  const source = {
    snapshotId: 's',
    sizeBytes: disk.sizeBytes,
    parent: null,
    trackChanges: false,
    quarantined: new Set<string>(),
  };
  const startMs = performance.now();
  const count = segmentCount(disk.sizeBytes);
  let storedBytes = 0;
  for (let from = 0; from < count; from += disk.rangeSegments) {
    const range = { from, to: Math.min(count, from + disk.rangeSegments) };
    const options = { mayContinue: () => true, onProgress: () => {} };
    storedBytes += (await storeBlocks(range, source, target, ports, options)).stats.storedBytes;
  }
  await pool.close();
  return { storedBytes, seconds: (performance.now() - startMs) / 1000 };
};

const peakBytes = async (): Promise<number> => {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
};

const [name] = process.argv.slice(2);
const disk = name === undefined ? undefined : DISKS[name];
if (disk !== undefined) {
  const copied = await copy(disk);
  process.stdout.write(JSON.stringify({ ...copied, peakBytes: await peakBytes() }));
} else {
  const disks: Record<string, unknown> = {};
  for (const each of Object.keys(DISKS)) {
    const args = [fileURLToPath(import.meta.url), each];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 600_000 });
    disks[each] = JSON.parse(stdout);
  }
  const threads = availableParallelism();
  process.stdout.write(`${JSON.stringify({ threads, disks })}\n`);
}
