import { describe, expect, it } from '@jest/globals';
import {
  capacityHours,
  costGroups,
  costOf,
  forecastCosts,
  gibHours,
  requestsOf,
  totalUsage,
} from '../../../lib/model/cost-report.ts';
import { DAY_MS, HOUR_MS } from '../../../lib/model/duration.ts';
import { PRICES } from '../../../lib/model/prices.ts';
import {
  ledgerRows,
  supersededChanges,
  type UsageSample,
  type VaultChange,
} from '../../../lib/model/usage-ledger.ts';

const T0 = Date.UTC(2026, 1, 1);
const MINUTE_MS = 60_000;
const GIB = 2 ** 30;

const change = (
  revision: number,
  minutes: number,
  sizeGib: number | null,
  tags: { key: string; value: string }[] = [],
  vaultId = 'v1',
): VaultChange => ({
  projectId: 'p1',
  vaultId,
  revision,
  atMs: T0 + minutes * MINUTE_MS,
  ...(sizeGib === null ? {} : { spec: { name: vaultId, sizeGib, tags, enterpriseProjectId: '0' } }),
});

const sample = (minutes: number, gib: number, vaultId = 'v1'): UsageSample => ({
  projectId: 'p1',
  vaultId,
  atMs: T0 + minutes * MINUTE_MS,
  usedBytes: gib * GIB,
  backupCount: gib,
});

const period = (fromMinutes: number, toMinutes: number) => ({
  fromMs: T0 + fromMinutes * MINUTE_MS,
  toMs: T0 + toMinutes * MINUTE_MS,
});

const rowsOf = (changes: VaultChange[], samples: UsageSample[], from: number, to: number) =>
  [...ledgerRows(changes, samples, period(from, to))].map((row) => [
    (row.fromMs - T0) / MINUTE_MS,
    (row.toMs - T0) / MINUTE_MS,
    row.spec.sizeGib,
    row.usedBytes / GIB,
    row.isCarried,
  ]);

const facts = (changes: VaultChange[], samples: UsageSample[] = []) => ({
  changes: Map.groupBy(changes, ({ vaultId }) => vaultId),
  samples: Map.groupBy(samples, ({ vaultId }) => vaultId),
  backups: [],
});

describe('the rows of a ledger', () => {
  // Made at 00:15, resized at 01:30, deleted at 02:10.
  const life = [change(1, 15, 100), change(2, 90, 200), change(3, 130, null)];

  it('begin with the vault, are split by a resize and end with the deletion', () => {
    expect(rowsOf(life, [], 0, 600)).toEqual([
      [15, 60, 100, 0, true],
      [60, 90, 100, 0, true],
      [90, 120, 200, 0, true],
      [120, 130, 200, 0, true],
    ]);
  });

  it('take a sample for its hour, and for the hours after it that have none', () => {
    const samples = [sample(61, 5), sample(181, 7)];
    expect(rowsOf([change(1, 15, 100)], samples, 0, 300)).toEqual([
      [15, 60, 100, 0, true],
      [60, 120, 100, 5, false],
      [120, 180, 100, 5, true],
      [180, 240, 100, 7, false],
      [240, 300, 100, 7, true],
    ]);
    expect(rowsOf([change(1, 15, 100)], samples.toReversed(), 120, 180)).toEqual([
      [120, 180, 100, 5, true],
    ]);
  });

  it('keep to the order of revisions where clocks differ', () => {
    const skewed = [change(1, 0, 10), change(2, 50, 20), change(3, 40, 30), change(4, 60, null)];
    expect(rowsOf(skewed, [], 0, 600)).toEqual([
      [0, 50, 10, 0, true],
      [50, 60, 30, 0, true],
    ]);
  });

  it('need a change until another took its place', () => {
    const at = (minutes: number) => supersededChanges(life, T0 + minutes * MINUTE_MS);
    expect(at(90)).toEqual([]);
    expect(at(91)).toEqual([life[0]]);
    expect(at(130)).toEqual([life[0]]);
    expect(at(131)).toEqual(life);
    expect(supersededChanges([life[0]!], Infinity)).toEqual([]);
  });
});

describe('the lines of a report', () => {
  it('add up what each vault was and held', () => {
    const changes = [change(1, 15, 100), change(2, 90, 200), change(3, 130, null)];
    const all = facts([...changes, change(1, 0, 40, [], 'v2')], [sample(61, 5)]);
    const [one, two] = costGroups(all, period(0, 180), undefined);
    expect(one).toMatchObject({ key: 'v1', name: 'v1', vaultIds: ['v1'] });
    // 75 minutes of 100, 40 of 200; 70 minutes of 5 GiB.
    expect(capacityHours(one!.usage.capacityGibMs)).toBeCloseTo((75 * 100 + 40 * 200) / 60, 9);
    expect(gibHours(one!.usage.storedByteMs)).toBeCloseTo((70 * 5) / 60, 9);
    expect(one!.usage.carriedMs).toBe(55 * MINUTE_MS);
    expect(capacityHours(two!.usage.capacityGibMs)).toBe(120);
  });

  it('follow a tag from the time at which the vault had it', () => {
    const gold = [{ key: 'tier', value: 'gold' }];
    const all = facts([change(1, 0, 10), change(2, 60, 10, gold), change(1, 0, 5, gold, 'v2')]);
    const groups = costGroups(all, period(0, 120), 'tier');
    expect(groups.map(({ key, name, vaultIds }) => [key, name, vaultIds])).toEqual([
      [null, null, ['v1']],
      ['gold', null, ['v1', 'v2']],
    ]);
    expect(groups.map(({ usage }) => capacityHours(usage.capacityGibMs))).toEqual([10, 20]);
    const bytes = { totalBytes: GIB, storedBytes: 1, newBytes: 1, deduplicatedBytes: 0 };
    const backups = [30, 60, 90].map((minutes) => ({
      vaultId: 'v1',
      atMs: T0 + minutes * MINUTE_MS,
      ...bytes,
    }));
    const counted = costGroups({ ...all, backups }, period(0, 120), 'tier');
    expect(counted.map(({ usage }) => usage.requests.indexWrites)).toEqual([1, 2]);
  });

  it('count the requests of the backups that began in the period', () => {
    const counted = {
      vaultId: 'v1',
      totalBytes: 3 * GIB,
      storedBytes: 33 * 2 ** 20,
      newBytes: 2 ** 20,
      deduplicatedBytes: 2 ** 19,
    };
    expect(requestsOf(counted)).toEqual({ objectPuts: 7, indexWrites: 2, indexReads: 3 });
    const backups = [30, 90, 200].map((minutes) => ({
      ...counted,
      atMs: T0 + minutes * MINUTE_MS,
    }));
    const unknown = { ...counted, vaultId: 'forgotten', atMs: T0 + MINUTE_MS };
    const all = { ...facts([change(1, 15, 100)]), backups: [...backups, unknown] };
    const [one] = costGroups(all, period(0, 120), undefined);
    expect(one!.usage.requests).toEqual({ objectPuts: 14, indexWrites: 4, indexReads: 6 });
  });

  it('cost what the prices say', () => {
    const usage = {
      ...totalUsage([]),
      storedByteMs: BigInt(1000 * GIB) * BigInt(730 * HOUR_MS),
      requests: { objectPuts: 2000, indexWrites: 2_000_000, indexReads: 4_000_000 },
    };
    const prices = {
      ...PRICES,
      storageGibMonth: 0.02,
      thousandPuts: 1,
      millionWrites: 10,
      millionReads: 100,
    };
    expect(costOf(usage, prices)).toEqual({ storage: 20, requests: 2 + 20 + 200 });
  });
});

describe('a forecast', () => {
  const day = 24 * 60;
  const whole = (days: number) => ({ fromMs: T0, toMs: T0 + days * DAY_MS });
  /** A sample each hour, growing by a GiB a day in even steps. */
  const grown = (days: number) =>
    Array.from({ length: days * 24 }, (_, n) => sample(n * 60, Math.floor(n / 24)));

  it('goes on along the line', () => {
    const forecast = forecastCosts(facts([change(1, 0, 100)], grown(10)), whole(10))!;
    expect(forecast).toMatchObject({ days: 30, basedOnDays: 10, storedBytes: 39 * GIB });
    const gibDays = Array.from({ length: 30 }, (_, n) => 10 + n).reduce((sum, gib) => sum + gib, 0);
    expect(gibHours(forecast.usage.storedByteMs)).toBeCloseTo(gibDays * 24, 3);
    expect(capacityHours(forecast.usage.capacityGibMs)).toBe(30 * 24 * 100);
  });

  it('is made from 30 days at most, and requests go on as they were', () => {
    const atMs = T0 + 40 * DAY_MS + HOUR_MS;
    const counted = { vaultId: 'v1', totalBytes: GIB, storedBytes: 1, newBytes: 1 };
    const backups = [5, 20, 30, 39].map((n) => ({
      ...counted,
      deduplicatedBytes: 0,
      atMs: T0 + n * DAY_MS,
    }));
    const all = { ...facts([change(1, 0, 100)], grown(40)), backups };
    const forecast = forecastCosts(all, { fromMs: T0, toMs: atMs })!;
    expect(forecast.basedOnDays).toBe(30);
    expect(forecast.usage.requests).toEqual({ objectPuts: 12, indexWrites: 3, indexReads: 3 });
  });

  it('never falls below nothing', () => {
    const shrinking = Array.from({ length: 8 }, (_, n) => sample(n * day, 8 - n));
    const forecast = forecastCosts(facts([change(1, 0, 100)], shrinking), whole(8))!;
    expect(forecast.usage.storedByteMs).toBe(0n);
  });

  it('is not made from less than 7 whole days, nor without a vault', () => {
    const late = facts([change(1, 1, 100)]);
    expect(forecastCosts(late, whole(7))).toBeNull();
    expect(forecastCosts(late, whole(8))).toMatchObject({ basedOnDays: 7 });
    const short = { ...whole(20), fromMs: T0 + 13 * DAY_MS + HOUR_MS };
    expect(forecastCosts(late, short)).toMatchObject({ basedOnDays: 7 });
    expect(forecastCosts(late, { ...short, fromMs: T0 + 14 * DAY_MS })).toBeNull();
    const gone = facts([change(1, 0, 100), change(2, 9 * day, null)]);
    expect(forecastCosts(gone, whole(10))).toBeNull();
    expect(forecastCosts(facts([]), whole(9))).toBeNull();
  });
});
