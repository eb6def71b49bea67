import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../lib/model/duration.ts';
import { PRICES } from '../../lib/model/prices.ts';

import { meterUsage } from '../../lib/service/meter-usage.ts';
import { reportCosts } from '../../lib/service/report-costs.ts';
import { apiWorld, finishBackup, PROJECT, refusal, resources } from '../support/api.ts';

/** A vault's life over HTTP, with the hourly look at it; every figure is worked out by hand. */

const MINUTE_MS = 60_000;
const GIB = 2 ** 30;
/** Clocks in Europe are put forward on this day; a ledger in UTC must not notice. */
const MIDNIGHT = Date.UTC(2030, 2, 31);

const world = async () => {
  const api = await apiWorld();
  const to = (atMs: number) => api.clock.advance(atMs - api.clock.nowMs());
  to(MIDNIGHT);
  const meter = (ledgerMs?: number) =>
    meterUsage({ ...api, settings: ledgerMs === undefined ? {} : { ledgerMs } });
  const report = async (query = '') => {
    const { status, body } = await api.call('GET', `/cost-report${query}`);
    expect(status).toBe(200);
    return body as Report;
  };
  return { ...api, to, meter, report };
};

interface Used {
  capacity_gb_hours: number;
  stored_gb_hours: number;
  storage_cost: number;
  requests_cost: number;
  cost: number;
  requests: object;
}
interface Report {
  groups: (Used & { key: string | null; name: string | null; vault_count: number })[];
  count: number;
  total: Used;
  carried_hours: number;
  forecast: (Used & { based_on_days: number; stored_gb: number }) | null;
  hints: { vault_id: string }[];
}

const at = (minutes: number) => MIDNIGHT + minutes * MINUTE_MS;
const period = (fromMs: number, toMs: number) =>
  `?from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;

describe('a report of costs', () => {
  it('bills a vault from its creation to its deletion, split by a resize', async () => {
    const { addVault, call, to, report } = await world();
    to(at(15));
    const vaultId = await addVault([], { name: 'web' });
    to(at(90));
    await call('PUT', `/vaults/${vaultId}`, { vault: { billing: { size: 250 } } });
    to(at(100));
    await call('PUT', `/vaults/${vaultId}`, { vault: { threshold: 50 } });
    to(at(130));
    await call('DELETE', `/vaults/${vaultId}`);
    to(at(600));
    const { groups, total, hints } = await report();
    // 75 minutes of 100 GB, 40 minutes of 250 GB.
    const capacity = (75 * 100 + 40 * 250) / 60;
    expect(groups).toMatchObject([{ key: vaultId, name: 'web', vault_count: 1, cost: 0 }]);
    expect(groups[0]?.capacity_gb_hours).toBeCloseTo(capacity, 5);
    expect(total.capacity_gb_hours).toBeCloseTo(capacity, 5);
    expect(hints).toEqual([]);
    // From the resize on, to the hour after: 30 minutes; then 10 more until it was deleted.
    const [first, second] = [period(at(90), at(120)), period(at(120), at(300))];
    expect((await report(first)).total.capacity_gb_hours).toBe(125);
    expect((await report(second)).total.capacity_gb_hours).toBeCloseTo((10 * 250) / 60, 5);
  });

  it('prices what is stored, by the hour, and the requests of backups', async () => {
    const api = await world();
    const diskId = await api.addDisk(3 * GIB);
    const vaultId = await api.addVault([diskId]);
    expect(await api.meter()).toMatchObject({ sampled: 1, failed: 0 });
    const { backupIds } = await api.addCheckpoint(vaultId);
    const storedBytes = 8 * GIB;
    await finishBackup(api, backupIds[0]!, { storedBytes });
    const { operationLogId } = await api.catalog.backups.get(PROJECT, backupIds[0]!);
    const outcome = { storedBytes, newBytes: 3 * GIB, deduplicatedBytes: 0 };
    Object.assign(api.state.tasks.get(operationLogId)!, { outcome });
    // Missed at 01:00: 00:00 counts on. Fired twice at 02:00: the second adds nothing.
    api.to(at(120));
    await api.meter();
    api.state.usage.get(vaultId)!.usedBytes = 99 * GIB;
    await api.meter();
    api.to(at(240));
    const { total, carried_hours: carried } = await api.report(period(MIDNIGHT, at(240)));
    expect(total.stored_gb_hours).toBe(2 * 8);
    expect(carried).toBe(2);
    expect(total.storage_cost).toBeCloseTo((16 / 730) * PRICES.storageGibMonth, 6);
    // 256 packs, 3 segments, manifest and marker; 6,144 blocks of 512 KiB.
    const [objectPuts, blocks] = [256 + 3 + 2, 6144];
    expect(total.requests).toEqual({
      object_puts: objectPuts,
      index_writes: blocks,
      index_reads: blocks,
    });
    const perRequest = (objectPuts / 1000) * PRICES.thousandPuts;
    const perBlock = (blocks * PRICES.millionWrites + (blocks / 2) * PRICES.millionReads) / 1e6;
    expect(total.requests_cost).toBeCloseTo(perRequest + perBlock, 6);
    expect(total.cost).toBeCloseTo(total.storage_cost + total.requests_cost, 6);
  });

  it('groups by a tag that vaults had at the time, and its lines add up', async () => {
    const { addVault, call, to, report } = await world();
    const tag = (value: string) => ({ tag: { key: 'team', value } });
    const one = await addVault();
    await addVault([], { tags: [{ key: 'team', value: 'red' }] });
    await addVault();
    to(at(60));
    await call('POST', `/vault/${one}/tags`, tag('red'));
    to(at(180));
    const { groups, total, count } = await report('?group_by=tag:team');
    const lines = groups.map((group) => [group.key, group.vault_count, group.capacity_gb_hours]);
    expect(lines).toEqual([
      ['red', 2, 500],
      [null, 2, 400],
    ]);
    expect(count).toBe(2);
    expect(total.capacity_gb_hours).toBe(900);
    const paged = await report('?group_by=tag:team&limit=1&offset=1');
    expect(paged.groups).toEqual([groups[1]]);
    expect(paged.total).toEqual(total);
    expect((await report()).total).toEqual(total);
    // What has not been yet is not used.
    expect((await report(period(MIDNIGHT, at(99_999)))).total).toEqual(total);
  });

  it('forecasts from a week on, and not before', async () => {
    const api = await world();
    const vaultId = await api.addVault();
    for (let day = 0; day < 8; day++) {
      api.to(MIDNIGHT + day * DAY_MS);
      api.state.usage.get(vaultId)!.usedBytes = day * GIB;
      await api.meter();
      if (day === 6) expect((await api.report()).forecast).toBeNull();
    }
    const { forecast } = await api.report();
    // The next 30 days begin with 7 GiB, and end with 36.
    expect(forecast).toMatchObject({ based_on_days: 7, stored_gb: 36 });
    expect(forecast?.stored_gb_hours).toBe(((7 + 36) / 2) * 30 * 24);
    expect(forecast?.capacity_gb_hours).toBe(100 * 30 * 24);
    expect(forecast?.storage_cost).toBeCloseTo((15_480 / 730) * PRICES.storageGibMonth, 6);
  });

  it('reads no task of before its period: a shorter one is always answered', async () => {
    const api = await world();
    await api.addVault();
    const { tasks } = api.catalog;
    const asked: object[] = [];
    const entries = tasks.entries.bind(tasks);
    tasks.entries = (projectId, which) => {
      asked.push(which);
      return entries(projectId, which);
    };
    api.to(at(3 * 24 * 60));
    await api.report(period(at(24 * 60 + 30), at(2 * 24 * 60)));
    expect(asked).toMatchObject([{ createdFromMs: at(24 * 60), createdToMs: at(2 * 24 * 60) }]);
  });

  it('points at vaults that protect nothing that exists', async () => {
    const api = await world();
    const [gone, alive] = [await api.addDisk(), await api.addDisk()];
    const [empty, idle] = [await api.addVault(), await api.addVault([gone])];
    const busy = await api.addVault([alive]);
    await api.call('POST', `/vaults/${busy}/addresources`, {
      resources: resources([await api.addDisk()]),
    });
    const hinted = async () => (await api.report()).hints.map((hint) => hint.vault_id).toSorted();
    api.clock.advance(HOUR_MS);
    expect(await hinted()).toEqual([empty]);
    await api.disks.deleteDisk(gone);
    expect(await hinted()).toEqual([empty, idle].toSorted());
  });

  it('refuses a period that ends before it begins, and another project sees nothing', async () => {
    const api = await world();
    await api.addVault();
    api.clock.advance(HOUR_MS);
    for (const query of [period(at(60), at(30)), `?from=${new Date(at(600)).toISOString()}`])
      expect(await api.call('GET', `/cost-report${query}`)).toMatchObject({
        status: 400,
        body: refusal('BackupService.9900', 'from'),
      });
    const caller = { projectId: 'other', userId: 'u', requestId: 'r' };
    expect(await reportCosts({ limit: 10, offset: 0 }, caller, api)).toMatchObject({ count: 0 });
  });
});

describe('the hourly look', () => {
  it('forgets what is older than the ledger is kept, and only that', async () => {
    const api = await world();
    const [vaultId, kept] = [await api.addVault(), await api.addVault()];
    await api.meter();
    api.to(at(30));
    await api.call('DELETE', `/vaults/${vaultId}`);
    const forget = async (days: number) => {
      api.to(MIDNIGHT + days * DAY_MS);
      return api.meter(40 * DAY_MS);
    };
    expect(await forget(40)).toMatchObject({ sampled: 1, forgotten: 0 });
    expect((await api.report(period(MIDNIGHT, at(60)))).count).toBe(2);
    expect(await forget(41)).toMatchObject({ sampled: 1, forgotten: 2 });
    expect(api.state.vaultChanges.map((change) => change.vaultId)).toEqual([kept]);
    expect(api.state.samples.map(({ atMs }) => (atMs - MIDNIGHT) / DAY_MS)).toEqual([40, 41]);
    expect(await forget(41)).toMatchObject({ forgotten: 0 });
  });

  it('meters a vault that was rebuilt from its creation, and none that is being deleted', async () => {
    const api = await world();
    const [vaultId, gone] = [await api.addVault(), await api.addVault()];
    await api.call('DELETE', `/vaults/${gone}`);
    api.state.vaultChanges = [];
    api.to(at(120));
    for (const sampled of [0, 1]) expect(await api.meter()).toMatchObject({ sampled });
    const { groups } = await api.report();
    expect(groups).toMatchObject([{ key: vaultId, capacity_gb_hours: 200 }]);
  });

  it('reports a vault that it cannot look at, and looks at the others', async () => {
    const api = await world();
    const [bad] = [await api.addVault(), await api.addVault()];
    const { vaults } = api.catalog;
    const usage = vaults.usage.bind(vaults);
    vaults.usage = (id) => (id === bad ? Promise.reject(new Error('broken')) : usage(id));
    expect(await api.meter()).toMatchObject({ sampled: 1, failed: 1 });
    expect(api.probe.problems).toMatchObject([{ event: 'usage.not-sampled' }]);
  });
});
