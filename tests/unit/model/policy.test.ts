import { describe, expect, it } from '@jest/globals';
import {
  checkPolicy,
  checkRetention,
  keepsByNumber,
  POLICY_LIMITS,
  type Policy,
  type RetentionRule,
  timezoneOffsetMinutes,
} from '../../../lib/model/policy.ts';

const rule = (some: Partial<RetentionRule>): RetentionRule => ({
  dayBackups: 0,
  weekBackups: 0,
  monthBackups: 0,
  yearBackups: 0,
  ...some,
});

const refusalOf = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ code: 'BackupService.9900' });
    return (error as Error).message.replace('policy.operation_definition.', '');
  }
  return 'accepted';
};

describe('a retention rule', () => {
  const timezone = 'UTC+01:00';

  it.each<[string, Partial<RetentionRule>]>([
    ['permanent', {}],
    ['a number', { maxBackups: 3 }],
    ['a time', { durationDays: 30 }],
    ['days and weeks', { dayBackups: 7, weekBackups: 4, timezone }],
    ['a number, and years', { maxBackups: 3, yearBackups: 1, timezone }],
    ['a time zone that nothing needs', { durationDays: 3, timezone }],
  ])('may be %s', (_, some) => {
    expect(refusalOf(() => checkRetention(rule(some)))).toBe('accepted');
  });

  it.each<[Partial<RetentionRule>, string]>([
    [
      { maxBackups: 3, durationDays: 30 },
      'retention_duration_days: cannot be combined with max_backups',
    ],
    [
      { durationDays: 30, dayBackups: 7, timezone },
      'retention_duration_days: cannot be combined with day_backups',
    ],
    [
      { durationDays: 30, yearBackups: 7, timezone },
      'retention_duration_days: cannot be combined with year_backups',
    ],
    [{ monthBackups: 1 }, 'timezone: is needed for month_backups'],
    [{ maxBackups: 1, weekBackups: 1 }, 'timezone: is needed for week_backups'],
    [{ timezone: 'Europe/Berlin' }, 'timezone: must be UTC+hh:mm'],
  ])('may not be %j', (some, reason) => {
    expect(refusalOf(() => checkRetention(rule(some)))).toContain(reason);
  });

  it('keeps within its bounds', () => {
    const { backupsMax, durationDaysMax, periodBackupsMax } = POLICY_LIMITS;
    const largest = rule({ maxBackups: backupsMax, yearBackups: periodBackupsMax, timezone });
    expect(refusalOf(() => checkRetention(largest))).toBe('accepted');
    const check = (some: Partial<RetentionRule>) => refusalOf(() => checkRetention(rule(some)));
    expect(check({ maxBackups: backupsMax + 1 })).toBe('max_backups: must be 1 to 99999');
    expect(check({ maxBackups: 0 })).toBe('max_backups: must be 1 to 99999');
    expect(check({ durationDays: durationDaysMax + 1 })).toContain('must be 1 to 99999');
    expect(check({ weekBackups: 101, timezone })).toBe('week_backups: must be 0 to 100');
  });

  it('keeps by number with a number or with days, weeks, months or years', () => {
    expect(keepsByNumber(rule({}))).toBe(false);
    expect(keepsByNumber(rule({ durationDays: 3 }))).toBe(false);
    expect(keepsByNumber(rule({ maxBackups: 3 }))).toBe(true);
    expect(keepsByNumber(rule({ yearBackups: 1 }))).toBe(true);
  });
});

describe('a time zone', () => {
  it.each([
    ['UTC+00:00', 0],
    ['UTC+05:45', 345],
    ['UTC-03:30', -210],
    ['UTC+14:00', 840],
    ['UTC-12:00', -720],
  ])('%s is %d minutes from UTC', (text, minutes) => {
    expect(timezoneOffsetMinutes(text)).toBe(minutes);
  });

  it.each(['UTC', 'UTC+1:00', 'UTC+14:01', 'UTC-12:01', 'UTC+01:60', 'utc+01:00', ' UTC+01:00'])(
    '%s is none',
    (text) => {
      expect(() => timezoneOffsetMinutes(text)).toThrow(/UTC\+hh:mm/);
    },
  );
});

describe('a policy', () => {
  const patterns = ['FREQ=DAILY;BYHOUR=1;BYMINUTE=0'];
  const retention = rule({ maxBackups: 3 });

  it('fits together', () => {
    const policy: Policy = {
      id: 'policy',
      projectId: 'project',
      name: 'nightly',
      enabled: true,
      operationType: 'backup',
      triggerId: 'trigger',
      patterns,
      retention,
      retentionSinceMs: 0,
      scheduleSinceMs: 0,
      revision: 1,
      createdAtMs: 0,
      updatedAtMs: 0,
    };
    checkPolicy(policy);
    const destination = { region: 'eu-nl', projectId: 'p' };
    checkPolicy({ operationType: 'replication', patterns, retention, destination });
  });

  it('replicates to somewhere', () => {
    const check = () => checkPolicy({ operationType: 'replication', patterns, retention });
    expect(refusalOf(check)).toContain('destination_region: is needed for replication');
  });

  it('has a schedule and a rule that hold', () => {
    const backup = 'backup' as const;
    const twice = [...patterns, 'FREQ=DAILY;BYHOUR=1;BYMINUTE=1'];
    expect(() => checkPolicy({ operationType: backup, patterns: twice, retention })).toThrow(
      /hour/,
    );
    const both = rule({ maxBackups: 1, durationDays: 1 });
    expect(() => checkPolicy({ operationType: backup, patterns, retention: both })).toThrow(/comb/);
  });
});
