import type { AppliedPolicy } from './applied-policy.ts';
import { type Backup, isIncremental } from './backup.ts';
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
 * The disks whose next backup is to be full: `interval` incremental ones followed the last full one
 * (spec section 4.1, `full_backup_interval`), which is not of today (UTC).
 */
export function disksDueFull(
  backups: readonly Backup[],
  interval: number,
  nowMs: number,
): Set<DiskId> {
  const whole = backups.filter(({ manifest }) => manifest !== undefined);
  const byDisk = Map.groupBy(whole, ({ disk }) => disk.id);
  const due = [...byDisk].filter(([, ofDisk]) => {
    const ascending = ofDisk.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
    const at = ascending.findLastIndex((backup) => !isIncremental(backup));
    const isOfToday = dayOf(ascending[at]?.createdAtMs ?? 0) === dayOf(nowMs);
    return ascending.length - 1 - at >= interval && !isOfToday;
  });
  return new Set(due.map(([diskId]) => diskId));
}

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
