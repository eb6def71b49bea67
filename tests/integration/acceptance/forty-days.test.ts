import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';

/** Backups kept for days, weeks, months and years (spec section 4.3, GFS), lived through. */

const TEST_MS = 300_000;
const MIB = 2 ** 20;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAYS = 40;
/** The policy runs at 23:00 UTC, which is 01:00 of the next day where its owner lives. */
const RULE = { day_backups: 4, week_backups: 3, month_backups: 2, year_backups: 2, max_backups: 2 };
const TIMEZONE = 'UTC+02:00';

let world: AcceleratedMode;
beforeAll(async () => {
  // A Wednesday; the 40 days end two months, a year and a good five weeks.
  world = await AcceleratedMode.start('2026-11-25T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

/** The local date of a backup, as the calendar has it. */
const localDate = (madeMs: number): Date => new Date(madeMs + 2 * HOUR_MS);

/** The Monday of a date's week, found by walking back to it. */
const mondayOf = (date: Date): string => {
  let at = date;
  while (at.getUTCDay() !== 1) at = new Date(at.getTime() - DAY_MS);
  return at.toISOString().slice(0, 10);
};

/** What the rule keeps of all that was ever made (oldest first), read out of spec section 4.3. */
const keptOf = (madeMs: number[]): number[] => {
  const lastOfEach = (count: number, periodOf: (date: Date) => string): number[] => {
    // A later backup of the same period takes the earlier one's place.
    const last = new Map(madeMs.map((ms) => [periodOf(localDate(ms)), ms]));
    return [...last.values()].slice(-count);
  };
  const kept = new Set([
    ...madeMs.slice(-RULE.max_backups),
    ...lastOfEach(RULE.day_backups, (date) => date.toISOString().slice(0, 10)),
    ...lastOfEach(RULE.week_backups, mondayOf),
    ...lastOfEach(RULE.month_backups, (date) => date.toISOString().slice(0, 7)),
    ...lastOfEach(RULE.year_backups, (date) => date.toISOString().slice(0, 4)),
  ]);
  return [...kept].toSorted((a, b) => a - b);
};

it(
  'keeps on each of 40 days what days, weeks, months and years ask for, and nothing else',
  async () => {
    const disk = await world.addDisk(randomBytes(MIB));
    const vault = await world.addVault([disk]);
    const rule = { ...RULE, timezone: TIMEZONE };
    const policy = await world.protect(vault, 'FREQ=DAILY;BYHOUR=23;BYMINUTE=00', rule);
    const hours = (all: number[]) => all.map((ms) => new Date(ms).toISOString().slice(0, 13));
    const firstMs = Date.parse('2026-11-25T23:00Z');
    const made: number[] = [];
    const contents = new Map<string, Buffer>();
    for (let day = 0; day < DAYS; day++) {
      const bytes = randomBytes(MIB);
      await world.disks.write(disk, 0, bytes);
      const pointMs = firstMs + day * DAY_MS;
      await world.moveTo(pointMs);
      await world.fire('run-policies');
      await world.settled();
      made.push(pointMs);
      contents.set(new Date(pointMs).toISOString().slice(0, 13), bytes);
      await world.fire('retention-sweep');
      const shown = (await world.backups()).map((one) => Date.parse(one.created_at));
      expect([day, hours(shown)]).toEqual([day, hours(keptOf(made))]);
    }
    // Monday, 4 January, where the owner lives: the last Sundays, the end of December and of the
    // year, and four days.
    expect(await world.days()).toEqual([
      '12-26T23:00',
      '12-30T23:00',
      '12-31T23:00',
      '01-01T23:00',
      '01-02T23:00',
      '01-03T23:00',
    ]);
    const path = `policies/${policy}/retention-preview`;
    expect(await world.client.call('GET', path)).toMatchObject({ keep_count: 6, delete_count: 0 });
    for (const { id, created_at: at } of await world.backups())
      expect(contents.get(at.slice(0, 13))?.equals(await world.restored(id))).toBe(true);
  },
  TEST_MS,
);
