import { HoldfastError, isError } from '../errors.ts';
import { deriveBlockKey } from '../format/keys.ts';
import { packKey } from '../format/object-keys.ts';
import {
  decodePack,
  decodePackTail,
  PACK_TAIL_BYTES_MAX,
  type PackEntry,
  type PackTable,
  readPackKeyId,
} from '../format/pack.ts';
import { BLOCK_BYTES } from '../model/block.ts';
import { PACK_TARGET_BYTES } from '../model/pack.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { BlockPool } from './pool/block-pool.ts';
import type { VaultKeys } from './vault-keys.ts';

/**
 * - `wholeSlots`: that many wanted slots and the pack is fetched at once, without its table first;
 * - `wholeShare`: so is one of which this share of the bytes is wanted;
 * - `gapBytes`: ranges closer than this are fetched as one (a request costs about as much);
 * - `openBlocks`: blocks opened together: 8 MiB;
 * - `roomBytes`: memory for a pack; larger ones are rare, and read into memory of their own;
 * - `attempts`: readings of a pack that is being replaced meanwhile.
 */
export const READ_LIMITS = {
  wholeSlots: 64,
  wholeShare: 0.5,
  gapBytes: 512 * 1024,
  openBlocks: 16,
  roomBytes: PACK_TARGET_BYTES + 4 * 2 ** 20,
  attempts: 4,
};

export interface PackReading {
  projectId: string;
  vaultId: string;
  objects: ObjectStore;
  vaultKeys: VaultKeys;
  pool: BlockPool;
  limits?: typeof READ_LIMITS;
}

/** Memory in which a pack is read and opened, shared with the pool's threads: nothing is copied. */
interface PackBuffers {
  pack: Uint8Array;
  /** Two, so that blocks can be opened while the caller works on those before. */
  opened: [Uint8Array, Uint8Array];
}

const sharedBytes = (count: number) => new Uint8Array(new SharedArrayBuffer(count));

const newPackBuffers = (limits: typeof READ_LIMITS): PackBuffers => {
  const opened = () => sharedBytes(limits.openBlocks * BLOCK_BYTES);
  return { pack: sharedBytes(limits.roomBytes), opened: [opened(), opened()] };
};

/**
 * Memory that is free, as long as the pool lives. It is used again from range to range: what is new
 * each time costs page faults, and is collected too late. Restoring 64 TiB of mostly nothing took
 * 2.6 GB.
 */
const spareBuffers = new WeakMap<BlockPool, PackBuffers[]>();
const SPARE_MAX = 4;

const spareOf = (pool: BlockPool): PackBuffers[] => {
  const spare = spareBuffers.get(pool) ?? [];
  spareBuffers.set(pool, spare);
  return spare;
};

/** Opened blocks, in order of `slots`. */
export interface OpenedBlocks {
  slots: number[];
  /**
   * `slots.length` blocks of 512 KiB; empty when they were only checked. The caller's until it asks
   * for the next ones.
   */
  blocks: Uint8Array;
}

/**
 * Reads blocks of one pack, whole or in coalesced ranges, whichever is cheaper; every block is
 * opened and its SHA-256 compared with its id. `wanted` maps slots to the ids that the segment
 * names. Anything wrong with the pack, its absence too, is `pack.damaged`.
 */
export async function* readPackBlocks(
  packId: string,
  wanted: ReadonlyMap<number, Uint8Array>,
  reading: PackReading,
  keep = true,
): AsyncGenerator<OpenedBlocks> {
  const { limits = READ_LIMITS } = reading;
  const spare = spareOf(reading.pool);
  const buffers = spare.pop() ?? newPackBuffers(limits);
  const fetched = await fetchBlocks(packId, wanted, { ...reading, room: buffers.pack });
  const { entries, bytes: pack } = fetched;
  const blockKey = deriveBlockKey(fetched.vaultKey, packId);
  const { openBlocks } = limits;
  const open = async (from: number): Promise<OpenedBlocks> => {
    const slots = entries.slice(from, from + openBlocks);
    const room = buffers.opened[(from / openBlocks) % 2] as Uint8Array;
    const into = room.subarray(0, keep ? slots.length * BLOCK_BYTES : 0);
    await reading.pool.run({ kind: 'open', packId, blockKey, pack, slots, into });
    return { slots: slots.map(({ slot }) => slot), blocks: into };
  };
  let ahead = open(0);
  for (let from = 0; from < entries.length; from += openBlocks) {
    const opened = await ahead;
    // The next ones are opened while the caller works on these.
    if (from + openBlocks < entries.length) ahead = open(from + openBlocks);
    ahead.catch(() => {}); // met at the next turn, or of no interest when the caller gave up
    yield opened;
  }
  // Not after a failure: a thread, or whoever was handed blocks, may still be at work in them.
  if (spare.length < SPARE_MAX) spare.push(buffers);
}

/** What a reading of one pack needs besides. */
type Fetching = PackReading & { room: Uint8Array };

interface Fetched {
  /** `start`: where the slot's sealed bytes begin within `bytes`. */
  entries: { slot: number; start: number; entry: PackEntry }[];
  bytes: Uint8Array;
  vaultKey: Uint8Array;
}

const fetchBlocks = async (
  packId: string,
  wanted: ReadonlyMap<number, Uint8Array>,
  reading: Fetching,
): Promise<Fetched> => {
  const { attempts } = reading.limits ?? READ_LIMITS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(packId, wanted, reading);
    } catch (cause) {
      // The collector may shrink the pack in place between two requests: its table moved.
      if (isError(cause, 'store.object-changed') && attempt < attempts) continue;
      throw asDamage(packId, cause);
    }
  }
};

const fetchOnce = async (
  packId: string,
  wanted: ReadonlyMap<number, Uint8Array>,
  reading: Fetching,
): Promise<Fetched> => {
  const limits = reading.limits ?? READ_LIMITS;
  const key = packKey(reading, packId);
  if (wanted.size >= limits.wholeSlots) return fetchWhole(packId, wanted, reading);
  const tail = await reading.objects.getTail(key, PACK_TAIL_BYTES_MAX);
  const vaultKey = await reading.vaultKeys.get(readPackKeyId(tail.bytes));
  const table = decodePackTail(tail.bytes, tail.sizeBytes, vaultKey, { packId });
  const entries = pick(packId, table, wanted);
  const wantedBytes = entries.reduce((sum, { entry }) => sum + entry.storedBytes, 0);
  if (wantedBytes >= limits.wholeShare * table.blocksBytes)
    return fetchWhole(packId, wanted, reading);
  const bytes = wantedBytes <= reading.room.length ? reading.room : sharedBytes(wantedBytes);
  let filled = 0;
  for (const run of coalesce(entries, limits.gapBytes)) {
    const { bytes: got } = await reading.objects.getRange(key, run.from, run.to, tail.etag);
    for (const item of run.entries) {
      const from = item.entry.offset - run.from;
      bytes.set(got.subarray(from, from + item.entry.storedBytes), filled);
      item.start = filled;
      filled += item.entry.storedBytes;
    }
  }
  return { entries, bytes, vaultKey };
};

const fetchWhole = async (
  packId: string,
  wanted: ReadonlyMap<number, Uint8Array>,
  reading: Fetching,
): Promise<Fetched> => {
  const { bytes } = await reading.objects.get(packKey(reading, packId), reading.room);
  const vaultKey = await reading.vaultKeys.get(readPackKeyId(bytes));
  const table = decodePack(bytes, vaultKey, { packId });
  return { entries: pick(packId, table, wanted), bytes: shared(bytes), vaultKey };
};

/** A pack that is too large for the room: its bytes, where the threads see them. */
const shared = (bytes: Uint8Array): Uint8Array => {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = sharedBytes(bytes.length);
  copy.set(bytes);
  return copy;
};

/** The wanted slots' entries in order of the pack; the table must name the same blocks. */
const pick = (
  packId: string,
  table: PackTable,
  wanted: ReadonlyMap<number, Uint8Array>,
): Fetched['entries'] =>
  [...wanted]
    .toSorted(([a], [b]) => a - b)
    .map(([slot, blockId]) => {
      const entry = table.slots[slot] ?? null;
      if (entry === null || Buffer.compare(entry.blockId, blockId) !== 0) {
        const reason = `slot ${slot} does not hold block ${Buffer.from(blockId).toString('hex')}`;
        throw new HoldfastError('pack.damaged', { packId, reason });
      }
      return { slot, start: entry.offset, entry };
    });

const coalesce = (
  entries: Fetched['entries'],
  gapBytes: number,
): { from: number; to: number; entries: Fetched['entries'] }[] => {
  const runs: { from: number; to: number; entries: Fetched['entries'] }[] = [];
  for (const item of entries) {
    const { offset, storedBytes } = item.entry;
    const last = runs.at(-1);
    if (last !== undefined && offset - last.to <= gapBytes) {
      last.to = offset + storedBytes;
      last.entries.push(item);
    } else runs.push({ from: offset, to: offset + storedBytes, entries: [item] });
  }
  return runs;
};

/** What makes a pack unreadable is damage; an outage or a missing key is not. */
export const PACK_DAMAGE = [
  'pack.damaged',
  'store.object-missing',
  'format.malformed',
  'format.unsupported',
] as const;

const asDamage = (packId: string, cause: unknown): unknown => {
  if (isError(cause, 'pack.damaged') || !isError(cause, ...PACK_DAMAGE)) return cause;
  return new HoldfastError('pack.damaged', { packId, reason: cause.message }, { cause });
};

/** Blocks of a pack in bytes of disk. */
export const diskBytes = (slots: number[]): number => slots.length * BLOCK_BYTES;
