import { fc, test } from '@fast-check/jest';
import { describe, expect } from '@jest/globals';
import { isError } from '../../lib/errors.ts';
import { parseSchedule, timePoints } from '../../lib/model/schedule.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const NAMES = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];

/** A pattern as data: what the oracle reads. */
interface Rule {
  days: { weekdays: number[] } | { interval: number };
  hours: number[];
  minute: number;
}

const textOf = ({ days, hours, minute }: Rule): string => {
  const when =
    'interval' in days
      ? `FREQ=DAILY;INTERVAL=${days.interval}`
      : `FREQ=WEEKLY;BYDAY=${days.weekdays.map((day) => NAMES[day]).join(',')}`;
  return `${when};BYHOUR=${hours.join(',')};BYMINUTE=${String(minute).padStart(2, '0')}`;
};

/** Minute by minute, with the calendar of `Date`: slow, and without any arithmetic on days. */
const oracle = (rules: Rule[], anchorMs: number, fromMs: number, toMs: number): number[] => {
  const startOfDay = (date: Date) => date.toISOString().slice(0, 10);
  const points: number[] = [];
  const runDays = new Map<Rule, Set<string>>();
  for (const rule of rules) {
    const { days } = rule;
    if (!('interval' in days)) continue;
    const cursor = new Date(anchorMs);
    const set = new Set<string>();
    for (; cursor.getTime() < toMs + DAY_MS; cursor.setUTCDate(cursor.getUTCDate() + days.interval))
      set.add(startOfDay(cursor));
    runDays.set(rule, set);
  }
  for (let ms = Math.ceil(fromMs / MINUTE_MS) * MINUTE_MS; ms < toMs; ms += MINUTE_MS) {
    if (ms < anchorMs) continue;
    const date = new Date(ms);
    const hit = rules.some((rule) => {
      const { days, hours, minute } = rule;
      if (date.getUTCMinutes() !== minute || !hours.includes(date.getUTCHours())) return false;
      if ('interval' in days) return runDays.get(rule)?.has(startOfDay(date)) ?? false;
      return days.weekdays.includes(date.getUTCDay());
    });
    if (hit) points.push(ms);
  }
  return points;
};

const rule: fc.Arbitrary<Rule> = fc.record({
  days: fc.oneof(
    fc.record({ weekdays: fc.uniqueArray(fc.nat(6), { minLength: 1 }) }),
    fc.record({ interval: fc.integer({ min: 1, max: 30 }) }),
  ),
  hours: fc.uniqueArray(fc.nat(23), { minLength: 1, maxLength: 4 }),
  minute: fc.nat(59),
});

/** Near leap days, ends of years and of ordinary months, and before 1970. */
const someDay = fc
  .constantFrom('2024-02-27', '2027-12-30', '2100-02-27', '2000-02-28', '2026-03-28', '1969-12-28')
  .chain((day) =>
    fc.integer({ min: 0, max: 5 * 1440 }).map((n) => Date.parse(day) + n * MINUTE_MS),
  );

describe('time points', () => {
  test.prop([
    fc.array(rule, { minLength: 1, maxLength: 3 }),
    someDay,
    fc.integer({ min: -3 * 86_400, max: 40 * 86_400 }),
    fc.integer({ min: 0, max: 9 * 86_400 }),
  ])('are those of a day-by-day, minute-by-minute oracle', (rules, anchorMs, after, seconds) => {
    const fromMs = anchorMs + after * 1000;
    const toMs = fromMs + seconds * 1000;
    const patterns = rules.map(textOf);
    const truth = oracle(rules, anchorMs, fromMs, toMs);
    try {
      expect(timePoints(parseSchedule(patterns), anchorMs, fromMs, toMs)).toEqual(truth);
    } catch (error) {
      if (!isError(error, 'BackupService.9900')) throw error;
    }
  });

  test.prop([fc.array(rule, { minLength: 1, maxLength: 3 }), someDay])(
    'of an accepted schedule are an hour apart, at most 24 a day',
    (rules, anchorMs) => {
      let schedule: ReturnType<typeof parseSchedule>;
      try {
        schedule = parseSchedule(rules.map(textOf));
      } catch (error) {
        if (isError(error, 'BackupService.9900')) return;
        throw error;
      }
      const points = timePoints(schedule, anchorMs, anchorMs, anchorMs + 60 * DAY_MS);
      const gaps = points.slice(1).map((ms, at) => ms - (points[at] as number));
      expect(Math.min(...gaps, Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(60 * MINUTE_MS);
      const days = Map.groupBy(points, (ms) => Math.floor(ms / DAY_MS));
      for (const day of days.values()) expect(day.length).toBeLessThanOrEqual(24);
    },
  );

  test.prop([fc.array(fc.string(), { maxLength: 3 })])('no text does worse than 9900', (texts) => {
    expect(() => parseSchedule(texts)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });
});
