import { randomUUID } from 'node:crypto';
import { HoldfastError } from '../../errors.ts';
import { BLOCK_BYTES, type BlockRange, blockCount, DISK_BYTES_MAX } from '../../model/block.ts';
import { type Disk, mayBeRestored, type Snapshot } from '../../model/disk.ts';
import type { DiskId, SnapshotId } from '../../model/ids.ts';
import type { Tag } from '../../model/tag.ts';
import type { ContentOptions, Disks } from '../../ports/disks.ts';

/** Blocks by number; a missing one is zeros. A stored block is replaced, never changed. */
type Blocks = Map<number, Uint8Array>;

interface DiskState {
  disk: Disk;
  /** `null`: never filled. */
  blocks: Blocks | null;
  attemptId: string | null;
  lastAttempt: { id: string; finished: boolean } | null;
}

interface ContentState {
  sizeBytes: number;
  blocks: Blocks;
  isSealed: boolean;
}

interface SnapshotState {
  snapshot: Snapshot;
  token: string;
  blocks: Blocks;
}

/** The port in memory, with what a test does to disks besides. */
export interface MemoryDisks extends Disks {
  /** A blank disk in status `available`. */
  addDisk(disk: {
    id: DiskId;
    name: string;
    sizeBytes: number;
    availabilityZone?: string | undefined;
    tags?: Tag[] | undefined;
  }): Promise<Disk>;
  read(diskId: DiskId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>>;
  write(diskId: DiskId, offsetBytes: number, bytes: Uint8Array): Promise<void>;
  resize(diskId: DiskId, sizeBytes: number): Promise<Disk>;
  /** Its snapshots stay. Nothing when there is no such disk. */
  deleteDisk(diskId: DiskId): Promise<void>;
  /** Oldest first; also of a deleted disk. */
  listSnapshots(diskId: DiskId): Promise<Snapshot[]>;
  /** Changes what is told of a disk, such as its status or whether it is bootable. */
  setDisk(diskId: DiskId, change: Partial<Pick<Disk, 'status' | 'bootable' | 'encrypted'>>): void;
  /** Takes a snapshot away behind everybody's back: change tracking against it then says `null`. */
  loseSnapshot(snapshotId: SnapshotId): void;
}

export function memoryDisks(nowMs: () => number = Date.now): MemoryDisks {
  return new DisksInMemory(nowMs);
}

class DisksInMemory implements MemoryDisks {
  readonly #nowMs: () => number;
  readonly #disks = new Map<DiskId, DiskState>();
  readonly #snapshots = new Map<SnapshotId, SnapshotState>();
  readonly #contents = new Map<string, ContentState>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async describe(diskId: DiskId): Promise<Disk> {
    return { ...this.#disk(diskId).disk };
  }

  async *list(): AsyncGenerator<Disk> {
    for (const id of [...this.#disks.keys()].toSorted()) {
      const found = this.#disks.get(id);
      if (found) yield { ...found.disk };
    }
  }

  async createSnapshot(diskId: DiskId, token: string): Promise<Snapshot> {
    if (token === '') throw new HoldfastError('disk.invalid', { reason: 'the token is empty' });
    for (const { snapshot, token: other } of this.#snapshots.values())
      if (snapshot.diskId === diskId && other === token) return { ...snapshot };
    const { disk, blocks } = this.#disk(diskId);
    const snapshot: Snapshot = {
      id: randomUUID(),
      diskId,
      sizeBytes: disk.sizeBytes,
      state: 'completed',
      takenAtMs: this.#nowMs(),
    };
    this.#snapshots.set(snapshot.id, { snapshot, token, blocks: new Map(blocks) });
    return { ...snapshot };
  }

  async describeSnapshot(snapshotId: SnapshotId): Promise<Snapshot> {
    return { ...this.#snapshot(snapshotId).snapshot };
  }

  async deleteSnapshot(snapshotId: SnapshotId): Promise<void> {
    this.#snapshots.delete(snapshotId);
  }

  async allocatedBlocks(snapshotId: SnapshotId, range: BlockRange): Promise<BlockRange[]> {
    checkRange(range);
    const { snapshot, blocks } = this.#snapshot(snapshotId);
    const to = Math.min(range.to, blockCount(snapshot.sizeBytes));
    return toRuns([...blocks.keys()].filter((block) => block >= range.from && block < to));
  }

  async changedBlocks(
    base: SnapshotId,
    snapshotId: SnapshotId,
    range: BlockRange,
  ): Promise<BlockRange[] | null> {
    checkRange(range);
    const after = this.#snapshot(snapshotId);
    const before = this.#snapshots.get(base);
    if (before === undefined || before.snapshot.diskId !== after.snapshot.diskId) return null;
    const shared = sharedBlocks(before.snapshot.sizeBytes, after.snapshot.sizeBytes);
    const numbers = new Set([...before.blocks.keys(), ...after.blocks.keys()]);
    const changed = [...numbers].filter(
      (block) =>
        block >= range.from &&
        block < Math.min(range.to, shared) &&
        before.blocks.get(block) !== after.blocks.get(block),
    );
    const runs = toRuns(changed);
    const beyond = Math.max(range.from, shared);
    if (beyond < range.to) addRun(runs, { from: beyond, to: range.to });
    return runs;
  }

  async readBlocks(snapshotId: SnapshotId, range: BlockRange): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(range);
    const { snapshot, blocks } = this.#snapshot(snapshotId);
    if (range.to > blockCount(snapshot.sizeBytes))
      throw new HoldfastError('disk.invalid', {
        reason: `blocks ${range.from} to ${range.to} are not all there`,
      });
    return readBytes(blocks, range.from * BLOCK_BYTES, (range.to - range.from) * BLOCK_BYTES);
  }

  async createDisk(disk: {
    id: DiskId;
    name: string;
    sizeBytes: number;
    availabilityZone: string;
  }): Promise<Disk> {
    const existing = this.#disks.get(disk.id);
    if (existing?.disk.sizeBytes === disk.sizeBytes) return { ...existing.disk };
    return this.#add(disk, 'creating', null);
  }

  async addDisk(disk: {
    id: DiskId;
    name: string;
    sizeBytes: number;
    availabilityZone?: string | undefined;
    tags?: Tag[] | undefined;
  }): Promise<Disk> {
    return this.#add(disk, 'available', new Map());
  }

  #add(
    disk: Parameters<MemoryDisks['addDisk']>[0],
    status: Disk['status'],
    blocks: Blocks | null,
  ): Disk {
    checkSize(disk.sizeBytes);
    if (this.#disks.has(disk.id)) throw new HoldfastError('disk.exists', { id: disk.id });
    const added: Disk = {
      id: disk.id,
      name: disk.name,
      sizeBytes: disk.sizeBytes,
      status,
      availabilityZone: disk.availabilityZone ?? 'local',
      bootable: false,
      encrypted: false,
      tags: disk.tags ?? [],
      createdAtMs: this.#nowMs(),
    };
    this.#disks.set(disk.id, { disk: added, blocks, attemptId: null, lastAttempt: null });
    return { ...added };
  }

  async beginRestore(diskId: DiskId, attemptId: string): Promise<void> {
    const state = this.#disk(diskId);
    if (state.attemptId === attemptId || hasFinished(state, attemptId)) return;
    const { status } = state.disk;
    if (!mayBeRestored(status) || state.lastAttempt?.id === attemptId)
      throw new HoldfastError('disk.busy', { id: diskId, reason: `it is ${status}` });
    state.disk.status = 'restoring';
    state.attemptId = attemptId;
  }

  async startContent({ attemptId, sizeBytes }: ContentOptions): Promise<void> {
    checkSize(sizeBytes);
    const existing = this.#contents.get(attemptId);
    if (existing?.sizeBytes === sizeBytes) return;
    if (existing)
      throw new HoldfastError('disk.invalid', { reason: `attempt ${attemptId} has another size` });
    this.#contents.set(attemptId, { sizeBytes, blocks: new Map(), isSealed: false });
  }

  async writeBlocks(attemptId: string, from: number, bytes: Uint8Array): Promise<void> {
    const content = this.#contents.get(attemptId);
    if (content === undefined || content.isSealed)
      throw new HoldfastError('disk.content-closed', { id: attemptId });
    const to = from + bytes.length / BLOCK_BYTES;
    checkRange({ from, to });
    if (to > blockCount(content.sizeBytes))
      throw new HoldfastError('disk.invalid', { reason: `block ${to - 1} is beyond the end` });
    for (let block = from; block < to; block++) {
      const insideBytes = Math.min(BLOCK_BYTES, content.sizeBytes - block * BLOCK_BYTES);
      const at = (block - from) * BLOCK_BYTES;
      content.blocks.set(block, padded(bytes.subarray(at, at + insideBytes)));
    }
  }

  async sealContent(attemptId: string): Promise<void> {
    const content = this.#contents.get(attemptId);
    if (content === undefined) throw new HoldfastError('disk.content-closed', { id: attemptId });
    content.isSealed = true;
  }

  async finishRestore(diskId: DiskId, attemptId: string): Promise<void> {
    const state = this.#disk(diskId);
    if (hasFinished(state, attemptId)) return;
    if (state.attemptId !== attemptId)
      throw new HoldfastError('disk.busy', { id: diskId, reason: `${attemptId} does not own it` });
    const content = this.#contents.get(attemptId);
    if (!content?.isSealed || content.sizeBytes > state.disk.sizeBytes)
      throw new HoldfastError('disk.invalid', {
        reason: `attempt ${attemptId} has no sealed content of at most ${state.disk.sizeBytes} bytes`,
      });
    state.blocks = new Map(content.blocks);
    end(state, 'available', { id: attemptId, finished: true });
  }

  async abandonRestore(diskId: DiskId, attemptId: string): Promise<void> {
    const state = this.#disk(diskId);
    if (state.attemptId !== attemptId) return;
    this.#contents.delete(attemptId);
    const status = state.blocks === null ? 'error' : 'available';
    end(state, status, { id: attemptId, finished: false });
  }

  async read(
    diskId: DiskId,
    offsetBytes: number,
    lengthBytes: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { disk, blocks } = this.#disk(diskId);
    checkSpan(disk, offsetBytes, lengthBytes);
    return readBytes(blocks ?? new Map(), offsetBytes, lengthBytes);
  }

  async write(diskId: DiskId, offsetBytes: number, bytes: Uint8Array): Promise<void> {
    const { disk, blocks } = this.#writable(diskId);
    checkSpan(disk, offsetBytes, bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const block = Math.floor((offsetBytes + at) / BLOCK_BYTES);
      const start = offsetBytes + at - block * BLOCK_BYTES;
      const part = bytes.subarray(at, at + BLOCK_BYTES - start);
      const changed = padded(blocks.get(block) ?? new Uint8Array());
      changed.set(part, start);
      blocks.set(block, changed);
      at += part.length;
    }
  }

  async resize(diskId: DiskId, sizeBytes: number): Promise<Disk> {
    checkSize(sizeBytes);
    const { disk, blocks } = this.#writable(diskId);
    const last = blockCount(sizeBytes) - 1;
    for (const block of blocks.keys()) if (block > last) blocks.delete(block);
    const cut = blocks.get(last);
    if (cut && sizeBytes < disk.sizeBytes)
      blocks.set(last, padded(cut.subarray(0, sizeBytes - last * BLOCK_BYTES)));
    disk.sizeBytes = sizeBytes;
    return { ...disk };
  }

  async deleteDisk(diskId: DiskId): Promise<void> {
    if (this.#disks.get(diskId)?.disk.status === 'restoring')
      throw new HoldfastError('disk.busy', { id: diskId, reason: 'it is restoring' });
    this.#disks.delete(diskId);
  }

  async listSnapshots(diskId: DiskId): Promise<Snapshot[]> {
    const all = [...this.#snapshots.values()].map(({ snapshot }) => ({ ...snapshot }));
    return all.filter((snapshot) => snapshot.diskId === diskId);
  }

  setDisk(diskId: DiskId, change: Partial<Pick<Disk, 'status' | 'bootable' | 'encrypted'>>): void {
    Object.assign(this.#disk(diskId).disk, change);
  }

  loseSnapshot(snapshotId: SnapshotId): void {
    this.#snapshots.delete(snapshotId);
  }

  #disk(diskId: DiskId): DiskState {
    const state = this.#disks.get(diskId);
    if (state === undefined) throw new HoldfastError('disk.missing', { id: diskId });
    return state;
  }

  #writable(diskId: DiskId): { disk: Disk; blocks: Blocks } {
    const { disk, blocks } = this.#disk(diskId);
    if (blocks === null || (disk.status !== 'available' && disk.status !== 'in-use'))
      throw new HoldfastError('disk.busy', { id: diskId, reason: `it is ${disk.status}` });
    return { disk, blocks };
  }

  #snapshot(snapshotId: SnapshotId): SnapshotState {
    const state = this.#snapshots.get(snapshotId);
    if (state === undefined) throw new HoldfastError('disk.snapshot-missing', { id: snapshotId });
    return state;
  }
}

function end(
  state: DiskState,
  status: Disk['status'],
  lastAttempt: { id: string; finished: boolean },
): void {
  state.disk.status = status;
  state.attemptId = null;
  state.lastAttempt = lastAttempt;
}

const hasFinished = ({ lastAttempt }: DiskState, attemptId: string): boolean =>
  lastAttempt?.id === attemptId && lastAttempt.finished;

function checkSize(sizeBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > DISK_BYTES_MAX)
    throw new HoldfastError('disk.invalid', {
      reason: `size ${sizeBytes} must be 1 to ${DISK_BYTES_MAX} bytes`,
    });
}

function checkRange({ from, to }: BlockRange): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from)
    throw new HoldfastError('disk.invalid', { reason: `no range of blocks: ${from} to ${to}` });
}

function checkSpan(disk: Disk, offsetBytes: number, lengthBytes: number): void {
  if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > disk.sizeBytes)
    throw new HoldfastError('disk.invalid', {
      reason: `${lengthBytes} bytes at ${offsetBytes} are not within ${disk.sizeBytes} bytes`,
    });
}

const sharedBlocks = (sizeA: number, sizeB: number): number =>
  sizeA === sizeB ? blockCount(sizeA) : Math.floor(Math.min(sizeA, sizeB) / BLOCK_BYTES);

/** A whole block of its own with `bytes` at its start. */
function padded(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(bytes);
  return block;
}

function readBytes(blocks: Blocks, offsetBytes: number, lengthBytes: number) {
  const bytes = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes; ) {
    const block = Math.floor((offsetBytes + at) / BLOCK_BYTES);
    const start = offsetBytes + at - block * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES - start, lengthBytes - at);
    const stored = blocks.get(block);
    if (stored) bytes.set(stored.subarray(start, start + length), at);
    at += length;
  }
  return bytes;
}

/** Runs of consecutive numbers. */
function toRuns(numbers: number[]): BlockRange[] {
  const runs: BlockRange[] = [];
  for (const number of numbers.toSorted((a, b) => a - b))
    addRun(runs, { from: number, to: number + 1 });
  return runs;
}

function addRun(runs: BlockRange[], run: BlockRange): void {
  const last = runs.at(-1);
  if (last?.to === run.from) last.to = run.to;
  else runs.push(run);
}
