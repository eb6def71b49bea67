import type { Backup, Checkpoint, Failure } from '../model/backup.ts';
import { derivedUuid, type PackId, type SessionId } from '../model/ids.ts';
import type { Pack } from '../model/pack.ts';
import { taskIdOf } from '../model/policy-run.ts';
import { NO_STATS, type Session } from '../model/session.ts';
import { storedBytes } from './list-vault-objects.ts';
import type { ReconciliationFacts, ShownBackup } from './survey-reconciliation.ts';

/** What a reconciliation will do. A dry run prints it and does none of it. */
export interface ReconciliationPlan {
  /** Backups that S3 shows and the catalog does not; damaged ones have status `error`. */
  bringBack: { backup: Backup; session: Session }[];
  /** Restore points of those. */
  checkpoints: Checkpoint[];
  /** Roots whose manifest is gone. */
  giveUp: Backup[];
  /** Backups of which blocks are gone. */
  damaged: { backup: Backup; failure: Failure }[];
  /** Deleted backups: they can be undeleted for as long as if it were now. */
  hideAnew: Backup[];
  /** Sessions that have objects and no item, and those that committed and whose item denies it. */
  sessions: Session[];
  packs: Pack[];
  /** Those of `packs` that were unknown: their blocks are put into the index. */
  indexed: PackId[];
  /** Items of packs that have no object and that no backup names. */
  dropped: PackId[];
  /** Bytes of packs and segments that are stored. */
  usedBytes: number;
}

/**
 * Decides what makes the catalog agree with the objects, whichever of them is older. Pure. A backup
 * that may have been committed comes back: losing one is worse than deleting one again.
 */
export const planReconciliation = (facts: ReconciliationFacts): ReconciliationPlan => {
  const bringBack = chooseBackups(facts);
  const { packs, indexed, dropped } = planPacks(facts);
  return {
    bringBack,
    checkpoints: checkpointsOf(
      bringBack.map(({ backup }) => backup),
      facts,
    ),
    ...planKnownBackups(facts),
    sessions: planSessions(facts, new Set(bringBack.map(({ session }) => session.id))),
    packs,
    indexed,
    dropped,
    usedBytes: storedBytes(facts.objects),
  };
};

/** One manifest of each backup; several attempts of one backup may each have written one. */
const chooseBackups = (facts: ReconciliationFacts): ReconciliationPlan['bringBack'] => {
  const sessions = new Map(facts.known.sessions.map((session) => [session.id, session]));
  const known = new Map(facts.known.backups.map((backup) => [backup.id, backup]));
  const proven = provenSessions(facts);
  const chosen = new Map<string, { rank: number; backup: Backup; session: Session }>();
  for (const shown of facts.backups) {
    const { sessionId } = shown;
    const session = sessions.get(sessionId);
    const backup = backupOf(shown, facts, session);
    const isProven = proven.has(sessionId);
    if (!mayBeBroughtBack(isProven, session, known.get(backup.id))) continue;
    const rank = (shown.state === 'committed' ? 2 : 0) + (shown.damage === undefined ? 1 : 0);
    if (rank <= (chosen.get(backup.id)?.rank ?? -1)) continue;
    const committed = endedSession(sessionId, 'COMMITTED', backup, facts);
    chosen.set(backup.id, { rank, backup, session: committed });
  }
  return [...chosen.values()].map(({ backup, session }) => ({ backup, session }));
};

/**
 * A session that the catalog knows to have ended without a commit never committed, unless S3 proves
 * it: the watchdog ends sessions of a catalog of an earlier time as soon as it is there. A backup
 * whose session's end is known and whose root is gone was deleted for good.
 */
const mayBeBroughtBack = (
  isProven: boolean,
  session: Session | undefined,
  backup: Backup | undefined,
): boolean => {
  const hasEnded = session !== undefined && session.state !== 'OPEN';
  if (hasEnded && session.state !== 'COMMITTED' && !isProven) return false;
  if (backup === undefined) return !hasEnded;
  return backup.manifest === undefined && backup.root === 'NONE';
};

const backupOf = (
  { sessionId, facts: shown, manifestSha256 = '', damage }: ShownBackup,
  { projectId, vaultId, availabilityZone, nowMs }: ReconciliationFacts,
  session: Session | undefined,
): Backup => {
  const id = shown?.backupId ?? session?.backupId ?? derivedUuid('unreadable', sessionId);
  const disk = shown?.disk ?? { id: 'unknown', name: 'unknown', sizeBytes: 0 };
  const checkpointId = shown?.checkpointId ?? derivedUuid('unreadable-checkpoint', sessionId);
  const createdAtMs = shown?.createdAtMs ?? nowMs;
  return {
    id,
    projectId,
    vaultId,
    checkpointId,
    // That of a policy's time point, which is run again: it must find the backup as begun.
    operationLogId: taskIdOf(checkpointId, disk.id),
    name: shown?.name ?? 'unreadable',
    description: '',
    disk: { ...disk, availabilityZone },
    status: damage === undefined ? 'available' : 'error',
    root: 'VISIBLE',
    manifest: { sessionId, sha256: manifestSha256 },
    ...(shown && { snapshotId: shown.snapshotId }),
    incremental: shown?.parent !== null,
    ...(shown?.parent && { parentBackupId: shown.parent.backupId }),
    // Nobody knows what it was made for: retention leaves it alone.
    autoTrigger: false,
    completedAtMs: createdAtMs,
    stats: shown?.stats ?? NO_STATS,
    ...(damage !== undefined && { failure: failureOf(damage) }),
    createdAtMs,
    updatedAtMs: nowMs,
  };
};

const failureOf = (reason: string): Failure => ({
  code: 'Holdfast.Damaged',
  message: `Found damaged when the catalog was reconciled: ${reason}`,
});

const endedSession = (
  id: SessionId,
  state: 'COMMITTED' | 'FENCED',
  { id: backupId, operationLogId }: Pick<Backup, 'id' | 'operationLogId'>,
  { vaultId, epoch, nowMs }: ReconciliationFacts,
): Session => ({
  vaultId,
  id,
  kind: 'write',
  state,
  startEpoch: epoch,
  backupId,
  operationLogId,
  quarantined: [],
  leaseUntilMs: nowMs,
  createdAtMs: nowMs,
});

/** As those of `POST /checkpoints`, as far as the manifests know. */
const checkpointsOf = (backups: Backup[], { vaultName }: ReconciliationFacts): Checkpoint[] =>
  [...Map.groupBy(backups, ({ checkpointId }) => checkpointId)].map(([id, own]) => {
    const sorted = own.toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
    const { projectId, vaultId, name, createdAtMs } = sorted[0] as Backup;
    return {
      id,
      projectId,
      vaultId,
      vaultName,
      name,
      description: '',
      backups: sorted.map(({ id: backupId, disk }) => ({
        backupId,
        diskId: disk.id,
        diskName: disk.name,
        sizeBytes: disk.sizeBytes,
      })),
      skipped: [],
      createdAtMs,
    };
  });

/** Roots that the catalog has, against what is stored of them. */
const planKnownBackups = (
  facts: ReconciliationFacts,
): Pick<ReconciliationPlan, 'giveUp' | 'damaged' | 'hideAnew'> => {
  const shown = new Map(facts.backups.map((backup) => [backup.sessionId, backup]));
  const plan: ReturnType<typeof planKnownBackups> = { giveUp: [], damaged: [], hideAnew: [] };
  for (const backup of facts.known.backups) {
    if (backup.manifest === undefined) continue;
    const { sessionId, sha256 } = backup.manifest;
    const found = shown.get(sessionId);
    if (found === undefined) {
      plan.giveUp.push(backup);
      continue;
    }
    const isOther = found.manifestSha256 !== sha256;
    const damage = found.damage ?? (isOther ? 'its manifest is another one' : undefined);
    const failure = damage === undefined ? undefined : failureOf(damage);
    if (backup.root === 'HIDDEN') plan.hideAnew.push({ ...backup, ...(failure && { failure }) });
    else if (failure !== undefined) plan.damaged.push({ backup, failure });
  }
  return plan;
};

/** What a cycle would take for a sign that the catalog is older than the objects. */
const planSessions = (facts: ReconciliationFacts, chosen: Set<SessionId>): Session[] => {
  const known = new Map(facts.known.sessions.map(({ id, state }) => [id, state]));
  const proven = provenSessions(facts);
  return [...facts.objects.sessions].flatMap(([id, { hasManifest, isCommitted }]) => {
    const state = known.get(id);
    const isToPut = state === undefined ? hasManifest || isCommitted : proven.has(id);
    // One that has not ended commits with its backup, in one transaction.
    const isLeft = chosen.has(id) && (state === undefined || state === 'OPEN');
    if (!isToPut || isLeft || state === 'COMMITTED') return [];
    const nobody = { id: derivedUuid('unreadable', id), operationLogId: '' };
    return [endedSession(id, proven.has(id) ? 'COMMITTED' : 'FENCED', nobody, facts)];
  });
};

/** Sessions that committed: a marker says so, or a later backup that inherited from theirs. */
const provenSessions = ({ objects, backups }: ReconciliationFacts): Set<SessionId> => {
  const marked = [...objects.sessions].filter(([, { isCommitted }]) => isCommitted);
  const committed = backups.filter(({ state }) => state === 'committed');
  return new Set([...marked.map(([id]) => id), ...committed.map(({ sessionId }) => sessionId)]);
};

/** Packs go by their objects. */
const planPacks = (facts: ReconciliationFacts) => {
  const known = new Map(facts.known.packs.map((pack) => [pack.id, pack]));
  const plan: Pick<ReconciliationPlan, 'packs' | 'indexed' | 'dropped'> = {
    packs: [],
    indexed: [],
    dropped: [],
  };
  for (const [id, shown] of facts.shown) {
    const pack = known.get(id);
    if (pack?.state === 'DELETING' || (pack?.state === 'SHRINKING' && !('damage' in shown)))
      continue;
    const base = pack ?? emptyPack(id, facts);
    if ('damage' in shown) plan.packs.push(unusable(base, shown.damage));
    else {
      plan.packs.push(usable({ ...base, ...shown }));
      if (pack === undefined) plan.indexed.push(id);
    }
  }
  for (const pack of known.values()) {
    if (facts.shown.has(pack.id)) continue;
    if (facts.objects.packs.has(pack.id)) {
      // Condemned, and taken into use since the time that the catalog is of.
      if (pack.state === 'CONDEMNED') plan.packs.push(usable(pack));
    } else if (pack.state !== 'DELETING' && !facts.missing.has(pack.id)) plan.dropped.push(pack.id);
  }
  for (const id of facts.missing) {
    if (facts.shown.has(id) || known.get(id)?.state === 'DELETING') continue;
    plan.packs.push(unusable(known.get(id) ?? emptyPack(id, facts), 'its object is gone'));
  }
  return plan;
};

/** Stamped like one that was written now. */
const emptyPack = (id: PackId, { vaultId, epoch }: ReconciliationFacts): Pack => ({
  vaultId,
  id,
  state: 'SEALED',
  keyId: '',
  sessionId: '',
  slotCount: 0,
  present: new Uint8Array(),
  lastRefEpoch: epoch,
  storedBytes: 0,
});

const usable = ({ condemnedEpoch: _, ...pack }: Pack): Pack => ({
  ...pack,
  state: pack.reason === undefined ? 'SEALED' : 'QUARANTINED',
});

/** No session pins it, and no cycle takes it for a sign that the catalog is old. */
const unusable = ({ condemnedEpoch: _, ...pack }: Pack, reason: string): Pack => ({
  ...pack,
  state: 'QUARANTINED',
  reason: pack.reason ?? reason,
});
