import { describe, expect, it } from '@jest/globals';
import { parseSchedule, SCHEDULE_LIMITS, timePoints } from '../../../lib/model/schedule.ts';

const at = (text: string): number => Date.parse(text.length === 10 ? `${text}Z` : `${text}:00Z`);

const points = (patterns: string[], made: string, from: string, to: string): string[] =>
  timePoints(parseSchedule(patterns), at(made), at(from), at(to)).map((ms) =>
    new Date(ms).toISOString().slice(0, 16),
  );

const refused = (...patterns: string[]): string => {
  try {
    parseSchedule(patterns);
  } catch (error) {
    expect(error).toMatchObject({ code: 'BackupService.9900' });
    return (error as Error).message;
  }
  throw new Error(`not refused: ${patterns.join(' ')}`);
};

describe('weekly patterns', () => {
  it('run on the weekdays named, at every hour and minute named', () => {
    const pattern = 'FREQ=WEEKLY;BYDAY=MO,SU;BYHOUR=9,21;BYMINUTE=30';
    // 2026-03-01 is a Sunday.
    expect(points([pattern], '2026-01-01', '2026-02-28', '2026-03-04')).toEqual([
      '2026-03-01T09:30',
      '2026-03-01T21:30',
      '2026-03-02T09:30',
      '2026-03-02T21:30',
    ]);
  });

  it('run on leap days and across the end of a year', () => {
    const daily = 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=02;BYMINUTE=00';
    expect(points([daily], '2027-01-01', '2028-02-28', '2028-03-02')).toEqual([
      '2028-02-28T02:00',
      '2028-02-29T02:00',
      '2028-03-01T02:00',
    ]);
    expect(points([daily], '2026-01-01', '2026-12-31', '2027-01-02')).toEqual([
      '2026-12-31T02:00',
      '2027-01-01T02:00',
    ]);
  });

  it('take the start of a window and leave its end', () => {
    const daily = ['FREQ=DAILY;BYHOUR=2;BYMINUTE=0'];
    const window = ['2026-05-01T02:00', '2026-05-02T02:00'] as const;
    expect(points(daily, '2026-01-01', ...window)).toEqual(['2026-05-01T02:00']);
    expect(points(daily, '2026-01-01', '2026-05-01T02:01', '2026-05-02T02:00')).toEqual([]);
  });

  it('run once where two patterns meet', () => {
    const both = [
      'FREQ=WEEKLY;BYDAY=FR;BYHOUR=10;BYMINUTE=0',
      'FREQ=DAILY;INTERVAL=1;BYHOUR=10;BYMINUTE=00',
    ];
    expect(points(both, '2026-01-01', '2026-01-02', '2026-01-03')).toEqual(['2026-01-02T10:00']);
  });
});

describe('day-based patterns (spec 4.2, rule 2)', () => {
  const every = (n: number) => [`FREQ=DAILY;INTERVAL=${n};BYHOUR=10;BYMINUTE=00`];

  it('run on the day of creation when the time has not passed', () => {
    const runs = points(every(3), '2026-01-30T10:00', '2026-01-01', '2026-02-08');
    expect(runs).toEqual(['2026-01-30T10:00', '2026-02-02T10:00', '2026-02-05T10:00']);
  });

  it('run in the next cycle when the time has passed', () => {
    const runs = points(every(3), '2026-01-30T10:01', '2026-01-01', '2026-02-08');
    expect(runs).toEqual(['2026-02-02T10:00', '2026-02-05T10:00']);
  });

  it('keep their time base when the interval changes', () => {
    const made = '2026-01-01T00:00';
    expect(points(every(2), made, '2026-01-10', '2026-01-16')).toEqual([
      '2026-01-11T10:00',
      '2026-01-13T10:00',
      '2026-01-15T10:00',
    ]);
    expect(points(every(5), made, '2026-01-10', '2026-01-18')).toEqual([
      '2026-01-11T10:00',
      '2026-01-16T10:00',
    ]);
  });
});

describe('what is refused, and why', () => {
  it.each([
    ['', '"" is not NAME=VALUE'],
    ['FREQ', '"FREQ" is not NAME=VALUE'],
    ['FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=1;', '"" is not NAME=VALUE'],
    ['FREQ=HOURLY;BYHOUR=1;BYMINUTE=1', 'FREQ must be WEEKLY or DAILY'],
    ['BYDAY=MO;BYHOUR=1;BYMINUTE=1', 'FREQ must be WEEKLY or DAILY'],
    ['FREQ=DAILY;COUNT=3;BYHOUR=1;BYMINUTE=1', 'COUNT is none of'],
    ['FREQ=DAILY;FREQ=DAILY;BYHOUR=1;BYMINUTE=1', 'FREQ appears twice'],
    ['FREQ=WEEKLY;BYHOUR=1;BYMINUTE=1', 'BYDAY must be some of'],
    ['FREQ=WEEKLY;BYDAY=MO,XX;BYHOUR=1;BYMINUTE=1', 'BYDAY must be some of'],
    ['FREQ=WEEKLY;BYDAY=1MO;BYHOUR=1;BYMINUTE=1', 'BYDAY must be some of'],
    ['FREQ=WEEKLY;BYDAY=MO;INTERVAL=2;BYHOUR=1;BYMINUTE=1', 'INTERVAL needs FREQ=DAILY'],
    ['FREQ=DAILY;BYDAY=MO;BYHOUR=1;BYMINUTE=1', 'BYDAY needs FREQ=WEEKLY'],
    ['FREQ=DAILY;INTERVAL=0;BYHOUR=1;BYMINUTE=1', 'INTERVAL must be 1 to 30'],
    ['FREQ=DAILY;INTERVAL=31;BYHOUR=1;BYMINUTE=1', 'INTERVAL must be 1 to 30'],
    ['FREQ=DAILY;INTERVAL=2,3;BYHOUR=1;BYMINUTE=1', 'INTERVAL must be one number'],
    ['FREQ=DAILY;BYMINUTE=1', 'BYHOUR must be 0 to 23'],
    ['FREQ=DAILY;BYHOUR=24;BYMINUTE=1', 'BYHOUR must be 0 to 23'],
    ['FREQ=DAILY;BYHOUR=1', 'BYMINUTE must be 0 to 59'],
    ['FREQ=DAILY;BYHOUR=1;BYMINUTE=60', 'BYMINUTE must be 0 to 59'],
    ['FREQ=DAILY;BYHOUR=1;BYMINUTE=0,15', 'at least an hour apart'],
    ['FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12;BYMINUTE=0,1', 'at most 24 time points'],
    [`FREQ=DAILY;BYHOUR=1;BYMINUTE=${'0,'.repeat(300)}0`, 'too long'],
  ])('%s', (pattern, reason) => {
    expect(refused(pattern)).toContain(reason);
  });

  it('none, and more than 24 patterns', () => {
    const one = 'FREQ=DAILY;BYHOUR=1;BYMINUTE=1';
    expect(refused()).toContain('1 to 24 patterns');
    expect(refused(...Array<string>(25).fill(one))).toContain('1 to 24 patterns');
    expect(parseSchedule(Array<string>(24).fill(one))).toHaveLength(24);
  });

  it('patterns less than an hour apart, also across midnight and the week', () => {
    const close = 'at least an hour apart';
    const daily = (time: string, n = 1) =>
      `FREQ=DAILY;INTERVAL=${n};BYHOUR=${time.slice(0, 2)};BYMINUTE=${time.slice(3)}`;
    const weekly = (days: string, time: string) =>
      `FREQ=WEEKLY;BYDAY=${days};BYHOUR=${time.slice(0, 2)};BYMINUTE=${time.slice(3)}`;
    expect(refused(daily('10:00'), daily('10:59'))).toContain(close);
    expect(parseSchedule([daily('10:00'), daily('11:00')])).toHaveLength(2);
    expect(refused(daily('23:30'), daily('00:00'))).toContain(close);
    expect(refused(daily('00:00', 2), daily('23:30', 3))).toContain(close);
    // Every 2 and every 4 days never fall on two days in a row.
    expect(parseSchedule([daily('00:00', 2), daily('23:30', 4)])).toHaveLength(2);
    expect(refused(weekly('SA', '23:30'), weekly('SU', '00:10'))).toContain(close);
    expect(parseSchedule([weekly('SA', '23:30'), weekly('MO', '00:10')])).toHaveLength(2);
    expect(parseSchedule([weekly('MO', '10:00'), weekly('TU', '10:30')])).toHaveLength(2);
    expect(refused(weekly('MO', '10:00'), daily('10:30', 7))).toContain(close);
  });

  it('a window without bound', () => {
    const schedule = parseSchedule(['FREQ=DAILY;BYHOUR=1;BYMINUTE=1']);
    const days = SCHEDULE_LIMITS.windowDaysMax + 1;
    expect(() => timePoints(schedule, 0, 0, days * 86_400_000)).toThrow(/at once/);
  });
});
