import { createHash } from 'node:crypto';
import { hashBlock, isZeroBlock } from '../../format/block.ts';
import { SEALED_BLOCK_BYTES_MAX } from '../../format/limits.ts';
import {
  encodePack,
  openBlock,
  type PackEntry,
  type SealedBlock,
  sealBlockInto,
} from '../../format/pack.ts';
import { BLOCK_BYTES, BLOCK_ID_BYTES } from '../../model/block.ts';

/** Buffers that move between threads instead of being copied. */
export type Bytes = Uint8Array<ArrayBuffer>;

export interface HashTask {
  kind: 'hash';
  /** Whole blocks; they come back with the answer. */
  buffers: Bytes[];
}
export interface HashAnswer {
  buffers: Bytes[];
  /** 32 bytes a block, in order of the buffers. */
  ids: Bytes;
  /** 1 for a block of zeros, whose id is not computed. */
  zero: Bytes;
}

export interface SealTask {
  kind: 'seal';
  buffers: Bytes[];
  /** Which blocks of the buffers, with their ids (32 bytes each, concatenated). */
  picks: { buffer: number; block: number }[];
  ids: Bytes;
  packId: string;
  blockKey: Uint8Array;
  firstSlot: number;
  level: number;
}
export interface SealAnswer {
  /** The sealed blocks, one after the other. */
  bytes: Bytes;
  blocks: { codec: 1 | 2; storedBytes: number }[];
}

export interface FinishTask {
  kind: 'finish';
  packId: string;
  keyId: string;
  vaultKey: Uint8Array;
  tableSalt: Uint8Array;
  slots: SealedBlock[];
  blocks: Bytes[];
}
export interface FinishAnswer {
  object: Bytes;
  sha256: Bytes;
}

export interface OpenTask {
  kind: 'open';
  packId: string;
  blockKey: Uint8Array;
  /** Memory that the threads share; a slot's sealed bytes begin at its `start`. */
  pack: Uint8Array;
  slots: { slot: number; start: number; entry: PackEntry }[];
  /** Shared too: room for the opened blocks in order; empty = they are checked and dropped. */
  into: Uint8Array;
}
export type OpenAnswer = Record<string, never>;

export interface TaskAnswers {
  hash: HashAnswer;
  seal: SealAnswer;
  finish: FinishAnswer;
  open: OpenAnswer;
}
export type Task = HashTask | SealTask | FinishTask | OpenTask;

/** Buffers of a task or an answer that may be moved to another thread. */
export const movable = (message: Task | TaskAnswers[keyof TaskAnswers]): ArrayBuffer[] => {
  const found = Object.values(message).flatMap((value: unknown) =>
    Array.isArray(value) ? (value as unknown[]) : [value],
  );
  return found.filter(isWhole).map((bytes) => bytes.buffer);
};

/** Keys and salts are small and shared; only what fills its whole buffer and is large is moved. */
const isWhole = (value: unknown): value is Bytes =>
  value instanceof Uint8Array &&
  value.buffer instanceof ArrayBuffer &&
  value.byteLength === value.buffer.byteLength &&
  value.byteLength >= 4096;

/**
 * Gives large buffers back at once. They would be freed some day anyway, but the collector does not
 * see megabytes outside its heap coming: without this a worker holds several times what it needs.
 */
export const release = (...buffers: Uint8Array[]): void => {
  // A view of somebody else's memory is left alone.
  for (const bytes of buffers.filter(isWhole)) bytes.buffer.transfer(0);
};

/** Runs one task. Pure: the same code in a thread, in the main thread and in a test. */
export const runTask = (task: Task): TaskAnswers[keyof TaskAnswers] => {
  switch (task.kind) {
    case 'hash':
      return hash(task);
    case 'seal':
      return seal(task);
    case 'finish':
      return finish(task);
    case 'open':
      return open(task);
    default:
      throw new TypeError('unknown task');
  }
};

const hash = ({ buffers }: HashTask): HashAnswer => {
  const count = buffers.reduce((sum, buffer) => sum + buffer.length / BLOCK_BYTES, 0);
  const ids = new Uint8Array(count * BLOCK_ID_BYTES);
  const zero = new Uint8Array(count);
  let at = 0;
  for (const buffer of buffers) {
    for (let offset = 0; offset < buffer.length; offset += BLOCK_BYTES, at++) {
      const block = buffer.subarray(offset, offset + BLOCK_BYTES);
      if (isZeroBlock(block)) zero[at] = 1;
      else ids.set(hashBlock(block), at * BLOCK_ID_BYTES);
    }
  }
  return { buffers, ids, zero };
};

/** One a thread: sealed blocks are gathered here before their exact bytes are copied out. */
let scratch: Bytes = new Uint8Array(0);

const seal = (task: SealTask): SealAnswer => {
  const { packId, blockKey, level } = task;
  const room = task.picks.length * SEALED_BLOCK_BYTES_MAX;
  if (scratch.length < room) scratch = new Uint8Array(room);
  const blocks: SealAnswer['blocks'] = [];
  let at = 0;
  for (const [n, pick] of task.picks.entries()) {
    const buffer = task.buffers[pick.buffer];
    if (buffer === undefined) throw new RangeError(`no buffer ${pick.buffer}`);
    const sealed = sealBlockInto(scratch, at, {
      blockKey,
      packId,
      slot: task.firstSlot + n,
      blockId: task.ids.subarray(n * BLOCK_ID_BYTES, (n + 1) * BLOCK_ID_BYTES),
      block: buffer.subarray(pick.block * BLOCK_BYTES, (pick.block + 1) * BLOCK_BYTES),
      level,
    });
    blocks.push(sealed);
    at += sealed.storedBytes;
  }
  release(...task.buffers);
  return { bytes: scratch.slice(0, at), blocks };
};

const finish = (task: FinishTask): FinishAnswer => {
  const encoded = encodePack(task);
  release(...task.blocks);
  const object = new Uint8Array(encoded.buffer as ArrayBuffer, encoded.byteOffset, encoded.length);
  return { object, sha256: new Uint8Array(createHash('sha256').update(object).digest()) };
};

const open = ({ packId, blockKey, pack, slots, into }: OpenTask): OpenAnswer => {
  for (const [n, { slot, start, entry }] of slots.entries()) {
    const bytes = pack.subarray(start, start + entry.storedBytes);
    const block = openBlock({ blockKey, packId, slot, entry, bytes });
    if (into.length > 0) into.set(block, n * BLOCK_BYTES);
    // It lies in memory of its own, somewhat larger than it.
    (block.buffer as ArrayBuffer).transfer(0);
  }
  return {};
};
