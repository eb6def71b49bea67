import type { Backup } from './backup.ts';
import type { BackupId } from './ids.ts';
import { type RetentionRule, timezoneOffsetMinutes } from './policy.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export const RETENTION_LIMITS = {
  /** Failed automatic backups of a resource that are kept, and for how long (spec section 4.2). */
  failedMax: 10,
  failedDays: 30,
  /** When a day's sweep begins, UTC: what has expired by then is deleted (spec section 4.3). */
  sweepHour: 8,
};

/** Why a backup is kept. */
export const KEEP_REASONS = [
  'manual', // only automatic backups are subject to retention
  'undeleted', // a person brought it back; it would go again at once
  'running', // it is being made
  'in_use', // it is being restored; a later sweep looks again
  'image', // an image was made of it
  'newest_while_running', // the newest one while the next one is made
  'failed', // one of the last failed ones
  'damaged', // it was whole and is not any more: a person looks
  'locked', // the vault is locked, and the rule that it was made under keeps it
  'not_expired', // its expiry, fixed when it was made, is to come
  'not_in_force', // no backup has completed since the rule was set or applied
  'permanent', // no rule acts on it
  ...(['newest', 'day', 'week', 'month', 'year'] as const), // a rule by number keeps it
] as const;
export type KeepReason = (typeof KEEP_REASONS)[number];

/** Why a backup is deleted. */
export const DELETE_REASONS = [
  'expired',
  'beyond_rule',
  'failed_long_ago',
  'beyond_failed_ones',
] as const;
export type DeleteReason = (typeof DELETE_REASONS)[number];

export type RetentionDecision = { backupId: BackupId } & (
  | { action: 'keep'; reasons: KeepReason[] }
  | { action: 'delete'; reasons: DeleteReason[] }
);

export type RetainedBackup = Pick<
  Backup,
  | 'id'
  | 'status'
  | 'manifest'
  | 'autoTrigger'
  | 'createdAtMs'
  | 'completedAtMs'
  | 'expiresAtMs'
  | 'retention'
  | 'undeletedAtMs'
  | 'movedFrom'
>;

export interface RetentionContext {
  nowMs: number;
  /**
   * The rule of the enabled policy that is applied to the vault, and since when it has been: by
   * number it acts once a backup of the resource has completed in the vault since (spec section
   * 4.5); with null, at once. Null: there is none.
   */
  inForce: { rule: RetentionRule; sinceMs: number | null } | null;
  /** The vault is locked (spec section 3.6). */
  locked: boolean;
  /** Backups that images were made of. */
  imageBound: ReadonlySet<BackupId>;
}

/**
 * Decides which backups of one resource in a vault go and which stay, each with its reasons, oldest
 * first (spec sections 4.3 and 4.5). Pure; nothing is deleted here. Expiry acts whatever the policy
 * is now; a rule by number acts on all automatic backups, whatever rule they were made under.
 */
export function planRetention(
  backups: readonly RetainedBackup[],
  context: RetentionContext,
): RetentionDecision[] {
  const newestFirst = backups
    .filter(({ status }) => status !== 'deleted')
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
  const failed = newestFirst.filter((backup) => backup.autoTrigger && hasFailed(backup));
  const excluded = new Map<BackupId, KeepReason>();
  const spared = newestWhileRunning(newestFirst);
  const candidates: RetainedBackup[] = [];
  for (const backup of newestFirst) {
    const reason = exclusionOf(backup, spared, context);
    if (reason) excluded.set(backup.id, reason);
    if (isCounted(backup, reason)) candidates.push(backup);
  }
  const byNumber = numberVerdict(newestFirst, candidates, context);
  return newestFirst.toReversed().map((backup) => {
    const reason = excluded.get(backup.id);
    if (reason) return keep(backup, reason);
    if (hasFailed(backup)) return failedVerdict(backup, failed, context.nowMs);
    if (backup.expiresAtMs !== undefined && backup.expiresAtMs <= sweptUntilMs(context.nowMs)) {
      return drop(backup, 'expired');
    }
    if (backup.status === 'error') return keep(backup, 'damaged');
    return byNumber(backup);
  });
}

/** When a backup expires that is made under a rule; fixed then (spec section 4.3). */
export const expiryOf = (
  { durationDays }: RetentionRule,
  createdAtMs: number,
): number | undefined =>
  durationDays === undefined ? undefined : createdAtMs + durationDays * DAY_MS;

/**
 * Expired backups are removed by the sweep of each day: what expires before it begins, on that day,
 * and what expires later, on the day after.
 */
function sweptUntilMs(nowMs: number): number {
  const beginMs = RETENTION_LIMITS.sweepHour * 60 * MINUTE_MS;
  return Math.floor((nowMs - beginMs) / DAY_MS) * DAY_MS + beginMs;
}

const isRunning = ({ status }: RetainedBackup): boolean =>
  status === 'waiting_protect' || status === 'protecting';

/** It never was whole, other than one that was found damaged. */
const hasFailed = ({ status, manifest }: RetainedBackup): boolean =>
  status === 'error' && manifest === undefined;

/** The next backup may build on the newest one that is whole. */
function newestWhileRunning(newestFirst: readonly RetainedBackup[]): BackupId | null {
  const newest = newestFirst.find((backup) => !isRunning(backup) && backup.status !== 'error');
  return newestFirst.some(isRunning) ? (newest?.id ?? null) : null;
}

/** What keeps a backup whatever the rules say. */
function exclusionOf(
  backup: RetainedBackup,
  spared: BackupId | null,
  { imageBound }: RetentionContext,
): KeepReason | null {
  if (!backup.autoTrigger) return 'manual';
  if (backup.undeletedAtMs !== undefined) return 'undeleted';
  if (isRunning(backup)) return 'running';
  if (imageBound.has(backup.id)) return 'image';
  if (backup.id === spared) return 'newest_while_running';
  if (backup.status === 'waiting_restore' || backup.status === 'restoring') return 'in_use';
  return null;
}

/** One that is being restored is whole and counts; the other excluded ones do not. */
const isCounted = (backup: RetainedBackup, reason: KeepReason | null): boolean =>
  reason === 'in_use' || (reason === null && backup.status === 'available');

function failedVerdict(
  backup: RetainedBackup,
  failedNewestFirst: readonly RetainedBackup[],
  nowMs: number,
): RetentionDecision {
  const { failedMax, failedDays } = RETENTION_LIMITS;
  if (nowMs - backup.createdAtMs > failedDays * DAY_MS) return drop(backup, 'failed_long_ago');
  const isOneOfLast = failedNewestFirst.indexOf(backup) < failedMax;
  return isOneOfLast ? keep(backup, 'failed') : drop(backup, 'beyond_failed_ones');
}

/** The verdict of the rule in force on a whole backup that has not expired. */
function numberVerdict(
  backups: readonly RetainedBackup[],
  countedNewestFirst: readonly RetainedBackup[],
  { inForce, locked }: RetentionContext,
): (backup: RetainedBackup) => RetentionDecision {
  const withoutRule = (backup: RetainedBackup) =>
    keep(backup, backup.expiresAtMs === undefined ? 'permanent' : 'not_expired');
  if (inForce === null) return withoutRule;
  const { rule, sinceMs } = inForce;
  const kept = keptByNumber(countedNewestFirst, rule);
  if (kept === null) return withoutRule;
  if (sinceMs !== null && !backups.some((backup) => hasCompletedSince(backup, sinceMs)))
    return (backup) => keep(backup, 'not_in_force');
  const wasPromised = promises(countedNewestFirst);
  return (backup) => {
    const reasons = kept.get(backup.id);
    if (reasons) return { backupId: backup.id, action: 'keep', reasons };
    if (locked && wasPromised(backup)) return keep(backup, 'locked');
    return drop(backup, 'beyond_rule');
  };
}

/** A backup that came from another vault was completed there, whatever the rule there was. */
const hasCompletedSince = (
  { completedAtMs, movedFrom }: RetainedBackup,
  sinceMs: number,
): boolean => movedFrom === undefined && completedAtMs !== undefined && completedAtMs >= sinceMs;

/**
 * A lock holds what was promised when the backup was made: a smaller number, set later, deletes
 * nothing before the rule of that time would have. Each rule is looked at once.
 */
function promises(
  countedNewestFirst: readonly RetainedBackup[],
): (backup: RetainedBackup) => boolean {
  const keptByRule = new Map<string, ReturnType<typeof keptByNumber>>();
  return ({ id, retention }) => {
    if (retention === undefined) return false;
    const name = JSON.stringify(retention);
    const known = keptByRule.get(name);
    const kept = known === undefined ? keptByNumber(countedNewestFirst, retention) : known;
    keptByRule.set(name, kept);
    return kept?.has(id) ?? true;
  };
}

/**
 * The backups that a rule by number keeps and what for: the newest `maxBackups`, and the newest one
 * of each of the last days, weeks (from Monday, ISO 8601), months and years that have any. Null
 * when the rule is not one by number.
 */
function keptByNumber(
  newestFirst: readonly RetainedBackup[],
  rule: RetentionRule,
): Map<BackupId, KeepReason[]> | null {
  const { maxBackups, dayBackups, weekBackups, monthBackups, yearBackups } = rule;
  if (!maxBackups && !dayBackups && !weekBackups && !monthBackups && !yearBackups) return null;
  const kept = new Map<BackupId, KeepReason[]>();
  const offsetMs = timezoneOffsetMinutes(rule.timezone ?? 'UTC+00:00') * MINUTE_MS;
  const keepNewestOf = (
    what: KeepReason,
    count: number,
    periodOf: (localMs: number) => unknown,
  ) => {
    const periods = new Set<unknown>();
    for (const { id, createdAtMs } of newestFirst) {
      const period = periodOf(createdAtMs + offsetMs);
      if (periods.size >= count) return;
      if (periods.has(period)) continue;
      periods.add(period);
      kept.set(id, [...(kept.get(id) ?? []), what]);
    }
  };
  // Each backup is a period of its own.
  let nth = 0;
  keepNewestOf('newest', maxBackups ?? 0, () => nth++);
  keepNewestOf('day', dayBackups, dayOf);
  // Day 0 of the epoch was a Thursday.
  keepNewestOf('week', weekBackups, (localMs) => Math.floor((dayOf(localMs) + 3) / 7));
  keepNewestOf('month', monthBackups, (localMs) => new Date(localMs).toISOString().slice(0, -17));
  keepNewestOf('year', yearBackups, (localMs) => new Date(localMs).getUTCFullYear());
  return kept;
}

const dayOf = (localMs: number): number => Math.floor(localMs / DAY_MS);

const keep = ({ id }: RetainedBackup, reason: KeepReason): RetentionDecision => ({
  backupId: id,
  action: 'keep',
  reasons: [reason],
});

const drop = ({ id }: RetainedBackup, reason: DeleteReason): RetentionDecision => ({
  backupId: id,
  action: 'delete',
  reasons: [reason],
});
