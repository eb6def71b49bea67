import { fc, test } from '@fast-check/jest';
import { describe, expect } from '@jest/globals';
import type { RetentionRule } from '../../lib/model/policy.ts';
import {
  planRetention,
  type RetainedBackup,
  type RetentionContext,
} from '../../lib/model/retention.ts';
import { retentionRule, utc } from '../support/retention-history.ts';

const NOW = utc('2026-08-20T12:00');
const HOUR_MS = 3_600_000;

const statuses = [
  ...(['available', 'available', 'available', 'error', 'restoring', 'waiting_restore'] as const),
  ...(['protecting', 'waiting_protect', 'deleted'] as const),
];

/** Any backups of the last years, at any hour: some share a day, some an instant. */
const backups = fc
  .array(
    fc.record({
      hoursAgo: fc.oneof(fc.nat(24 * 20), fc.nat(24 * 900)),
      status: fc.constantFrom(...statuses),
      isWhole: fc.boolean(),
      autoTrigger: fc.oneof(fc.constant(true), fc.boolean()),
      expiresIn: fc.option(fc.integer({ min: -500, max: 500 })),
    }),
    { maxLength: 40 },
  )
  .map((all) =>
    all.map(({ hoursAgo, status, isWhole, autoTrigger, expiresIn }, n): RetainedBackup => {
      const createdAtMs = NOW - hoursAgo * HOUR_MS;
      const hasManifest = status === 'error' ? isWhole : !/protect/.test(status);
      return {
        id: `b${n}`,
        status,
        autoTrigger,
        createdAtMs,
        ...(hasManifest && {
          manifest: { sessionId: 's', sha256: 'm' },
          completedAtMs: createdAtMs,
        }),
        ...(expiresIn !== null && { expiresAtMs: NOW + expiresIn * HOUR_MS }),
      };
    }),
  );

const timezone = fc.constantFrom('UTC+00:00', 'UTC-11:00', 'UTC+05:45', 'UTC+14:00');
const byNumber: fc.Arbitrary<RetentionRule> = fc.record({
  maxBackups: fc.integer({ min: 1, max: 12 }),
  dayBackups: fc.nat(12),
  weekBackups: fc.nat(8),
  monthBackups: fc.nat(8),
  yearBackups: fc.nat(4),
  timezone,
});

/** Minutes about the ends of years, of February in leap years and others, and of weeks. */
const minutesNearTurns = fc
  .constantFrom('2020-12-31', '2023-02-28', '2024-02-29', '2024-12-29', '2026-03-29', '2026-06-30')
  .chain((day) => fc.integer({ min: -2880, max: 2880 }).map((n) => utc(day) + n * 60_000));

const wholeAt = (createdAtMs: number): RetainedBackup => ({
  id: new Date(createdAtMs).toISOString(),
  status: 'available',
  autoTrigger: true,
  manifest: { sessionId: 's', sha256: 'm' },
  createdAtMs,
  completedAtMs: createdAtMs,
});

/** What clocks in a zone show, read as if it were UTC: without the arithmetic of the model. */
const localDate = (ms: number, zone: string): Date =>
  new Date(
    `${new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone.slice(3),
      dateStyle: 'short',
      timeStyle: 'medium',
    })
      .format(ms)
      .replace(' ', 'T')}Z`,
  );

/** The name of the period that a date is in; a week is named by its Monday. */
const CALENDAR = {
  dayBackups: (date: Date) => date.toISOString().slice(0, 10),
  weekBackups: (date: Date) => {
    while (date.getUTCDay() !== 1) date.setUTCDate(date.getUTCDate() - 1);
    return date.toISOString().slice(0, 10);
  },
  monthBackups: (date: Date) => date.toISOString().slice(0, 7),
  yearBackups: (date: Date) => date.toISOString().slice(0, 4),
};

const plan = (
  all: RetainedBackup[],
  rule: RetentionRule | null,
  some: Partial<RetentionContext> = {},
) =>
  planRetention(all, {
    nowMs: NOW,
    inForce: rule && { rule, sinceMs: 0 },
    locked: false,
    imageBound: new Set(),
    ...some,
  });

const deleted = (...args: Parameters<typeof plan>): Set<string> =>
  new Set(plan(...args).flatMap(({ backupId, action }) => (action === 'delete' ? backupId : [])));

const isSubset = (small: Set<string>, large: Set<string>) =>
  expect([...small].filter((id) => !large.has(id))).toEqual([]);

describe('a plan of retention', () => {
  test.prop([backups, byNumber])(
    'decides on every backup there is, once, with reasons',
    (all, rule) => {
      const decisions = plan(all, rule);
      const there = all.filter(({ status }) => status !== 'deleted').map(({ id }) => id);
      expect(decisions.map(({ backupId }) => backupId).toSorted()).toEqual(there.toSorted());
      for (const { reasons } of decisions) expect(reasons.length).toBeGreaterThan(0);
    },
  );

  test.prop([backups, byNumber])('never deletes what is manual, made or restored', (all, rule) => {
    const gone = deleted(all, rule);
    for (const { id, status, autoTrigger } of all) {
      if (!autoTrigger || /protect|restor/.test(status)) expect(gone.has(id)).toBe(false);
    }
  });

  test.prop([backups, byNumber, fc.func(fc.boolean())])(
    'never deletes what an image was made of',
    (all, rule, isBound) => {
      const imageBound = new Set(all.map(({ id }) => id).filter((id) => isBound(id)));
      const gone = deleted(all, rule, { imageBound });
      for (const id of imageBound) expect(gone.has(id)).toBe(false);
    },
  );

  test.prop([backups, byNumber])(
    'is done once: the next plan deletes nothing more',
    (all, rule) => {
      const gone = deleted(all, rule);
      const left = all.filter(({ id }) => !gone.has(id));
      expect([...deleted(left, rule)]).toEqual([]);
    },
  );

  test.prop([backups, byNumber, fc.constantFrom('maxBackups', 'dayBackups', 'yearBackups')])(
    'deletes no more when a number grows',
    (all, rule, name) => {
      isSubset(deleted(all, { ...rule, [name]: (rule[name] ?? 0) + 1 }), deleted(all, rule));
    },
  );

  test.prop([backups, byNumber])('keeps the union of what its parts keep', (all, rule) => {
    const parts = (['dayBackups', 'weekBackups', 'monthBackups', 'yearBackups'] as const).map(
      (name) => retentionRule({ [name]: rule[name], timezone: rule.timezone ?? 'UTC+00:00' }),
    );
    const { maxBackups = 1 } = rule;
    const used = [
      retentionRule({ maxBackups }),
      ...parts.filter((part) =>
        Object.values(part).some((value) => typeof value === 'number' && value > 0),
      ),
    ];
    const byParts = used.map((part) => deleted(all, part));
    const byAll = new Set(
      [...(byParts[0] ?? [])].filter((id) => byParts.every((gone) => gone.has(id))),
    );
    expect(deleted(all, rule)).toEqual(byAll);
  });

  test.prop([backups, byNumber])(
    'by number keeps at least N, if there are N that count',
    (all, rule) => {
      const whole = all.filter(
        (one) => one.autoTrigger && one.status === 'available' && one.expiresAtMs === undefined,
      );
      const gone = deleted(whole, rule);
      const left = whole.filter(({ id }) => !gone.has(id));
      expect(left.length).toBeGreaterThanOrEqual(Math.min(whole.length, rule.maxBackups ?? 0));
      const newest = whole.toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
      if (newest) expect(left.map(({ createdAtMs }) => createdAtMs)).toContain(newest.createdAtMs);
    },
  );

  test.prop([
    fc.uniqueArray(minutesNearTurns, { minLength: 1, maxLength: 30 }),
    fc.constantFrom('dayBackups', 'weekBackups', 'monthBackups', 'yearBackups'),
    fc.integer({ min: 1, max: 6 }),
    timezone,
  ])('keeps the newest of the last periods of a calendar', (times, name, count, zone) => {
    const made = times.toSorted((a, b) => a - b).map(wholeAt);
    const newestOfPeriod = new Map(
      made.map(({ id, createdAtMs }) => [CALENDAR[name](localDate(createdAtMs, zone)), id]),
    );
    const gone = deleted(made, retentionRule({ [name]: count, timezone: zone }));
    const left = made.flatMap(({ id }) => (gone.has(id) ? [] : id));
    expect(left).toEqual([...newestOfPeriod.values()].slice(-count));
  });

  test.prop([backups])('without a rule only what expired or failed goes', (all) => {
    for (const { action, reasons } of plan(all, null)) {
      if (action === 'delete') expect(reasons[0]).toMatch(/expired|failed/);
    }
  });

  test.prop([backups, byNumber, byNumber])('a lock never deletes more', (all, rule, promised) => {
    const made = all.map((one) => ({ ...one, retention: promised }));
    const locked = deleted(made, rule, { locked: true });
    isSubset(locked, deleted(made, rule));
    isSubset(locked, deleted(made, promised));
  });

  test.prop([backups, byNumber, fc.integer()])(
    'does not depend on the order given',
    (all, rule, by) => {
      const turned =
        all.length === 0 ? [] : [...all.slice(by % all.length), ...all.slice(0, by % all.length)];
      expect(plan(turned, rule)).toEqual(plan(all, rule));
    },
  );
});
