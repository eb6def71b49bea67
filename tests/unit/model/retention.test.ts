import { describe, expect, it } from '@jest/globals';
import {
  planRetention,
  RETENTION_LIMITS,
  type RetainedBackup,
  type RetentionContext,
} from '../../../lib/model/retention.ts';
import { retentionRule, utc } from '../../support/retention-history.ts';

const NOW = utc('2026-08-20T12:00');

const backup = (at: string, some: Partial<RetainedBackup> = {}): RetainedBackup => ({
  id: at,
  status: 'available',
  manifest: { sessionId: 's', sha256: 'm' },
  autoTrigger: true,
  createdAtMs: utc(at),
  completedAtMs: utc(at),
  ...some,
});

const failed = (at: string): RetainedBackup => ({
  id: at,
  status: 'error',
  autoTrigger: true,
  createdAtMs: utc(at),
});

const decisions = (backups: RetainedBackup[], some: Partial<RetentionContext> = {}): string[] =>
  planRetention(backups, {
    nowMs: NOW,
    inForce: null,
    locked: false,
    imageBound: new Set(),
    ...some,
  }).map(({ backupId, action, reasons }) => `${backupId} ${action} ${reasons.join('+')}`);

const inForce = (rule: Parameters<typeof retentionRule>[0], since = '2026-01-01') => ({
  inForce: { rule: retentionRule(rule), sinceMs: utc(since) },
});

/** A backup a day at 02:00, of the last `count` days of the 20th of August. */
const days = (count: number, some: Partial<RetainedBackup> = {}): RetainedBackup[] =>
  Array.from({ length: count }, (_, n) => {
    const day = new Date(utc('2026-08-20') - (count - 1 - n) * 86_400_000);
    return backup(`${day.toISOString().slice(0, 10)}T02:00`, some);
  });

const kept = (plan: string[]): string[] =>
  plan.flatMap((line) => (line.includes(' keep ') ? [line.slice(5, 10)] : []));

describe('what no rule deletes', () => {
  const rule = inForce({ maxBackups: 1 });

  it('manual backups, which do not count either', () => {
    const manual = [backup('2026-08-18'), backup('2026-08-19')].map((one) => ({
      ...one,
      autoTrigger: false,
      expiresAtMs: 0,
    }));
    expect(decisions([backup('2026-08-17'), ...manual], rule)).toEqual([
      '2026-08-17 keep newest',
      '2026-08-18 keep manual',
      '2026-08-19 keep manual',
    ]);
  });

  it('undeleted backups, which do not count either', () => {
    const back = { undeletedAtMs: 1 };
    const backups = [
      backup('2026-08-01', { ...back, expiresAtMs: 0 }),
      backup('2026-08-17'),
      backup('2026-08-18', back),
    ];
    expect(decisions(backups, rule)).toEqual([
      '2026-08-01 keep undeleted',
      '2026-08-17 keep newest',
      '2026-08-18 keep undeleted',
    ]);
  });

  it('image-bound backups, which do not count either', () => {
    const backups = [backup('2026-08-16'), backup('2026-08-17'), backup('2026-08-18')];
    expect(
      decisions(backups, { ...rule, imageBound: new Set(['2026-08-18', '2026-08-16']) }),
    ).toEqual(['2026-08-16 keep image', '2026-08-17 keep newest', '2026-08-18 keep image']);
    const expired = backup('2026-08-01', { expiresAtMs: 0 });
    expect(decisions([expired], { imageBound: new Set([expired.id]) })).toEqual([
      '2026-08-01 keep image',
    ]);
  });

  it.each(['waiting_protect', 'protecting'] as const)(
    'the newest one while the next one is %s, also when it has expired',
    (status) => {
      const backups = [
        backup('2026-08-16'),
        backup('2026-08-17'),
        backup('2026-08-18', { expiresAtMs: 0 }),
        failed('2026-08-19'),
        backup('2026-08-20', { status }),
      ];
      expect(decisions(backups, rule)).toEqual([
        '2026-08-16 delete beyond_rule',
        '2026-08-17 keep newest',
        '2026-08-18 keep newest_while_running',
        '2026-08-19 keep failed',
        '2026-08-20 keep running',
      ]);
    },
  );

  it.each(['waiting_restore', 'restoring'] as const)(
    'one that is %s; it is whole, so it counts',
    (status) => {
      const backups = [
        backup('2026-08-16', { expiresAtMs: 0, status }),
        backup('2026-08-17'),
        backup('2026-08-18', { status }),
      ];
      expect(decisions(backups, rule)).toEqual([
        '2026-08-16 keep in_use',
        '2026-08-17 delete beyond_rule',
        '2026-08-18 keep in_use',
      ]);
    },
  );

  it('a damaged one, which does not count, until it expires', () => {
    const backups = [
      backup('2026-08-01', { status: 'error' }),
      backup('2026-08-02', { status: 'error', expiresAtMs: 1 }),
      backup('2026-08-03'),
      backup('2026-08-19', { status: 'error' }),
    ];
    expect(decisions(backups, rule)).toEqual([
      '2026-08-01 keep damaged',
      '2026-08-02 delete expired',
      '2026-08-03 keep newest',
      '2026-08-19 keep damaged',
    ]);
  });

  it('deleted ones are not spoken of', () => {
    expect(decisions([backup('2026-08-01', { status: 'deleted' })], rule)).toEqual([]);
  });
});

describe('failed automatic backups (spec 4.2, rule 5)', () => {
  it('are kept for a month, at most 10 of them', () => {
    const all = Array.from({ length: 12 }, (_, n) =>
      failed(`2026-08-${String(n + 5).padStart(2, '0')}`),
    );
    const plan = decisions([failed('2026-07-20'), ...all]);
    expect(plan.slice(0, 4)).toEqual([
      '2026-07-20 delete failed_long_ago',
      '2026-08-05 delete beyond_failed_ones',
      '2026-08-06 delete beyond_failed_ones',
      '2026-08-07 keep failed',
    ]);
    expect(kept(plan)).toHaveLength(RETENTION_LIMITS.failedMax);
  });

  it('neither count for a rule nor are deleted by one', () => {
    const plan = decisions([...days(3), failed('2026-08-20T03:00')], inForce({ maxBackups: 2 }));
    expect(kept(plan)).toEqual(['08-19', '08-20', '08-20']);
  });

  it('manual ones are for a person to delete', () => {
    expect(decisions([{ ...failed('2026-01-01'), autoTrigger: false }])).toEqual([
      '2026-01-01 keep manual',
    ]);
  });
});

describe('a rule by number', () => {
  it('acts once a backup has completed since it was set, and not before', () => {
    const rule = { maxBackups: 1 };
    const made = days(3);
    expect(decisions(made, inForce(rule, '2026-08-20T02:01'))).toEqual(
      made.map(({ id }) => `${id} keep not_in_force`),
    );
    expect(kept(decisions(made, inForce(rule, '2026-08-20T02:00')))).toEqual(['08-20']);
    // One that began before the change and ended after it completes it too.
    const late = made.map((one) => ({ ...one, completedAtMs: NOW }));
    expect(kept(decisions(late, inForce(rule, '2026-08-20T02:01')))).toEqual(['08-20']);
  });

  it('acts on what came from another vault once a backup completes in this one', () => {
    const rule = { maxBackups: 1 };
    const moved = days(3, { completedAtMs: NOW, movedFrom: { vaultId: 'v', backupId: 'b' } });
    expect(decisions(moved, inForce(rule))).toEqual(
      moved.map(({ id }) => `${id} keep not_in_force`),
    );
    const made = [...moved, backup('2026-08-20T03:00')];
    expect(decisions(made, inForce(rule)).at(-1)).toBe('2026-08-20T03:00 keep newest');
    expect(kept(decisions(made, inForce(rule)))).toEqual(['08-20']);
    const previewed = { inForce: { rule: retentionRule(rule), sinceMs: null } };
    expect(kept(decisions(moved, previewed))).toEqual(['08-20']);
  });

  it('keeps 5 for day=5, week=1: the weekly one coincides', () => {
    const rule = inForce({ dayBackups: 5, weekBackups: 1, timezone: 'UTC+00:00' });
    const plan = decisions(days(10), rule);
    expect(kept(plan)).toEqual(['08-16', '08-17', '08-18', '08-19', '08-20']);
    expect(plan.at(-1)).toBe('2026-08-20T02:00 keep day+week');
  });

  it('keeps the union with the newest ones', () => {
    const rule = inForce({ maxBackups: 2, weekBackups: 3, timezone: 'UTC+00:00' });
    expect(decisions(days(20), rule).filter((line) => line.includes('keep'))).toEqual([
      '2026-08-09T02:00 keep week',
      '2026-08-16T02:00 keep week',
      '2026-08-19T02:00 keep newest',
      '2026-08-20T02:00 keep newest+week',
    ]);
  });

  it('counts days, weeks, months and years that have backups', () => {
    const backups = [
      backup('2019-12-31'),
      backup('2023-05-01'),
      backup('2023-05-31'),
      backup('2026-01-02'),
      backup('2026-06-30'),
    ];
    const zone = { timezone: 'UTC+00:00' };
    const of = (rule: object) => kept(decisions(backups, inForce({ ...rule, ...zone })));
    expect(of({ yearBackups: 2 })).toEqual(['05-31', '06-30']);
    expect(of({ yearBackups: 3 })).toEqual(['12-31', '05-31', '06-30']);
    expect(of({ monthBackups: 3 })).toEqual(['05-31', '01-02', '06-30']);
    expect(of({ dayBackups: 4 })).toEqual(['05-01', '05-31', '01-02', '06-30']);
  });

  it('begins days, months and years in its time zone', () => {
    // In UTC two years; at UTC-05:00 both are of 2025, at UTC+05:30 both of 2026.
    const backups = [backup('2025-12-31T20:00'), backup('2026-01-01T04:00')];
    const yearly = (timezone: string, period: object = { yearBackups: 5 }) =>
      kept(decisions(backups, inForce({ ...period, timezone })));
    expect(yearly('UTC+00:00')).toEqual(['12-31', '01-01']);
    expect(yearly('UTC-05:00')).toEqual(['01-01']);
    expect(yearly('UTC+05:30')).toEqual(['01-01']);
    expect(yearly('UTC+05:30', { monthBackups: 5 })).toEqual(['01-01']);
    expect(yearly('UTC+05:30', { dayBackups: 5 })).toEqual(['01-01']);
    expect(yearly('UTC+03:00', { dayBackups: 5 })).toEqual(['12-31', '01-01']);
  });

  it('begins weeks on Monday, also across the end of a year', () => {
    // 2026-12-28 is a Monday; 2027-01-03 the Sunday of the same week.
    const week = inForce({ weekBackups: 9, timezone: 'UTC+00:00' });
    const backups = ['2026-12-27', '2026-12-28', '2027-01-03', '2027-01-04'].map((at) =>
      backup(at),
    );
    expect(kept(decisions(backups, week))).toEqual(['12-27', '01-03', '01-04']);
  });
});

describe('a locked vault (spec 3.6)', () => {
  it('loses backups to the rule that they were made under', () => {
    const rule = retentionRule({ maxBackups: 2 });
    const made = days(4, { retention: rule });
    expect(kept(decisions(made, { ...inForce(rule), locked: true }))).toEqual(['08-19', '08-20']);
  });

  it('keeps what it promised when a smaller number is set later', () => {
    const made = days(5, { retention: retentionRule({ maxBackups: 3 }) });
    const plan = decisions(made, { ...inForce({ maxBackups: 1 }), locked: true });
    expect(plan).toEqual([
      '2026-08-16T02:00 delete beyond_rule',
      '2026-08-17T02:00 delete beyond_rule',
      '2026-08-18T02:00 keep locked',
      '2026-08-19T02:00 keep locked',
      '2026-08-20T02:00 keep newest',
    ]);
  });

  it('keeps until their expiry those made under a rule by time', () => {
    const made = days(3, {
      retention: retentionRule({ durationDays: 30 }),
      expiresAtMs: NOW + 1,
    });
    const locked = { ...inForce({ maxBackups: 1 }), locked: true };
    expect(kept(decisions(made, locked))).toHaveLength(3);
    expect(kept(decisions(made, { ...locked, nowMs: NOW + 86_400_000 }))).toHaveLength(0);
    expect(kept(decisions(made, { ...locked, locked: false }))).toHaveLength(1);
  });

  it('knows no promise for a backup that no policy made', () => {
    expect(kept(decisions(days(3), { ...inForce({ maxBackups: 1 }), locked: true }))).toHaveLength(
      1,
    );
  });
});
