import { createHash } from 'node:crypto';
import { segmentKey } from '../format/object-keys.ts';
import { encodeSegment, type SegmentEntry } from '../format/segment.ts';
import {
  BLOCK_BYTES,
  BLOCK_ID_BYTES,
  type BlockLocation,
  type BlockRange,
} from '../model/block.ts';
import {
  type BackupStats,
  type FinishedRange,
  NO_STATS,
  type SegmentReference,
} from '../model/session.ts';
import { groupRuns } from './block-ranges.ts';
import { KnownBlocks } from './known-blocks.ts';
import {
  planSegment,
  type SegmentPlan,
  type SegmentSource,
  type SourceBlocks,
} from './plan-segment.ts';
import { type Bytes, release } from './pool/tasks.ts';
import { runLanes } from './run-lanes.ts';
import { PACK_LIMITS, type PackPorts, type PackTarget, PackWriter } from './write-packs.ts';

/**
 * - `chunkBlocks`: blocks read, hashed and looked up together; 4 MiB keeps memory low and the
 *   lookups few;
 * - `lanesPerThread`: chunks under way for each thread: while one is read or looked up, another is
 *   hashed or compressed.
 */
export const STORE_LIMITS = { ...PACK_LIMITS, chunkBlocks: 8, lanesPerThread: 2 };

export interface StoreOptions {
  limits?: typeof STORE_LIMITS;
  /** Asked before each segment but the first; false ends the range there. */
  mayContinue: () => boolean;
  /** Bytes of disk that were gone through since the last call. */
  onProgress: (bytes: number) => void;
}

/**
 * Makes a range of whole segments durable: `from` inclusive, `to` exclusive. For each block, in
 * this order: zeros are recorded as zeros; what the parent has is inherited; what the vault has is
 * referenced; the rest is stored (ARCHITECTURE.md, "Life of a block").
 *
 * Write order is the crash rule (docs/format/v1.md): packs, then index, then segments; the caller
 * then writes the range's record, later the manifest and the catalog. A crash leaves unreferenced
 * bytes, never a reference to bytes that are not there.
 */
export const storeBlocks = async (
  range: { from: number; to: number },
  source: SegmentSource,
  target: PackTarget,
  ports: PackPorts & { disks: SourceBlocks },
  options: StoreOptions,
): Promise<FinishedRange> => {
  const limits = options.limits ?? STORE_LIMITS;
  const writer = new PackWriter(target, ports, limits);
  const run = new RangeRun(
    source,
    writer,
    new KnownBlocks(target, ports),
    ports,
    options.onProgress,
  );
  try {
    const chunks = run.chunks(range, limits.chunkBlocks, options.mayContinue);
    await runLanes(chunks, limits.lanesPerThread * ports.pool.size, (chunk) => run.store(chunk));
    await writer.flush();
  } finally {
    await writer.settle();
  }
  const segments = await writeSegments(run.plans, target, ports, run.stats);
  const stats = { ...run.stats, storedBytes: run.stats.storedBytes + writer.storedBytes };
  return { from: range.from, to: range.from + run.plans.length, segments, stats };
};

interface Chunk {
  plan: SegmentPlan;
  runs: BlockRange[];
}

/** A block that must be stored or found: its number, and where it lies in the chunk's buffers. */
interface Candidate {
  number: number;
  blockId: Uint8Array;
  name: string;
  pick: { buffer: number; block: number };
}

class RangeRun {
  readonly plans: SegmentPlan[] = [];
  readonly stats: BackupStats = { ...NO_STATS };
  readonly #source: SegmentSource;
  readonly #writer: PackWriter;
  readonly #known: KnownBlocks;
  readonly #ports: PackPorts & { disks: SourceBlocks };
  readonly #onProgress: (bytes: number) => void;
  /** Blocks this range stores itself, by index name. */
  readonly #placed = new Map<string, BlockLocation>();

  constructor(
    source: SegmentSource,
    writer: PackWriter,
    known: KnownBlocks,
    ports: PackPorts & { disks: SourceBlocks },
    onProgress: (bytes: number) => void,
  ) {
    this.#source = source;
    this.#writer = writer;
    this.#known = known;
    this.#ports = ports;
    this.#onProgress = onProgress;
  }

  /** Plans one segment after the other and cuts what must be read into chunks. */
  async *chunks(
    range: { from: number; to: number },
    chunkBlocks: number,
    mayContinue: () => boolean,
  ): AsyncGenerator<Chunk> {
    for (let number = range.from; number < range.to; number++) {
      if (number > range.from && !mayContinue()) return;
      const plan = await planSegment(number, this.#source, this.#ports.disks);
      this.plans.push(plan);
      this.#countInherited(plan);
      for (const runs of groupRuns(plan.read, chunkBlocks)) yield { plan, runs };
    }
  }

  #countInherited(plan: SegmentPlan): void {
    const kept = plan.entries.filter((entry) => entry !== null).length;
    const toRead = plan.read.reduce((sum, run) => sum + run.to - run.from, 0);
    this.stats.unchangedBytes += kept * BLOCK_BYTES;
    this.stats.zeroBytes += (plan.entries.length - kept - toRead) * BLOCK_BYTES;
    this.#onProgress((plan.entries.length - toRead) * BLOCK_BYTES);
  }

  /** Reads a chunk and gives each of its blocks an entry. */
  async store({ plan, runs }: Chunk): Promise<void> {
    const read = await Promise.all(
      runs.map((run) => this.#ports.disks.readBlocks(this.#source.snapshotId, run)),
    );
    const { buffers, ids, zero } = await this.#ports.pool.run({ kind: 'hash', buffers: read });
    const candidates = this.#classify(plan, runs, ids, zero);
    const known = await this.#known.find(candidates.map(({ name }) => name));
    const fresh = candidates.filter((candidate) => {
      const at = known.get(candidate.name);
      if (at !== undefined) this.#refer(plan, candidate, at);
      return at === undefined;
    });
    await this.#storeNew(plan, fresh, buffers);
    this.#onProgress(zero.length * BLOCK_BYTES);
  }

  /** Settles zero and unchanged blocks; returns the others. */
  #classify(plan: SegmentPlan, runs: BlockRange[], ids: Bytes, zero: Bytes): Candidate[] {
    const candidates: Candidate[] = [];
    let at = 0;
    for (const [buffer, run] of runs.entries()) {
      for (let number = run.from; number < run.to; number++, at++) {
        this.stats.readBytes += BLOCK_BYTES;
        if (zero[at] === 1) {
          this.stats.zeroBytes += BLOCK_BYTES;
          continue;
        }
        const blockId = ids.subarray(at * BLOCK_ID_BYTES, (at + 1) * BLOCK_ID_BYTES);
        const inherited = this.#inherited(plan, number, blockId);
        if (inherited !== null) {
          plan.entries[number - plan.blocks.from] = inherited;
          this.stats.unchangedBytes += BLOCK_BYTES;
          continue;
        }
        const pick = { buffer, block: number - run.from };
        candidates.push({ number, blockId, name: this.#writer.indexName(blockId), pick });
      }
    }
    return candidates;
  }

  /** The parent's entry when it is of the same bytes and its pack is sound. */
  #inherited(plan: SegmentPlan, number: number, blockId: Uint8Array): SegmentEntry {
    const entry = plan.parent?.entries[number - plan.blocks.from] ?? null;
    if (entry === null || this.#source.quarantined.has(entry.packId)) return null;
    return Buffer.compare(entry.blockId, blockId) === 0 ? entry : null;
  }

  #refer(plan: SegmentPlan, { number, blockId }: Candidate, at: BlockLocation): void {
    plan.entries[number - plan.blocks.from] = { ...at, blockId: blockId.slice() };
    this.stats.deduplicatedBytes += BLOCK_BYTES;
  }

  async #storeNew(plan: SegmentPlan, candidates: Candidate[], buffers: Bytes[]): Promise<void> {
    if (candidates.length === 0) return release(...buffers);
    await this.#writer.room();
    // From here to `reserve` nothing is awaited: no other lane can place the same blocks meanwhile.
    const fresh: Candidate[] = [];
    const own = new Map<string, Candidate>();
    const repeats: Candidate[] = [];
    for (const candidate of candidates) {
      const at = this.#placed.get(candidate.name);
      if (at !== undefined) this.#refer(plan, candidate, at);
      else if (own.has(candidate.name)) repeats.push(candidate);
      else {
        own.set(candidate.name, candidate);
        fresh.push(candidate);
      }
    }
    if (fresh.length === 0) return release(...buffers);
    const first = this.#writer.reserve(fresh.length);
    for (const [n, { number, blockId, name }] of fresh.entries()) {
      const at = { packId: first.packId, slot: first.slot + n };
      this.#placed.set(name, at);
      plan.entries[number - plan.blocks.from] = { ...at, blockId: blockId.slice() };
    }
    for (const repeat of repeats) {
      const at = this.#placed.get(repeat.name);
      if (at !== undefined) this.#refer(plan, repeat, at);
    }
    this.stats.newBytes += fresh.length * BLOCK_BYTES;
    const ids = new Uint8Array(fresh.length * BLOCK_ID_BYTES);
    for (const [n, { blockId }] of fresh.entries()) ids.set(blockId, n * BLOCK_ID_BYTES);
    await this.#writer.seal(first, { buffers, picks: fresh.map(({ pick }) => pick), ids });
  }
}

/**
 * Writes the segments that changed; one without change keeps the parent's, zeros need no object.
 */
const writeSegments = async (
  plans: SegmentPlan[],
  target: PackTarget,
  ports: PackPorts,
  stats: BackupStats,
): Promise<SegmentReference[]> => {
  const references: SegmentReference[] = Array.from({ length: plans.length }, () => null);
  await runLanes(plans.entries(), 4, async ([n, plan]) => {
    if (plan.entries.every((entry) => entry === null)) return;
    if (plan.parent !== null && sameEntries(plan.entries, plan.parent.entries)) {
      references[n] = plan.parent.reference;
      return;
    }
    const { projectId, vaultId, sessionId, keyId, vaultKey } = target;
    const random = Buffer.from(ports.ids.bytes(16)).toString('hex');
    const salt = ports.ids.bytes(16);
    const { number, entries } = plan;
    const bytes = encodeSegment({ vaultKey, keyId, sessionId, salt, number, entries });
    const sha256 = createHash('sha256').update(bytes).digest();
    await ports.objects.put(
      segmentKey({ projectId, vaultId }, sessionId, number, random),
      bytes,
      sha256,
    );
    stats.storedBytes += bytes.length;
    references[n] = { sessionId, random, sha256: sha256.toString('hex') };
  });
  return references;
};

const sameEntries = (a: SegmentEntry[], b: SegmentEntry[]): boolean =>
  a.length === b.length &&
  a.every((entry, n) => {
    const other = b[n] ?? null;
    if (entry === null || other === null) return entry === other;
    return (
      entry.packId === other.packId &&
      entry.slot === other.slot &&
      Buffer.compare(entry.blockId, other.blockId) === 0
    );
  });
