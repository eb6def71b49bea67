import type { KeyId, PackId, SessionId, VaultId } from './ids.ts';
import type { Transitions } from './state-table.ts';

/** ARCHITECTURE.md, "Sessions and roots". `GONE` is an item that no longer exists. */
export type PackState =
  | 'OPEN'
  | 'SEALED'
  | 'CONDEMNED'
  | 'DELETING'
  | 'SHRINKING'
  | 'QUARANTINED'
  | 'GONE';

export const PACK_TRANSITIONS: Transitions<PackState> = {
  OPEN: ['SEALED', 'DELETING'],
  SEALED: ['CONDEMNED', 'SHRINKING', 'QUARANTINED'],
  // A damaged one that is live again is QUARANTINED again.
  CONDEMNED: ['SEALED', 'QUARANTINED', 'DELETING'],
  // It cannot be written anew: only a cycle, which knows what is live in it, says so.
  SHRINKING: ['SEALED', 'QUARANTINED'],
  QUARANTINED: ['SEALED', 'CONDEMNED'],
  DELETING: ['GONE'],
  GONE: [],
};

/** In these its object holds the slots that are present, until it is DELETING. */
export const HOLDING_STATES: ReadonlySet<PackState> = new Set([
  'SEALED',
  'CONDEMNED',
  'SHRINKING',
  'QUARANTINED',
]);

/**
 * What a reconciliation may make of an item: it goes by the object. Of one that is SHRINKING a late
 * PUT may replace the object yet, so no session may pin it until a collector has written it anew.
 */
export const PACK_RECONCILIATIONS: Transitions<PackState> = {
  OPEN: ['SEALED', 'QUARANTINED', 'GONE'],
  SEALED: ['SEALED', 'QUARANTINED', 'GONE'],
  CONDEMNED: ['SEALED', 'QUARANTINED', 'GONE'],
  SHRINKING: ['QUARANTINED', 'GONE'],
  QUARANTINED: ['QUARANTINED', 'GONE'],
  DELETING: [],
  GONE: ['SEALED', 'QUARANTINED'],
};

/** Most slots a pack has. */
export const PACK_SLOTS_MAX = 256;
/** A pack is finished when its sealed blocks reach this many bytes. */
export const PACK_TARGET_BYTES = 32 * 2 ** 20;

export interface Pack {
  vaultId: VaultId;
  id: PackId;
  state: PackState;
  keyId: KeyId;
  /** The session that wrote it. */
  sessionId: SessionId;
  /** Slots it was sealed with; 0 while OPEN. */
  slotCount: number;
  /** Bit n set = slot n still holds its block (little-endian bit order, `slotCount` bits). */
  present: Uint8Array;
  /** Largest start epoch of a session that wrote or reused it (rules R2, R3). */
  lastRefEpoch: number;
  /** Bytes of the object. */
  storedBytes: number;
  /** Set while CONDEMNED: the epoch of the cycle that condemned it (rules R8, R9). */
  condemnedEpoch?: number;
  /** Why it is QUARANTINED; kept when it is condemned. */
  reason?: string;
}

/** True when `slot` of a pack still holds its block. */
export const hasSlot = (pack: Pick<Pack, 'present' | 'slotCount'>, slot: number): boolean =>
  slot < pack.slotCount && isSlotSet(pack.present, slot);

/** True when every slot of `part` is one of `whole`. */
export const isPartOf = (part: Uint8Array, whole: Uint8Array): boolean =>
  part.length === whole.length && part.every((bits, n) => (bits & ~whole[n]!) === 0);

/** The `present` bits of a pack that was just sealed: all of its slots. */
export const allSlots = (slotCount: number): Uint8Array => {
  const bits = new Uint8Array(Math.ceil(slotCount / 8));
  for (let slot = 0; slot < slotCount; slot++) setSlot(bits, slot);
  return bits;
};

/** True when bit `slot` is set. */
export const isSlotSet = (bits: Uint8Array, slot: number): boolean =>
  ((bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;

/** Sets bit `slot`, which `bits` must have room for. */
export const setSlot = (bits: Uint8Array, slot: number): void => {
  bits[slot >> 3]! |= 1 << (slot & 7);
};

/** How many bits are set. */
export const countSlots = (bits: Uint8Array): number => {
  let count = 0;
  for (let byte of bits) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
};

/** Slots that are in both. */
export const commonSlots = (a: Uint8Array, b: Uint8Array): Uint8Array =>
  a.map((byte, n) => byte & (b[n] ?? 0));
