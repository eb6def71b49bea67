import { HoldfastError } from '../errors.ts';
import { deriveBlockKey, deriveIndexKey, indexName } from '../format/keys.ts';
import { packKey } from '../format/object-keys.ts';
import type { SealedBlock } from '../format/pack.ts';
import { BLOCK_ID_BYTES, type BlockLocation } from '../model/block.ts';
import { PACK_SLOTS_MAX, PACK_TARGET_BYTES } from '../model/pack.ts';
import type { BlockIndex, IndexedBlock } from '../ports/block-index.ts';
import type { PackCatalog } from '../ports/catalog.ts';
import type { Ids } from '../ports/ids.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { BlockPool } from './pool/block-pool.ts';
import { type Bytes, release } from './pool/tasks.ts';

/**
 * Limits are arguments, so that a test crosses every one with a small disk.
 * - `level`: zstd's; 3 is what keeps the stored bytes near restic's (docs/adr/0009, bench/);
 * - `uploadsMax`: finished packs in memory; more than two gain nothing and cost 35 MiB each.
 */
export const PACK_LIMITS = {
  targetBytes: PACK_TARGET_BYTES,
  slotsMax: PACK_SLOTS_MAX,
  uploadsMax: 2,
  level: 3,
};

/** The session on whose right packs are written, and the key they are sealed with. */
export interface PackTarget {
  projectId: string;
  vaultId: string;
  sessionId: string;
  startEpoch: number;
  keyId: string;
  vaultKey: Uint8Array;
}

export interface PackPorts {
  objects: ObjectStore;
  packs: PackCatalog;
  index: BlockIndex;
  ids: Ids;
  pool: BlockPool;
}

/** New blocks of one chunk: `picks` name them within the buffers, `ids` has 32 bytes for each. */
export interface NewBlocks {
  buffers: Bytes[];
  picks: { buffer: number; block: number }[];
  ids: Bytes;
}

interface OpenPack {
  id: string;
  blockKey: Uint8Array;
  opened: Promise<void>;
  /** Slots given out, and how many of them are not sealed yet. */
  reserved: number;
  unsealed: number;
  sealedBytes: number;
  parts: { firstSlot: number; bytes: Bytes; blocks: SealedBlock[] }[];
  closed: boolean;
}

/**
 * Collects new blocks into packs and makes them durable (rule R2): the pack is registered OPEN, the
 * object is put, the pack becomes SEALED, and only then the index learns its blocks. A location is
 * given out before its pack is durable; it may be written into a segment only after `flush`.
 */
export class PackWriter {
  storedBytes = 0;
  readonly #target: PackTarget;
  readonly #ports: PackPorts;
  readonly #limits: typeof PACK_LIMITS;
  readonly #indexKey: Uint8Array;
  readonly #packs = new Map<string, OpenPack>();
  readonly #uploads = new Set<Promise<void>>();
  #open: OpenPack | null = null;
  #failure: unknown;
  /** What a sealed block takes on average; a guess until there are some. */
  #sealed = { blocks: 1, bytes: 256 * 1024 };

  constructor(target: PackTarget, ports: PackPorts, limits = PACK_LIMITS) {
    this.#target = target;
    this.#ports = ports;
    this.#limits = limits;
    this.#indexKey = deriveIndexKey(target.vaultKey);
  }

  /** The name of a block in the vault's index. */
  indexName(blockId: Uint8Array): IndexedBlock {
    return indexName(this.#indexKey, blockId);
  }

  /** Waits until a pack may be opened without holding too many finished ones in memory. */
  async room(): Promise<void> {
    while (this.#uploads.size >= this.#limits.uploadsMax) await Promise.race(this.#uploads);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Gives `count` slots at once, synchronously: nobody else places the same blocks meanwhile.
   * Returns the location of the first; the others follow it.
   */
  reserve(count: number): BlockLocation {
    if (this.#open !== null && this.#open.reserved + count > this.#limits.slotsMax) this.#close();
    const pack = (this.#open ??= this.#newPack());
    const slot = pack.reserved;
    pack.reserved += count;
    pack.unsealed += count;
    const expected = (pack.unsealed * this.#sealed.bytes) / this.#sealed.blocks;
    if (
      pack.reserved >= this.#limits.slotsMax ||
      pack.sealedBytes + expected >= this.#limits.targetBytes
    ) {
      this.#open = null;
      pack.closed = true;
    }
    this.#packs.set(pack.id, pack);
    return { packId: pack.id, slot };
  }

  /** Compresses and seals reserved blocks; the buffers are gone afterwards. */
  async seal(at: BlockLocation, blocks: NewBlocks): Promise<void> {
    const pack = this.#packs.get(at.packId);
    if (pack === undefined)
      throw new HoldfastError('bug', { reason: `pack ${at.packId} is not open` });
    const ids = blocks.ids.slice();
    const { bytes, blocks: sealed } = await this.#ports.pool.run({
      kind: 'seal',
      ...blocks,
      packId: pack.id,
      blockKey: pack.blockKey,
      firstSlot: at.slot,
      level: this.#limits.level,
    });
    pack.parts.push({
      firstSlot: at.slot,
      bytes,
      blocks: sealed.map((block, n) => ({
        ...block,
        blockId: ids.subarray(n * BLOCK_ID_BYTES, (n + 1) * BLOCK_ID_BYTES),
      })),
    });
    pack.unsealed -= sealed.length;
    pack.sealedBytes += bytes.length;
    this.#sealed.blocks += sealed.length;
    this.#sealed.bytes += bytes.length;
    this.#finishIfComplete(pack);
  }

  /** Resolves when every pack is durable and indexed. */
  async flush(): Promise<void> {
    this.#close();
    await this.settle();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when nothing is under way any more, whatever became of it. */
  async settle(): Promise<void> {
    while (this.#uploads.size > 0) await Promise.race(this.#uploads);
  }

  #newPack(): OpenPack {
    const { vaultId, sessionId, keyId, vaultKey } = this.#target;
    const id = Buffer.from(this.#ports.ids.bytes(16)).toString('hex');
    const opened = this.#ports.packs.open({ vaultId, id, keyId, sessionId });
    opened.catch(() => {}); // its failure is met when the pack is finished
    const blockKey = deriveBlockKey(vaultKey, id);
    return {
      id,
      blockKey,
      opened,
      reserved: 0,
      unsealed: 0,
      sealedBytes: 0,
      parts: [],
      closed: false,
    };
  }

  #close(): void {
    const pack = this.#open;
    this.#open = null;
    if (pack === null) return;
    pack.closed = true;
    this.#finishIfComplete(pack);
  }

  #finishIfComplete(pack: OpenPack): void {
    if (!pack.closed || pack.unsealed > 0) return;
    this.#packs.delete(pack.id);
    const upload = this.#finish(pack)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#uploads.delete(upload));
    this.#uploads.add(upload);
  }

  async #finish(pack: OpenPack): Promise<void> {
    const { projectId, vaultId, keyId, vaultKey, startEpoch } = this.#target;
    const parts = pack.parts.toSorted((a, b) => a.firstSlot - b.firstSlot);
    const slots = parts.flatMap((part) => part.blocks);
    const { object, sha256 } = await this.#ports.pool.run({
      kind: 'finish',
      packId: pack.id,
      keyId,
      vaultKey,
      tableSalt: this.#ports.ids.bytes(16),
      slots,
      blocks: parts.map((part) => part.bytes),
    });
    await pack.opened;
    await this.#ports.objects.put(packKey({ projectId, vaultId }, pack.id), object, sha256);
    const sealed = { slotCount: slots.length, storedBytes: object.length, startEpoch };
    await this.#ports.packs.seal(vaultId, pack.id, sealed);
    this.storedBytes += object.length;
    release(object);
    const entries = slots.map(
      (block, slot) => [this.indexName(block.blockId), { packId: pack.id, slot }] as const,
    );
    await this.#ports.index.put(vaultId, new Map(entries));
  }
}
