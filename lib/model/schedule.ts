import { HoldfastError } from '../errors.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const DAY_MS = DAY_MINUTES * MINUTE_MS;

/** Spec section 4.1. */
export const SCHEDULE_LIMITS = {
  patternsMax: 24,
  /** A day. Of all patterns together the spacing sees to it. */
  pointsMax: 24,
  /** Days between two runs: the console's bound. */
  intervalDaysMax: 30,
  spacingMinutes: 60,
  /** A pattern that names every day, hour and minute is shorter. */
  patternLengthMax: 512,
  /** The longest window that `timePoints` looks through. */
  windowDaysMax: 400,
};

/** The field that callers know the patterns by. */
const FIELD = 'policy.trigger.properties.pattern';

/** In the order of `Date.getUTCDay`. */
const WEEKDAYS = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];

/** Days on which a pattern runs: some weekdays (0 = Sunday), or every so many days. */
type Days = { weekdays: ReadonlySet<number> } | { intervalDays: number };

/** A parsed RRULE pattern; minutes count from midnight, UTC. */
interface Pattern {
  days: Days;
  minutes: number[];
}

/** When a policy runs: the union of its patterns. */
export type Schedule = readonly Pattern[];

/**
 * The schedule of RRULE patterns (RFC 2445, as far as spec section 4.1 takes them; times are UTC):
 * `FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=21;BYMINUTE=00` or `FREQ=DAILY;INTERVAL=3;BYHOUR=4;BYMINUTE=30`.
 * `BackupService.9900` with the reason when one is malformed, or when two time points could be less
 * than an hour apart.
 */
export function parseSchedule(patterns: readonly string[]): Schedule {
  const { patternsMax } = SCHEDULE_LIMITS;
  if (patterns.length < 1 || patterns.length > patternsMax) {
    throw refusal(`must have 1 to ${patternsMax} patterns`);
  }
  const schedule = patterns.map(parsePattern);
  checkSpacing(schedule, patterns);
  return schedule;
}

/**
 * The time points in [fromMs, toMs), ascending, each once; at most 400 days are looked through.
 * `anchorMs` is when the policy was made: nothing runs before, and every-n-days patterns count from
 * that day, whatever was changed since (spec section 4.2, rule 2).
 */
export function timePoints(
  schedule: Schedule,
  anchorMs: number,
  fromMs: number,
  toMs: number,
): number[] {
  const anchorDay = Math.floor(anchorMs / DAY_MS);
  const firstMs = Math.max(fromMs, anchorMs);
  const firstDay = Math.floor(firstMs / DAY_MS);
  const endDay = Math.ceil(toMs / DAY_MS);
  if (endDay - firstDay > SCHEDULE_LIMITS.windowDaysMax) {
    throw new HoldfastError('bug', { reason: `time points of ${endDay - firstDay} days at once` });
  }
  const points = new Set<number>();
  for (let day = firstDay; day < endDay; day++) {
    for (const { days, minutes } of schedule) {
      if (!runsOn(days, day, anchorDay)) continue;
      for (const minute of minutes) points.add(day * DAY_MS + minute * MINUTE_MS);
    }
  }
  return [...points].filter((atMs) => atMs >= firstMs && atMs < toMs).toSorted((a, b) => a - b);
}

function parsePattern(text: string): Pattern {
  if (text.length > SCHEDULE_LIMITS.patternLengthMax) throw refusal('a pattern is too long');
  const parts = new Map<string, string>();
  for (const part of text.split(';')) {
    const [, name, value] = /^([A-Z]+)=([A-Z0-9,]+)$/.exec(part) ?? [];
    if (name === undefined || value === undefined) {
      throw refusal(`${text}: "${part}" is not NAME=VALUE`);
    }
    if (!PARTS.includes(name)) throw refusal(`${text}: ${name} is none of ${PARTS.join(', ')}`);
    if (parts.has(name)) throw refusal(`${text}: ${name} appears twice`);
    parts.set(name, value);
  }
  const hours = numbers(text, parts, 'BYHOUR', 0, 23);
  const minutes = numbers(text, parts, 'BYMINUTE', 0, 59);
  const { pointsMax } = SCHEDULE_LIMITS;
  if (hours.length * minutes.length > pointsMax) {
    throw refusal(`${text}: at most ${pointsMax} time points a day`);
  }
  return {
    days: parseDays(text, parts),
    minutes: hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute)),
  };
}

const PARTS = ['FREQ', 'BYDAY', 'BYHOUR', 'BYMINUTE', 'INTERVAL'];

function parseDays(text: string, parts: ReadonlyMap<string, string>): Days {
  const frequency = parts.get('FREQ');
  const { intervalDaysMax } = SCHEDULE_LIMITS;
  if (frequency === 'DAILY') {
    if (parts.has('BYDAY')) throw refusal(`${text}: BYDAY needs FREQ=WEEKLY`);
    if (!parts.has('INTERVAL')) return { intervalDays: 1 };
    const [intervalDays = 1, ...more] = numbers(text, parts, 'INTERVAL', 1, intervalDaysMax);
    if (more.length > 0) throw refusal(`${text}: INTERVAL must be one number`);
    return { intervalDays };
  }
  if (frequency !== 'WEEKLY') throw refusal(`${text}: FREQ must be WEEKLY or DAILY`);
  // Every second week is not among CBR's schedules: days are of a week, or so many days apart.
  if ((parts.get('INTERVAL') ?? '1') !== '1') throw refusal(`${text}: INTERVAL needs FREQ=DAILY`);
  const names = parts.get('BYDAY')?.split(',') ?? [];
  const weekdays = new Set(names.map((name) => WEEKDAYS.indexOf(name)));
  if (names.length === 0 || weekdays.has(-1)) {
    throw refusal(`${text}: BYDAY must be some of ${WEEKDAYS.join(', ')}`);
  }
  return { weekdays };
}

/** The numbers of a part, ascending, each once. */
function numbers(
  text: string,
  parts: ReadonlyMap<string, string>,
  name: string,
  min: number,
  max: number,
): number[] {
  const values = (parts.get(name) ?? '').split(',').map((value) => {
    const number = /^\d{1,2}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw refusal(`${text}: ${name} must be ${min} to ${max}`);
  });
  return [...new Set(values)].toSorted((a, b) => a - b);
}

/** Every pair of time points, also of one pattern, on the same day and across midnight. */
function checkSpacing(schedule: Schedule, patterns: readonly string[]): void {
  for (const [at, one] of schedule.entries()) {
    for (const [n, other] of schedule.entries()) {
      const offsets = [0, 1].filter((offset) => canMeet(one.days, other.days, offset));
      if (offsets.some((offset) => areTooClose(one.minutes, other.minutes, offset))) {
        const which = at === n ? patterns[at] : `${patterns[at]} and ${patterns[n]}`;
        throw refusal(`${which}: time points must be at least an hour apart`);
      }
    }
  }
}

/**
 * Whether `other` can run `offset` days after `one`. Patterns of every so many days count from the
 * same day. On which weekdays they fall depends on that day: any, to be safe.
 */
function canMeet(one: Days, other: Days, offset: number): boolean {
  if ('intervalDays' in one && 'intervalDays' in other) {
    return offset % greatestCommonDivisor(one.intervalDays, other.intervalDays) === 0;
  }
  if ('weekdays' in one && 'weekdays' in other) {
    return [...one.weekdays].some((day) => other.weekdays.has((day + offset) % 7));
  }
  return true;
}

function areTooClose(one: readonly number[], other: readonly number[], offset: number): boolean {
  return one.some((first) =>
    other.some((second) => {
      const apart = Math.abs(second + offset * DAY_MINUTES - first);
      return apart > 0 && apart < SCHEDULE_LIMITS.spacingMinutes;
    }),
  );
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function runsOn(days: Days, day: number, anchorDay: number): boolean {
  if ('intervalDays' in days) return (day - anchorDay) % days.intervalDays === 0;
  return days.weekdays.has(weekdayOf(day));
}

/** Day 0 of the epoch was a Thursday. */
function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

function refusal(reason: string): HoldfastError {
  return new HoldfastError('BackupService.9900', { field: FIELD, reason });
}
