import type { VaultAddress } from '../format/object-keys.ts';
import type { SessionId } from '../model/ids.ts';
import type { Session, SessionState } from '../model/session.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { ObservedUsage } from '../ports/garbage-catalog.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { listVaultObjects, storedBytes } from './list-vault-objects.ts';
import { markLiveSlots } from './mark-live-slots.ts';
import type { GarbageFacts } from './plan-garbage.ts';
import type { VaultKeys } from './vault-keys.ts';

export interface Surveying extends VaultAddress {
  catalog: Pick<Catalog, 'garbage' | 'sessions' | 'backups'>;
  objects: ObjectStore;
  vaultKeys: VaultKeys;
}

export interface Survey {
  facts: GarbageFacts;
  usage: { usedBytes: number; observed: ObservedUsage };
}

/**
 * Reads what a cycle decides on, in the order that its safety rests on (rule R7): objects, then
 * sessions, then the horizon is fixed, then the roots, then packs. The used bytes are observed
 * before all of it: what counts now and what a commit adds are apart, whenever a session ends.
 *
 * @param fixHorizon is given the OPEN sessions, and those that ended while this was reading: what
 *   they stored is not counted, so it must not be freed either. It answers the epoch and the m0
 *   that counts
 */
export const surveyVault = async (
  { projectId, vaultId, catalog, objects, vaultKeys }: Surveying,
  nowMs: number,
  fixHorizon: (running: Session[]) => Promise<{ epoch: number; m0: number }>,
): Promise<Survey> => {
  const observed = await catalog.garbage.observeUsage(vaultId);
  const listed = await listVaultObjects({ projectId, vaultId }, objects);
  const open = await catalog.sessions.listOpen(vaultId);
  const ended = await Array.fromAsync(catalog.garbage.endedSessions(vaultId));
  const hadEnded = new Set(observed.endedSessions);
  const running = [...open, ...ended].filter(({ id }) => !hadEnded.has(id));
  const horizon = await fixHorizon(running);
  const mark = await markLiveSlots(catalog.backups.roots(vaultId), { objects, vaultKeys });
  const packs = await Array.fromAsync(catalog.garbage.packs(vaultId));
  const facts = { ...horizon, nowMs, objects: listed, sessions: { open, ended }, mark, packs };
  return { facts, usage: { usedBytes: usedBytes(facts, uncounted(running)), observed } };
};

/** m0 of rule R7: the oldest start of those sessions, the cycle's own epoch at most. */
export const horizonOf = (running: Session[], epoch: number): number =>
  running.reduce((least, { startEpoch }) => Math.min(least, startEpoch), epoch);

/** Sessions whose commit adds, or has added, what they stored; one that failed never will. */
const uncounted = (running: Session[]): Set<SessionId> => {
  const states = new Map<SessionId, SessionState>();
  // One that ended between the two lists is in both: the later one says how.
  for (const { id, state } of running) states.set(id, state);
  const mayCommit = [...states].filter(([, state]) => state === 'OPEN' || state === 'COMMITTED');
  return new Set(mayCommit.map(([id]) => id));
};

/** Packs and segments that are stored, but for those of these sessions. */
const usedBytes = ({ objects, packs }: GarbageFacts, without: Set<SessionId>): number => {
  const writerOf = new Map(packs.map(({ id, sessionId }) => [id, sessionId]));
  return storedBytes(objects, {
    pack: (id) => !without.has(writerOf.get(id) ?? ''),
    segment: (_, sessionId) => !without.has(sessionId),
  });
};
