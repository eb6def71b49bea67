/**
 * Peak memory of one data worker, alone in a process with its pool of threads: a disk of 1 GiB with
 * data everywhere, and one of 64 TiB with data here and there, both made up block by block. Each is
 * backed up, backed up again by comparing all of it, restored and verified, each in a new process.
 *
 *     node bench/memory.ts
 *
 * prints one line of JSON, in bytes. The objects are files: the worker's memory is all there is.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemIds } from '../lib/adapters/local/system-ids.ts';
import { memoryBlockIndex } from '../lib/adapters/memory/memory-block-index.ts';
import { toRuns } from '../lib/engine/block-ranges.ts';
import { openParent, type ParentMap } from '../lib/engine/parent-map.ts';
import { type BlockPool, threadPool } from '../lib/engine/pool/block-pool.ts';
import { readManifest } from '../lib/engine/read-manifest.ts';
import { restoreBlocks } from '../lib/engine/restore-blocks.ts';
import { storeBlocks } from '../lib/engine/store-blocks.ts';
import { verifyBlocks } from '../lib/engine/verify-blocks.ts';
import { writeManifest } from '../lib/engine/write-manifest.ts';
import type { Backup } from '../lib/model/backup.ts';
import { BLOCK_BYTES, SEGMENT_BLOCKS, segmentCount } from '../lib/model/block.ts';
import { NO_STATS, type SegmentReference } from '../lib/model/session.ts';
import type { PackCatalog } from '../lib/ports/catalog.ts';
import type { Disks } from '../lib/ports/disks.ts';
import { folderStore } from './folder-store.ts';

interface Disk {
  sizeBytes: number;
  /** Whether a block holds data. */
  isData: (block: number) => boolean;
}

const DISKS: Record<string, Disk> = {
  '1 GiB, full': { sizeBytes: 2 ** 30, isData: () => true },
  '64 TiB, sparse': {
    sizeBytes: 2 ** 46,
    // 1 GiB at its begin, 8 MiB every TiB, two blocks in every 64th segment.
    isData: (block) =>
      block < SEGMENT_BLOCKS ||
      block % (1024 * SEGMENT_BLOCKS) < 16 ||
      block % (64 * SEGMENT_BLOCKS) < 2,
  },
};

/** Segments a worker is given at once. */
const RANGE_SEGMENTS = 8;
const STAGES = ['backup', 'again', 'restore', 'verify'] as const;
const VAULT_KEY = Buffer.alloc(32, 7);
const vaultKeys = { get: () => Promise.resolve(VAULT_KEY) };
const [projectId, vaultId, keyId] = [1, 2, 3].map(
  (n) => `00000000-0000-4000-8000-00000000000${n}`,
) as [string, string, string];
const FACTS = { projectId, vaultId, keyId };

/**
 * Half of a block is noise, the rest is text: the same whenever it is read, and made in place, so
 * that only the worker allocates.
 */
const fillBlock = (number: number, block: Buffer): void => {
  block.fill(`text of block ${number}, `, BLOCK_BYTES / 2);
  const noise = new Uint32Array(block.buffer, block.byteOffset, BLOCK_BYTES / 8);
  let state = number + 1;
  for (let n = 0; n < noise.length; n++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    noise[n] = state;
  }
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
    writeBlocks: async () => {},
  }) satisfies Partial<Disks> as unknown as Disks;

/** Ranges of whole segments, as a warm worker gets them one after the other. */
const ranges = ({ sizeBytes }: Disk): { from: number; to: number }[] => {
  const count = segmentCount(sizeBytes);
  return Array.from({ length: Math.ceil(count / RANGE_SEGMENTS) }, (_, n) => ({
    from: n * RANGE_SEGMENTS,
    to: Math.min(count, (n + 1) * RANGE_SEGMENTS),
  }));
};

/** Notes nothing: the index that knows a block is new each time, so no pack is asked for. */
const packs = {
  open: async () => {},
  seal: async () => {},
} satisfies Partial<PackCatalog> as unknown as PackCatalog;

/** Backs the disk up; returns what it stored. */
const backUp = async (disk: Disk, folder: string, parent: ParentMap | null, pool: BlockPool) => {
  const objects = folderStore(folder);
  const ids = systemIds();
  const ports = {
    objects,
    packs,
    index: memoryBlockIndex(),
    ids,
    pool,
    disks: disksOf(disk),
  };
  const sessionId = ids.uuid();
  const target = { ...FACTS, sessionId, startEpoch: 1, vaultKey: VAULT_KEY };
  const source = {
    snapshotId: 's',
    sizeBytes: disk.sizeBytes,
    parent,
    trackChanges: false,
    quarantined: new Set<string>(),
  };
  const segments: SegmentReference[] = [];
  let storedBytes = 0;
  for (const range of ranges(disk)) {
    const options = { mayContinue: () => true, onProgress: () => {} };
    const finished = await storeBlocks(range, source, target, ports, options);
    for (const segment of finished.segments) segments.push(segment);
    storedBytes += finished.stats.storedBytes;
  }
  const backupId = ids.uuid();
  const manifest = {
    ...FACTS,
    backupId,
    sessionId,
    checkpointId: ids.uuid(),
    name: 'bench',
    createdAtMs: 0,
    disk: { id: 'disk', name: 'disk', sizeBytes: disk.sizeBytes },
    snapshotId: 's',
    parent: null,
    consistency: 'crash_consistent' as const,
    stats: { ...NO_STATS, storedBytes },
    segments,
  };
  const sha256 = await writeManifest(manifest, VAULT_KEY, objects);
  const backup = { ...FACTS, id: backupId, manifest: { sessionId, sha256 } };
  await writeFile(backupFile(folder), JSON.stringify(backup));
  return { storedBytes };
};

const backupFile = (folder: string): string => join(folder, 'backup.json');

const run = async (stage: string, disk: Disk, folder: string): Promise<object> => {
  const pool = threadPool(new URL('../lib/engine/pool/worker.ts', import.meta.url));
  try {
    if (stage === 'backup') return await backUp(disk, folder, null, pool);
    const objects = folderStore(folder);
    const backup = JSON.parse(await readFile(backupFile(folder), 'utf8')) as Backup;
    if (stage === 'again') {
      const parent = await openParent(backup, { objects, vaultKeys });
      return await backUp(disk, folder, parent, pool);
    }
    const reading = { ...FACTS, objects, vaultKeys, pool };
    const manifest = await readManifest(backup, { objects, vaultKeys });
    let blocks = 0;
    for (const range of ranges(disk)) {
      if (stage === 'verify') {
        const sample = { percent: 100, seed: 1 };
        const { checkedBlocks, damaged } = await verifyBlocks(
          manifest,
          range,
          sample,
          reading,
          () => {},
        );
        if (damaged.length > 0) throw new Error(JSON.stringify(damaged[0]));
        blocks += checkedBlocks;
        continue;
      }
      const ports = { ...reading, disks: disksOf(disk) };
      await restoreBlocks(manifest, range, 'attempt', ports, () => {});
    }
    return stage === 'verify' ? { blocks } : {};
  } finally {
    await pool.close();
  }
};

const peakBytes = async (): Promise<number> => {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
};

const measure = async (disk: string): Promise<object> => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-memory-'));
  const found: Record<string, unknown> = {};
  try {
    for (const stage of STAGES) {
      const args = [fileURLToPath(import.meta.url), stage, disk, folder];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 1_200_000 });
      found[stage] = JSON.parse(stdout);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return found;
};

const [stage, name, folder] = process.argv.slice(2);
const disk = name === undefined ? undefined : DISKS[name];
if (stage !== undefined && disk !== undefined && folder !== undefined) {
  const startMs = performance.now();
  const found = await run(stage, disk, folder);
  const seconds = Math.round((performance.now() - startMs) / 100) / 10;
  process.stdout.write(JSON.stringify({ ...found, seconds, peakBytes: await peakBytes() }));
} else {
  const disks: Record<string, unknown> = {};
  for (const each of Object.keys(DISKS)) disks[each] = await measure(each);
  process.stdout.write(`${JSON.stringify({ threads: availableParallelism(), disks })}\n`);
}
