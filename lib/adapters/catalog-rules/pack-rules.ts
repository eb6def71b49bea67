import type { PackId } from '../../model/ids.ts';
import { PACK_TRANSITIONS, type Pack } from '../../model/pack.ts';
import type { Session } from '../../model/session.ts';
import { mayBecome, statesBefore } from '../../model/state-table.ts';
import type { PackCatalog } from '../../ports/catalog.ts';
import { refuse } from './refusal.ts';
import { existing, open } from './session-rules.ts';

export type OpenPack = Parameters<PackCatalog['open']>[0];
export type SealPack = Parameters<PackCatalog['seal']>[2];

/** R2. `session`: the pack's. */
export const isPackToOpen = (
  stored: Pack | null,
  pack: OpenPack,
  session: Session | null,
): boolean => {
  if (stored === null) return open(existing(session, pack.sessionId)).state === 'OPEN';
  if (stored.sessionId === pack.sessionId && stored.keyId === pack.keyId) return false;
  return refuse(`pack ${pack.id}`, 'the id is taken');
};

/** A pack that has moved on since it was sealed counts as sealed, unless it is being deleted. */
export const isToSeal = (stored: Pack | null, id: PackId, sealed: SealPack): boolean => {
  if (stored === null) return refuse(`pack ${id}`, 'it does not exist');
  if (stored.state === 'OPEN') return true;
  const isSame = stored.slotCount === sealed.slotCount && stored.lastRefEpoch >= sealed.startEpoch;
  if (stored.state !== 'DELETING' && isSame) return false;
  return refuse(`pack ${id}`, `it is ${stored.state}`);
};

/** How a pack is pinned (R3): not at all, as it is, or by a write that moves epoch and state. */
export const pinning = (stored: Pack | null, startEpoch: number): 'miss' | 'pinned' | 'write' => {
  if (stored?.state !== 'SEALED' && stored?.state !== 'CONDEMNED') return 'miss';
  // It was condemned because nothing live was in it, not because it was found whole.
  if (isDamaged(stored)) return 'miss';
  return stored.state === 'SEALED' && stored.lastRefEpoch >= startEpoch ? 'pinned' : 'write';
};

/** It is QUARANTINED, or was condemned as it was and not released since. */
export const isDamaged = ({ reason }: Pack): boolean => reason !== undefined;

/** A SHRINKING pack is the collector's (`quarantineShrinking`). */
export const TO_QUARANTINE = statesBefore(PACK_TRANSITIONS, 'QUARANTINED').filter(
  (state) => state !== 'SHRINKING',
);

export const isToQuarantine = (stored: Pack | null, id: PackId): boolean => {
  if (stored?.state === 'SHRINKING') return refuse(`pack ${id}`, 'it is being written anew');
  return isToMove(stored, id, 'QUARANTINED');
};

/** Only a QUARANTINED pack is released; a SEALED one is already. */
export const isToRelease = (stored: Pack | null, id: PackId): boolean => {
  if (stored?.state === 'QUARANTINED' || stored?.state === 'SEALED')
    return isToMove(stored, id, 'SEALED');
  return refuse(`pack ${id}`, stored === null ? 'it does not exist' : `it is ${stored.state}`);
};

const isToMove = (stored: Pack | null, id: PackId, to: Pack['state']): boolean => {
  if (stored === null) return refuse(`pack ${id}`, 'it does not exist');
  if (stored.state === to) return false;
  if (mayBecome(PACK_TRANSITIONS, stored.state, to)) return true;
  return refuse(`pack ${id}`, `${stored.state} cannot become ${to}`);
};
