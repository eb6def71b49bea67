import type { BlockLocation } from '../model/block.ts';
import { hasSlot, type Pack } from '../model/pack.ts';
import type { BlockIndex, IndexedBlock } from '../ports/block-index.ts';
import type { PackCatalog } from '../ports/catalog.ts';

/**
 * Finds blocks that the vault already stores (rule R3). The index is a hint: an entry counts only
 * after its pack was pinned by a conditional write and the slot is still present in it. Anything
 * else is a miss, and the block is stored again.
 */
export class KnownBlocks {
  readonly #vaultId: string;
  readonly #startEpoch: number;
  readonly #index: BlockIndex;
  readonly #packs: PackCatalog;
  /** One pin a pack, for as long as this worker runs. */
  readonly #pins = new Map<string, Promise<Pack | null>>();

  constructor(
    session: { vaultId: string; startEpoch: number },
    ports: { index: BlockIndex; packs: PackCatalog },
  ) {
    this.#vaultId = session.vaultId;
    this.#startEpoch = session.startEpoch;
    this.#index = ports.index;
    this.#packs = ports.packs;
  }

  /** Locations of those among `names` that may be referenced from now on. */
  async find(names: IndexedBlock[]): Promise<Map<IndexedBlock, BlockLocation>> {
    if (names.length === 0) return new Map();
    const hints = await this.#index.find(this.#vaultId, names);
    const usable = await Promise.all(
      [...hints].map(async ([name, at]) => {
        const pack = await this.#pin(at.packId);
        return pack !== null && hasSlot(pack, at.slot) ? [[name, at] as const] : [];
      }),
    );
    return new Map(usable.flat());
  }

  #pin(packId: string): Promise<Pack | null> {
    const pin = this.#pins.get(packId) ?? this.#packs.pin(this.#vaultId, packId, this.#startEpoch);
    this.#pins.set(packId, pin);
    return pin;
  }
}
