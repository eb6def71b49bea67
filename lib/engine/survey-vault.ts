import type { VaultAddress } from '../format/object-keys.ts';
import type { Session } from '../model/session.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { ObservedUsage } from '../ports/garbage-catalog.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { listVaultObjects } from './list-vault-objects.ts';
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
 * sessions, then the horizon is fixed, then the roots, then packs.
 *
 * @param fixHorizon is given the OPEN sessions and answers the epoch and the m0 that counts
 */
export const surveyVault = async (
  { projectId, vaultId, catalog, objects, vaultKeys }: Surveying,
  nowMs: number,
  fixHorizon: (open: Session[]) => Promise<{ epoch: number; m0: number }>,
): Promise<Survey> => {
  const listed = await listVaultObjects({ projectId, vaultId }, objects);
  const observed = await catalog.garbage.observeUsage(vaultId);
  const open = await catalog.sessions.listOpen(vaultId);
  const ended = await Array.fromAsync(catalog.garbage.endedSessions(vaultId));
  const horizon = await fixHorizon(open);
  const mark = await markLiveSlots(catalog.backups.roots(vaultId), { objects, vaultKeys });
  const packs = await Array.fromAsync(catalog.garbage.packs(vaultId));
  const facts = { ...horizon, nowMs, objects: listed, sessions: { open, ended }, mark, packs };
  return { facts, usage: { usedBytes: usedBytes(facts, observed), observed } };
};

/** m0 of rule R7: the oldest start of an OPEN session, the cycle's own epoch at most. */
export const horizonOf = (open: Session[], epoch: number): number =>
  open.reduce((least, { startEpoch }) => Math.min(least, startEpoch), epoch);

/** Packs and segments that are stored, but for those that an OPEN session's commit will count. */
const usedBytes = ({ objects, packs }: GarbageFacts, { openSessions }: ObservedUsage): number => {
  const open = new Set(openSessions);
  const writerOf = new Map(packs.map(({ id, sessionId }) => [id, sessionId]));
  let sum = 0;
  for (const [packId, { sizeBytes }] of objects.packs)
    if (!open.has(writerOf.get(packId) ?? '')) sum += sizeBytes;
  for (const [sessionId, { objects: own }] of objects.sessions) {
    if (open.has(sessionId)) continue;
    for (const { random, sizeBytes } of own) if (random !== undefined) sum += sizeBytes;
  }
  return sum;
};
