import type { AppliedPolicy } from './applied-policy.ts';
import { type Backup, isIncremental, type SinceFull } from './backup.ts';
import { DAY_MS } from './duration.ts';
import { type CheckpointId, type DiskId, derivedUuid, type OperationLogId } from './ids.ts';
import type { Policy } from './policy.ts';
import { parseSchedule, timePoints } from './schedule.ts';

/** No pattern lets more days pass between two time points (31: the interval, and a day's part). */
const LOOK_BACK_DAYS = 31;

/** A time point that is to be run, and how many before it were missed and will not be. */
export interface DuePoint {
  pointMs: number;
  missed: number;
}

/**
 * The latest time point that has passed and is not settled; null when there is none. After an
 * outage that is one point, however many were missed (spec section 4.2).
 */
export function duePoint(
  policy: Policy,
  { settledUntilMs }: Pick<AppliedPolicy, 'settledUntilMs'>,
  nowMs: number,
): DuePoint | null {
  if (!policy.enabled) return null;
  const earliestMs = nowMs - LOOK_BACK_DAYS * DAY_MS;
  const fromMs = Math.max(settledUntilMs + 1, policy.scheduleSinceMs, earliestMs);
  if (fromMs > nowMs) return null;
  const schedule = parseSchedule(policy.patterns);
  const points = timePoints(schedule, policy.createdAtMs, fromMs, nowMs + 1);
  const pointMs = points.at(-1);
  return pointMs === undefined ? null : { pointMs, missed: points.length - 1 };
}

/**
 * The restore point that belongs to a time point of a vault's policy. Whoever runs the time point,
 * and however often, makes the same one.
 */
export const checkpointIdOf = (
  { vaultId, policyId }: Pick<AppliedPolicy, 'vaultId' | 'policyId'>,
  pointMs: number,
): CheckpointId => derivedUuid('policy-run', vaultId, policyId, String(pointMs));

/** The task of a disk's backup in such a restore point. */
export const taskIdOf = (checkpointId: CheckpointId, diskId: DiskId): OperationLogId =>
  derivedUuid('policy-task', checkpointId, diskId);

/**
 * Which backup comes next of each disk that has one (spec section 4.1, `full_backup_interval`):
 * null = a full one, because `interval` incremental ones followed the last full one, which is not
 * of today (UTC); else where the next incremental one stands. Retention may have deleted most of
 * them, so each remembers where it stands.
 */
export function nextBackups(
  backups: readonly Backup[],
  interval: number,
  nowMs: number,
): Map<DiskId, SinceFull | null> {
  const whole = backups.filter(({ manifest }) => manifest !== undefined);
  const byDisk = Map.groupBy(whole, ({ disk }) => disk.id);
  const next = [...byDisk].map(([diskId, ofDisk]) => {
    const { fullAtMs, incrementals } = newestOf(ofDisk);
    const isDue = incrementals >= interval && dayOf(fullAtMs) !== dayOf(nowMs);
    return [diskId, isDue ? null : { fullAtMs, incrementals: incrementals + 1 }] as const;
  });
  return new Map(next);
}

/** Where the newest backup of a disk stands. */
const newestOf = (ofDisk: readonly Backup[]): SinceFull =>
  ofDisk
    .toSorted((a, b) => a.createdAtMs - b.createdAtMs)
    .reduce<SinceFull>(
      ({ fullAtMs, incrementals }, backup) =>
        isIncremental(backup)
          ? (backup.sinceFull ?? { fullAtMs, incrementals: incrementals + 1 })
          : { fullAtMs: backup.createdAtMs, incrementals: 0 },
      { fullAtMs: 0, incrementals: 0 },
    );

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
