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
import type { ObjectStore } from '../ports/object-store.ts';
import type { BlockPool } from './pool/block-pool.ts';
import { type Bytes, release } from './pool/tasks.ts';
import type { VaultKeys } from './vault-keys.ts';

/**
 * - `wholeSlots`: that many wanted slots and the pack is fetched at once, without its table first;
 * - `wholeShare`: so is one of which this share of the bytes is wanted;
 * - `gapBytes`: ranges closer than this are fetched as one (a request costs about as much);
 * - `openBlocks`: blocks opened together: 8 MiB;
 * - `attempts`: readings of a pack that is being replaced meanwhile.
 */
export const READ_LIMITS = {
  wholeSlots: 64,
  wholeShare: 0.5,
  gapBytes: 512 * 1024,
  openBlocks: 16,
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

/** Opened blocks, in order of `slots`. */
export interface OpenedBlocks {
  slots: number[];
  /** `slots.length` blocks of 512 KiB; empty when they were only checked. */
  blocks: Bytes;
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
  const { entries, at, bytes, vaultKey } = await fetchBlocks(packId, wanted, reading);
  const blockKey = deriveBlockKey(vaultKey, packId);
  const { openBlocks } = reading.limits ?? READ_LIMITS;
  const open = async (from: number): Promise<OpenedBlocks> => {
    const slots = entries.slice(from, from + openBlocks);
    const sealed = gather(slots, at, bytes);
    const task = { kind: 'open', packId, blockKey, bytes: sealed, slots, keep } as const;
    const { blocks } = await reading.pool.run(task);
    return { slots: slots.map(({ slot }) => slot), blocks };
  };
  let ahead = open(0);
  for (let from = 0; from < entries.length; from += openBlocks) {
    const opened = await ahead;
    // The next ones are opened while the caller works on these.
    if (from + openBlocks < entries.length) ahead = open(from + openBlocks);
    ahead.catch(() => {}); // met at the next turn, or of no interest when the caller gave up
    yield opened;
  }
  release(bytes);
}

/** The sealed bytes of some blocks, one after the other, in memory of their own. */
const gather = (
  slots: Fetched['entries'],
  at: Fetched['at'],
  bytes: Uint8Array,
): Uint8Array<ArrayBuffer> => {
  const sealed = new Uint8Array(slots.reduce((sum, { entry }) => sum + entry.storedBytes, 0));
  let offset = 0;
  for (const { entry } of slots) {
    const start = at(entry);
    sealed.set(bytes.subarray(start, start + entry.storedBytes), offset);
    offset += entry.storedBytes;
  }
  return sealed;
};

interface Fetched {
  entries: { slot: number; entry: PackEntry }[];
  /** Where an entry's sealed bytes begin within `bytes`. */
  at: (entry: PackEntry) => number;
  bytes: Uint8Array;
  vaultKey: Uint8Array;
}

const fetchBlocks = async (
  packId: string,
  wanted: ReadonlyMap<number, Uint8Array>,
  reading: PackReading,
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
  reading: PackReading,
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
  const bytes = new Uint8Array(wantedBytes);
  const starts = new Map<PackEntry, number>();
  let filled = 0;
  for (const run of coalesce(entries, limits.gapBytes)) {
    const { bytes: got } = await reading.objects.getRange(key, run.from, run.to, tail.etag);
    for (const { entry } of run.entries) {
      const from = entry.offset - run.from;
      bytes.set(got.subarray(from, from + entry.storedBytes), filled);
      starts.set(entry, filled);
      filled += entry.storedBytes;
    }
  }
  return { entries, at: (entry) => starts.get(entry) ?? 0, bytes, vaultKey };
};

const fetchWhole = async (
  packId: string,
  wanted: ReadonlyMap<number, Uint8Array>,
  reading: PackReading,
): Promise<Fetched> => {
  const { bytes } = await reading.objects.get(packKey(reading, packId));
  const vaultKey = await reading.vaultKeys.get(readPackKeyId(bytes));
  const table = decodePack(bytes, vaultKey, { packId });
  return { entries: pick(packId, table, wanted), at: (entry) => entry.offset, bytes, vaultKey };
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
      return { slot, entry };
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
const asDamage = (packId: string, cause: unknown): unknown => {
  const damage = ['store.object-missing', 'format.malformed', 'format.unsupported'];
  if (!(cause instanceof HoldfastError) || !damage.includes(cause.code)) return cause;
  return new HoldfastError('pack.damaged', { packId, reason: cause.message }, { cause });
};

/** Blocks of a pack in bytes of disk. */
export const diskBytes = (slots: number[]): number => slots.length * BLOCK_BYTES;
