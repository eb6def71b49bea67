/**
 * A vault of one disk that is backed up once a day, as far as dead space goes: which slot of which
 * pack a backup names, what the collector's own plan does about the rest, and what S3 keeps of it.
 * tests/property/dead-space.test.ts shows that the real service does the same.
 */
import { GARBAGE_LIMITS, planGarbage } from '../lib/engine/plan-garbage.ts';
import type { Backup } from '../lib/model/backup.ts';
import { allSlots, commonSlots, countSlots, isSlotSet, type Pack } from '../lib/model/pack.ts';

const DAY_MS = 86_400_000;
/** As `run-collect-job` has it. */
const CYCLES_MAX = 12;

export interface VaultModelOptions {
  /** Slots of a full pack: 32 MiB of blocks that take half their size make 128. */
  packSlots: number;
  retentionDays: number;
  /** How long a deleted backup can be taken back. */
  windowDays: number;
  shrinkBelow: number;
}

/** In slots, that is blocks; what S3 keeps of older versions comes on top. */
export interface SpaceUsed {
  /** Named by a backup that is there. */
  visible: number;
  /** Named by deleted backups alone, which can be taken back. */
  hidden: number;
  /** In packs, and named by nobody. */
  dead: number;
}

interface StoredBlock {
  /** The day of the last backup that names it; for ever, until it is overwritten. */
  lastDay: number;
}

export class VaultModel {
  /** What the collector did, ever: packs, and the slots that it wrote anew. */
  readonly work = { shrunk: 0, rewrittenSlots: 0, deleted: 0 };
  /** Versions of packs that were replaced or deleted. */
  readonly noncurrent: { slots: number; sinceMs: number }[] = [];
  readonly #options: VaultModelOptions;
  /** By block number of the disk: where its newest version is. */
  readonly #disk = new Map<number, StoredBlock>();
  readonly #packs = new Map<string, { pack: Pack; blocks: StoredBlock[] }>();
  #roots: { day: number; hiddenAtMs?: number; deletedEpoch?: number }[] = [];
  #epoch = 1;
  #nextPack = 0;

  constructor(options: VaultModelOptions) {
    this.#options = options;
  }

  /** The packs that are stored. */
  get packs(): Pack[] {
    return [...this.#packs.values()].map(({ pack }) => pack);
  }

  /** The backup of a day: `changed` blocks are new; then retention hides what is too old. */
  backUp(day: number, nowMs: number, changed: Iterable<number>): void {
    const fresh: StoredBlock[] = [];
    for (const number of [...changed].toSorted((a, b) => a - b)) {
      const old = this.#disk.get(number);
      if (old !== undefined) old.lastDay = day - 1;
      const block = { lastDay: Number.MAX_SAFE_INTEGER };
      this.#disk.set(number, block);
      fresh.push(block);
    }
    for (let at = 0; at < fresh.length; at += this.#options.packSlots)
      this.#store(fresh.slice(at, at + this.#options.packSlots));
    this.#roots.push({ day });
    for (const root of this.#roots) {
      if (root.day > day - this.#options.retentionDays || root.hiddenAtMs !== undefined) continue;
      root.hiddenAtMs = nowMs;
      root.deletedEpoch = this.#epoch;
    }
  }

  #store(blocks: StoredBlock[]): void {
    const id = String(this.#nextPack++).padStart(32, '0');
    const slotCount = blocks.length;
    const pack: Pack = {
      vaultId: 'vault',
      id,
      state: 'SEALED',
      keyId: 'key',
      sessionId: 'session',
      slotCount,
      present: allSlots(slotCount),
      lastRefEpoch: this.#epoch,
      storedBytes: slotCount,
    };
    this.#packs.set(id, { pack, blocks });
  }

  /** A collection: cycles until one leaves nothing to go on with. */
  collect(nowMs: number): void {
    for (let cycle = 0; cycle < CYCLES_MAX && this.#cycle(nowMs); cycle++);
  }

  #cycle(nowMs: number): boolean {
    this.#epoch++;
    const { windowDays, shrinkBelow } = this.#options;
    const limits = { ...GARBAGE_LIMITS, shrinkBelow, windowMs: windowDays * DAY_MS };
    const live = this.#mark();
    const plan = planGarbage(
      {
        epoch: this.#epoch,
        m0: this.#epoch,
        nowMs,
        objects: { packs: new Map(), sessions: new Map() },
        sessions: { open: [], ended: [] },
        mark: {
          live,
          segments: new Set(),
          manifests: new Set(),
          hidden: this.#hidden(),
          unreadable: [],
        },
        packs: [...this.#packs.values()].map(({ pack }) => pack),
      },
      limits,
    );
    if (plan.blocked.length > 0) throw new Error(plan.blocked[0]);
    for (const { kind, packId, live: named } of plan.steps)
      this.#execute(kind, packId, named, nowMs);
    const gone = new Set(plan.roots.map(({ id }) => Number(id)));
    this.#roots = this.#roots.filter(({ day }) => !gone.has(day));
    return gone.size > 0 || plan.steps.some(({ kind }) => kind === 'condemn');
  }

  #execute(kind: string, packId: string, named: Uint8Array, nowMs: number): void {
    const { pack } = this.#packs.get(packId)!;
    const present = countSlots(pack.present);
    switch (kind) {
      case 'condemn':
        pack.state = 'CONDEMNED';
        pack.condemnedEpoch = this.#epoch;
        return;
      case 'delete':
        this.#packs.delete(packId);
        this.work.deleted++;
        this.noncurrent.push({ slots: present, sinceMs: nowMs });
        return;
      case 'shrink':
        pack.present = commonSlots(pack.present, named);
        this.work.shrunk++;
        this.work.rewrittenSlots += countSlots(pack.present);
        this.noncurrent.push({ slots: present, sinceMs: nowMs });
        return;
      default:
        throw new Error(`nothing here asks for ${kind}`);
    }
  }

  /** A slot is live while a root is left of the days that name it. */
  #mark(): Map<string, Uint8Array> {
    const oldest = Math.min(...this.#roots.map(({ day }) => day));
    const live = new Map<string, Uint8Array>();
    for (const [id, { blocks }] of this.#packs) {
      const bits = new Uint8Array(Math.ceil(blocks.length / 8));
      for (const [slot, { lastDay }] of blocks.entries())
        if (lastDay >= oldest) bits[slot >> 3]! |= 1 << (slot & 7);
      if (countSlots(bits) > 0) live.set(id, bits);
    }
    return live;
  }

  #hidden(): Backup[] {
    return this.#roots
      .filter(({ hiddenAtMs }) => hiddenAtMs !== undefined)
      .map(({ day, ...root }) => ({ id: String(day), ...root }) as unknown as Backup);
  }

  /** What the vault's packs hold. */
  used(): SpaceUsed {
    const oldestRoot = Math.min(...this.#roots.map(({ day }) => day));
    const seen = this.#roots.filter(({ hiddenAtMs }) => hiddenAtMs === undefined);
    const oldestVisible = Math.min(...seen.map(({ day }) => day));
    const used: SpaceUsed = { visible: 0, hidden: 0, dead: 0 };
    for (const { pack, blocks } of this.#packs.values()) {
      for (const [slot, { lastDay }] of blocks.entries()) {
        if (!isSlotSet(pack.present, slot)) continue;
        if (lastDay >= oldestVisible) used.visible++;
        else if (lastDay >= oldestRoot) used.hidden++;
        else used.dead++;
      }
    }
    return used;
  }
}
