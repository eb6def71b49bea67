import type { Backup } from '../model/backup.ts';
import { DAY_MS } from '../model/duration.ts';
import type { PackId, SessionId } from '../model/ids.ts';
import { commonSlots, countSlots, type Pack } from '../model/pack.ts';
import type { Session } from '../model/session.ts';
import type { SessionObjects, VaultObjects } from './list-vault-objects.ts';
import type { Mark } from './mark-live-slots.ts';

/**
 * - `shrinkBelow`: a pack is written anew when a smaller share of the slots that it still has is
 *   live. What it was before stays in S3 for a day at least, so that more is not less: with 0.75
 *   dead slots and noncurrent versions are fewest together (bench/dead-space.ts, ADR 0015);
 * - `windowMs`: how long a deleted backup can be taken back;
 * - `sessionsKeptMs`: how long a session's item outlives its lease, for whoever asks late.
 */
export const GARBAGE_LIMITS = {
  shrinkBelow: 0.75,
  windowMs: 0,
  sessionsKeptMs: 7 * DAY_MS,
};

/** What a cycle has read, in this order: objects, sessions, roots (the mark), packs. */
export interface GarbageFacts {
  epoch: number;
  /** R7: what was referenced in this epoch or later is not touched. */
  m0: number;
  nowMs: number;
  objects: VaultObjects;
  sessions: { open: Session[]; ended: Session[] };
  mark: Mark;
  packs: Pack[];
}

export interface PackStep {
  /**
   * `rewrite`: a pack that a collector has left SHRINKING. `orphan`: an object without an item,
   * because its writer's PUT came after the item was removed.
   */
  kind: 'condemn' | 'revive' | 'delete' | 'orphan' | 'shrink' | 'rewrite';
  packId: PackId;
  /** The slots that roots name: those that stay. */
  live: Uint8Array;
  /** What the store gives back: an estimate when it shrinks, with `condemn` when it is deleted. */
  freedBytes: number;
}

/** What a cycle will do. A dry run prints it and does none of it. */
export interface GarbagePlan {
  /** Why nothing may be collected; somebody has to look. */
  blocked: string[];
  /** The catalog is older than the objects: a reconciliation mends that. */
  isOutdated: boolean;
  steps: PackStep[];
  /** Deleted backups whose time to be taken back has passed. */
  roots: Backup[];
  /** Segments, manifests and markers that nobody names; a session's manifest first. */
  leftovers: SessionObjects['objects'];
  /** Ended sessions of which nothing is left. */
  sessions: SessionId[];
}

/**
 * Decides what is garbage (rules R8 to R11, R14). Pure, and from a snapshot: an object was listed
 * before the sessions were read, so what it finds unnamed stays so, however late it is deleted.
 */
export const planGarbage = (facts: GarbageFacts, limits = GARBAGE_LIMITS): GarbagePlan => {
  const nothing = { isOutdated: false, steps: [], roots: [], leftovers: [], sessions: [] };
  const doubts = catalogDoubts(facts);
  if (doubts.length > 0) return { ...nothing, blocked: doubts, isOutdated: true };
  const roots = facts.mark.hidden.filter((root) => isToForget(root, facts, limits));
  if (facts.mark.unreadable.length > 0) {
    // What is dead is unknown; a deleted backup may go all the same, damaged as it may be.
    const blocked = facts.mark.unreadable.map(({ reason }) => reason);
    return { ...nothing, blocked, roots };
  }
  const steps = facts.packs.flatMap((pack) => planPack(pack, facts, limits) ?? []);
  return {
    blocked: [],
    isOutdated: false,
    steps: [...steps, ...orphans(facts)],
    roots,
    leftovers: unnamedOfSessions(facts),
    sessions: sessionsToForget(facts, limits),
  };
};

/**
 * Signs that the catalog is older than the objects: it was restored to an earlier time, and what it
 * does not know would look like garbage. A session's item is removed after its last object, so a
 * manifest without its session, or a marker of a commit that the catalog has not seen, proves it.
 */
const catalogDoubts = (facts: GarbageFacts): string[] => {
  const { mark, packs } = facts;
  const known = new Set(packs.map(({ id }) => id));
  const doubts = sessionDoubts(facts).map(({ reason }) => reason);
  for (const packId of mark.live.keys())
    if (!known.has(packId)) doubts.push(`a backup names pack ${packId}, the catalog does not`);
  return doubts;
};

/** Sessions whose `object` should not be there, by what the catalog says. */
export const sessionDoubts = ({ objects, sessions, mark }: GarbageFacts) => {
  const states = new Map([...sessions.ended, ...sessions.open].map(({ id, state }) => [id, state]));
  const doubts: { sessionId: SessionId; object: 'manifest' | 'marker'; reason: string }[] = [];
  for (const [sessionId, { hasManifest, isCommitted }] of objects.sessions) {
    if (mark.manifests.has(sessionId)) continue;
    const state = states.get(sessionId);
    if (hasManifest && state === undefined) {
      const reason = `the catalog does not know session ${sessionId}, which has a manifest`;
      doubts.push({ sessionId, object: 'manifest', reason });
    } else if (isCommitted && state !== 'COMMITTED') {
      const said = state ?? 'nothing';
      const reason = `session ${sessionId} was committed, the catalog says ${said}`;
      doubts.push({ sessionId, object: 'marker', reason });
    }
  }
  return doubts;
};

const isToForget = (
  { deletedEpoch, hiddenAtMs }: Backup,
  { m0, nowMs }: GarbageFacts,
  { windowMs }: typeof GARBAGE_LIMITS,
): boolean =>
  deletedEpoch !== undefined && deletedEpoch < m0 && (hiddenAtMs ?? 0) + windowMs < nowMs;

const planPack = (
  pack: Pack,
  facts: GarbageFacts,
  limits: typeof GARBAGE_LIMITS,
): PackStep | null => {
  const { m0, epoch, mark, sessions, objects } = facts;
  const named = mark.live.get(pack.id) ?? NONE;
  const sizeBytes = objects.packs.get(pack.id)?.sizeBytes ?? 0;
  const step = (kind: PackStep['kind'], freedBytes = sizeBytes): PackStep => ({
    kind,
    packId: pack.id,
    live: named,
    freedBytes,
  });
  const isDead = countSlots(named) === 0;
  const isOld = pack.lastRefEpoch < m0;
  switch (pack.state) {
    case 'OPEN':
      return sessions.ended.some(({ id }) => id === pack.sessionId) ? step('delete') : null;
    case 'SEALED':
      if (isDead) return isOld ? step('condemn') : null;
      return isOld ? shrinking(pack, named, step, limits) : null;
    case 'QUARANTINED':
      return isDead && isOld ? step('condemn') : null;
    case 'CONDEMNED':
      if (!isDead) return step('revive', 0);
      return (pack.condemnedEpoch ?? epoch) < m0 ? step('delete') : null;
    case 'SHRINKING':
      return step('rewrite', deadBytes(pack, named));
    case 'DELETING':
      return step('delete');
    default:
      return null;
  }
};

const NONE = new Uint8Array(0);

const shrinking = (
  pack: Pack,
  live: Uint8Array,
  step: (kind: PackStep['kind'], freedBytes: number) => PackStep,
  { shrinkBelow }: typeof GARBAGE_LIMITS,
): PackStep | null => {
  const present = countSlots(pack.present);
  const kept = countSlots(commonSlots(live, pack.present));
  return kept < shrinkBelow * present ? step('shrink', deadBytes(pack, live)) : null;
};

/** Blocks are taken to be of one size: only the pack's own table knows better. */
const deadBytes = (pack: Pack, live: Uint8Array): number => {
  const present = countSlots(pack.present);
  const kept = countSlots(commonSlots(live, pack.present));
  return present === 0 ? 0 : Math.round((pack.storedBytes * (present - kept)) / present);
};

/** Segments, manifests and markers of sessions that had ended and that no root names. */
const unnamedOfSessions = ({ objects, sessions, mark, m0 }: GarbageFacts) => {
  // Like their packs, theirs wait: OPEN, or ended so late that what they stored is not counted.
  const running = [...sessions.open, ...sessions.ended].filter((one) => one.startEpoch >= m0);
  const young = new Set(running.map(({ id }) => id));
  return [...objects.sessions].flatMap(([sessionId, { objects: own }]) =>
    young.has(sessionId)
      ? []
      : own.filter(({ random }) =>
          random === undefined ? !mark.manifests.has(sessionId) : !mark.segments.has(random),
        ),
  );
};

/** A pack has its item before it has bytes, and items were read after objects were listed. */
const orphans = ({ objects, packs }: GarbageFacts): PackStep[] => {
  const known = new Set(packs.map(({ id }) => id));
  return [...objects.packs].flatMap(([packId, { sizeBytes }]) =>
    known.has(packId)
      ? []
      : [{ kind: 'orphan' as const, packId, live: NONE, freedBytes: sizeBytes }],
  );
};

const sessionsToForget = (
  { objects, sessions, packs, nowMs }: GarbageFacts,
  { sessionsKeptMs }: typeof GARBAGE_LIMITS,
): SessionId[] => {
  const writing = new Set(
    packs.filter(({ state }) => state === 'OPEN').map(({ sessionId }) => sessionId),
  );
  return sessions.ended
    .filter(({ id, leaseUntilMs }) => leaseUntilMs + sessionsKeptMs <= nowMs && !writing.has(id))
    .filter(({ id }) => !objects.sessions.has(id))
    .map(({ id }) => id);
};
