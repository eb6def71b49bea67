import { describe, expect, it } from '@jest/globals';
import { retentionHistory, retentionRule } from '../../support/retention-history.ts';

/**
 * The worked examples of spec section 4.4 and the rule-change matrix of 4.5, by name. 2026-08-03 is
 * a Monday.
 */

const quantity = (maxBackups: number) => retentionRule({ maxBackups });
const time = (durationDays: number) => retentionRule({ durationDays });
const permanent = retentionRule();

describe('worked examples (spec 4.4)', () => {
  it('set Monday 10:00, daily at 02:00, quantity 3: on Saturday 11:00 Thu, Fri and Sat are kept', () => {
    const history = retentionHistory()
      .rule('2026-08-03T10:00', quantity(3))
      .daily('2026-08-03T10:00', '2026-08-08T11:00', '02:00');
    expect(history.left()).toEqual(['08-06T02:00', '08-07T02:00', '08-08T02:00']);
  });

  it('replication daily at 02:00, keep 2, two backups a day: only those of Saturday are left', () => {
    // Applied on Thursday 11:00, so the first run is Friday's; each run makes two replicas.
    const history = retentionHistory()
      .rule('2026-08-06T11:00', quantity(2))
      .backup('2026-08-07T02:00')
      .backup('2026-08-07T02:01')
      .backup('2026-08-08T02:00')
      .backup('2026-08-08T02:01');
    expect(history.left()).toEqual(['08-08T02:00', '08-08T02:01']);
  });

  it('quantity 3 to 1: the old three stay until the next run, then one is kept', () => {
    const history = retentionHistory()
      .rule('2026-08-03T00:00', quantity(3))
      .daily('2026-08-03', '2026-08-06T10:00', '02:00')
      .rule('2026-08-06T10:00', quantity(1))
      .daily('2026-08-06T10:00', '2026-08-07T02:00', '02:00');
    expect(history.days()).toEqual(['08-04', '08-05', '08-06']);
    expect(history.daily('2026-08-07T02:00', '2026-08-07T03:00', '02:00').days()).toEqual([
      '08-07',
    ]);
  });
});

describe('rule changes (spec 4.5)', () => {
  /** Quantity 3 since Monday, daily at 02:00, until Thursday 10:00. */
  const threeKept = () =>
    retentionHistory()
      .rule('2026-08-03T00:00', quantity(3))
      .daily('2026-08-03', '2026-08-06T10:00', '02:00');

  it('quantity to quantity: 3 to 1 on Thursday 10:00, after Friday 02:00 one automatic is left, manual ones untouched', () => {
    const history = retentionHistory()
      .rule('2026-08-03T00:00', quantity(3))
      .backup('2026-08-03T12:00', 'manual')
      .daily('2026-08-04', '2026-08-06T10:00', '02:00')
      .rule('2026-08-06T10:00', quantity(1))
      .daily('2026-08-06T10:00', '2026-08-07T03:00', '02:00');
    expect(history.left()).toEqual(['08-03T12:00', '08-07T02:00']);
  });

  it('quantity to quantity: the completion of a manual backup applies it too', () => {
    const history = threeKept()
      .rule('2026-08-06T10:00', quantity(1))
      .backup('2026-08-06T11:00', 'manual');
    expect(history.left()).toEqual(['08-06T02:00', '08-06T11:00']);
  });

  it('quantity to more: nothing comes back, and the number grows', () => {
    const history = threeKept()
      .rule('2026-08-06T10:00', quantity(5))
      .daily('2026-08-06T10:00', '2026-08-09', '02:00');
    expect(history.days()).toEqual(['08-04', '08-05', '08-06', '08-07', '08-08']);
  });

  it.each([
    ['time', time(2)],
    ['permanent', permanent],
  ])('quantity to %s: the old three stay until deleted by hand', (_, rule) => {
    const history = threeKept()
      .rule('2026-08-06T10:00', rule)
      .daily('2026-08-06T10:00', '2026-10-01', '02:00');
    expect(history.days().slice(0, 3)).toEqual(['08-04', '08-05', '08-06']);
    const rest = history.days().slice(3);
    expect(rest[0]).toBe(rule === permanent ? '08-07' : '09-29');
  });

  it('time to time: 1 month to 3 months on August 8, the backup of August 6 dies in September, that of August 9 in November', () => {
    const history = retentionHistory()
      .rule('2026-08-01T00:00', time(30))
      .backup('2026-08-06T10:00')
      .rule('2026-08-08T12:00', time(90))
      .backup('2026-08-09T10:00');
    // A month is 30 days: expired on September 5 at 10:00, swept on the day after.
    expect(history.daily('2026-09-01', '2026-09-05T20:00', '23:59').days()).toContain('08-06');
    expect(history.daily('2026-09-06', '2026-09-06T09:00', '23:59').days()).not.toContain('08-06');
    expect(history.daily('2026-09-07', '2026-11-07T20:00', '23:59').days()).toContain('08-09');
    expect(history.daily('2026-11-08', '2026-11-08T09:00', '23:59').days()).not.toContain('08-09');
  });

  it('time to permanent: the old expiry stays, new ones have none', () => {
    const history = retentionHistory()
      .rule('2026-08-01T00:00', time(3))
      .daily('2026-08-05', '2026-08-08', '02:00')
      .rule('2026-08-08T00:00', permanent)
      .daily('2026-08-08', '2026-08-20', '02:00');
    expect(history.days()[0]).toBe('08-08');
    expect(history.days()).toHaveLength(12);
  });

  it('time to quantity: 1 month to 7 copies on August 8, on August 15 10:00 August 9 to 15 are kept', () => {
    const history = retentionHistory()
      .rule('2026-08-01T00:00', time(30))
      .daily('2026-08-01', '2026-08-08T10:00', '02:00')
      .rule('2026-08-08T10:00', quantity(7))
      .daily('2026-08-08T10:00', '2026-08-15T10:00', '02:00');
    expect(history.days()).toEqual(['08-09', '08-10', '08-11', '08-12', '08-13', '08-14', '08-15']);
  });

  it('time to quantity: 3 days to 7 copies on August 8, on August 10 10:00 August 8, 9 and 10 are kept', () => {
    const history = retentionHistory()
      .rule('2026-08-01T00:00', time(3))
      .daily('2026-08-01', '2026-08-08T10:00', '02:00')
      .rule('2026-08-08T10:00', quantity(7))
      .daily('2026-08-08T10:00', '2026-08-10T10:00', '02:00');
    expect(history.days()).toEqual(['08-08', '08-09', '08-10']);
  });

  it('policy removed: backups kept by time still expire', () => {
    const history = retentionHistory()
      .rule('2026-08-01T00:00', time(3))
      .daily('2026-08-01', '2026-08-08T10:00', '02:00')
      .rule('2026-08-08T10:00', null);
    expect(history.days()).toEqual(['08-06', '08-07', '08-08']);
    expect(history.daily('2026-08-08T10:00', '2026-08-20', '02:00').days()).toEqual([]);
  });

  it('policy removed: backups kept by quantity stay, also when a manual one completes', () => {
    const history = threeKept()
      .rule('2026-08-06T10:00', null)
      .daily('2026-08-06T10:00', '2026-10-01', '02:00')
      .backup('2026-10-01T10:00', 'manual');
    expect(history.days()).toEqual(['08-04', '08-05', '08-06']);
  });

  it('quantity to days and weeks: they act on the completion of the next backup', () => {
    const history = retentionHistory()
      .rule('2026-08-03T00:00', quantity(6))
      .daily('2026-08-03', '2026-08-09T10:00', '02:00')
      .rule(
        '2026-08-09T10:00',
        retentionRule({ dayBackups: 1, weekBackups: 2, timezone: 'UTC+00:00' }),
      )
      .daily('2026-08-09T10:00', '2026-08-10T01:00', '02:00');
    expect(history.days()).toHaveLength(6);
    history.daily('2026-08-10T01:00', '2026-08-10T10:00', '02:00');
    // The last of the week that ended on Sunday, and the newest one.
    expect(history.days()).toEqual(['08-09', '08-10']);
  });
});

describe('the sweep (spec 4.3)', () => {
  it('deletes what expires at 08:00 in that very sweep', () => {
    const history = retentionHistory().rule('2026-11-01T00:00', time(1)).backup('2026-11-22T08:00');
    expect(history.daily('2026-11-23T08:00', '2026-11-23T08:01', '23:59').days()).toEqual([]);
  });

  it('deletes on the day after what expires in the evening: 20:00 on November 23', () => {
    const history = retentionHistory()
      .rule('2026-11-01T00:00', time(1))
      .backup('2026-11-22T20:00')
      .rule('2026-11-22T21:00', permanent);
    expect(history.daily('2026-11-23', '2026-11-24T08:00', '23:59').days()).toEqual([
      '11-22',
      '11-23',
    ]);
    expect(history.daily('2026-11-24T08:00', '2026-11-24T09:00', '23:59').days()).toEqual([
      '11-23',
    ]);
  });
});
