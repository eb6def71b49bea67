import { HoldfastError } from '../errors.ts';
import type { PolicyId, ProjectId } from './ids.ts';
import { parseSchedule } from './schedule.ts';

export const POLICY_TYPES = ['backup', 'replication'] as const;
export type PolicyType = (typeof POLICY_TYPES)[number];

/** Spec sections 3.9 and 4.1. */
export const POLICY_LIMITS = {
  /** Of each type, in a project. */
  policiesMax: 32,
  backupsMax: 99_999,
  durationDaysMax: 99_999,
  /** Of each: days, weeks, months and years. */
  periodBackupsMax: 100,
  fullBackupIntervalMax: 100,
};

/**
 * Which automatic backups of a resource are kept (spec section 4.3). The newest `maxBackups` and
 * the newest one of each of the last days, weeks, months and years (0 = off); or each for so many
 * days; or, with none of it, all of them for ever.
 */
export interface RetentionRule {
  maxBackups?: number;
  durationDays?: number;
  dayBackups: number;
  weekBackups: number;
  monthBackups: number;
  yearBackups: number;
  /** `UTC±hh:mm`: where days, weeks, months and years begin. */
  timezone?: string;
}

/** What a caller decides about a policy. */
export interface PolicyDefinition {
  name: string;
  enabled: boolean;
  operationType: PolicyType;
  /** RRULE patterns as they were sent: they are answered word for word. */
  patterns: string[];
  retention: RetentionRule;
  /** A full backup after so many incremental ones; 0 = always full, absent = never again. */
  fullBackupInterval?: number;
  /** Replication only: where the replicas go. */
  destination?: { region: string; projectId: string };
}

export interface Policy extends PolicyDefinition {
  id: PolicyId;
  projectId: ProjectId;
  triggerId: string;
  /** When the retention rule got its present values: `createdAtMs`, or the change. */
  retentionSinceMs: number;
  /** When the schedule last began to hold: made, changed, or enabled. No earlier point is run. */
  scheduleSinceMs: number;
  /** Bumped by every update: two updates at once cannot lose one another. */
  revision: number;
  /** Also the time base of patterns of every so many days; no update moves it. */
  createdAtMs: number;
  updatedAtMs: number;
}

/** `BackupService.9900` when the parts do not fit together (spec section 4.1). */
export function checkPolicy({
  operationType,
  patterns,
  retention,
  destination,
}: Pick<PolicyDefinition, 'operationType' | 'patterns' | 'retention' | 'destination'>): void {
  parseSchedule(patterns);
  checkRetention(retention);
  if (operationType === 'replication' && !destination) {
    throw refusal('destination_region', 'is needed for replication, as is destination_project_id');
  }
}

/** `BackupService.9900` when a number is out of bounds or parts of the rule exclude one another. */
export function checkRetention(rule: RetentionRule): void {
  const { backupsMax, durationDaysMax, periodBackupsMax } = POLICY_LIMITS;
  checkBounds('max_backups', rule.maxBackups ?? 1, 1, backupsMax);
  checkBounds('retention_duration_days', rule.durationDays ?? 1, 1, durationDaysMax);
  for (const [name, field] of PERIODS) checkBounds(field, rule[name], 0, periodBackupsMax);
  const periods = PERIODS.filter(([name]) => rule[name] > 0);
  if (rule.durationDays !== undefined) {
    const other = rule.maxBackups === undefined ? periods[0]?.[1] : 'max_backups';
    if (other) throw refusal('retention_duration_days', `cannot be combined with ${other}`);
  }
  if (rule.timezone !== undefined) timezoneOffsetMinutes(rule.timezone);
  else if (periods[0]) throw refusal('timezone', `is needed for ${periods[0][1]}`);
}

const PERIODS = [
  ['dayBackups', 'day_backups'],
  ['weekBackups', 'week_backups'],
  ['monthBackups', 'month_backups'],
  ['yearBackups', 'year_backups'],
] as const;

/** Whether the rule keeps a number of backups, of all or of days, weeks, months and years. */
export const keepsByNumber = (rule: RetentionRule): boolean =>
  rule.maxBackups !== undefined || PERIODS.some(([name]) => rule[name] > 0);

/** Minutes east of UTC, of `UTC±hh:mm` (-12:00 to +14:00); `BackupService.9900` if malformed. */
export function timezoneOffsetMinutes(timezone: string): number {
  const [, sign, hours, minutes] = /^UTC([+-])(\d\d):([0-5]\d)$/.exec(timezone) ?? [];
  const offset = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  if (offset >= -12 * 60 && offset <= 14 * 60) return offset;
  throw refusal('timezone', 'must be UTC+hh:mm or UTC-hh:mm, from UTC-12:00 to UTC+14:00');
}

function checkBounds(field: string, value: number, min: number, max: number): void {
  if (value < min || value > max) throw refusal(field, `must be ${min} to ${max}`);
}

function refusal(field: string, reason: string): HoldfastError {
  return new HoldfastError('BackupService.9900', {
    field: `policy.operation_definition.${field}`,
    reason,
  });
}
