import { randomBytes } from 'node:crypto';
import { readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { disksFolder } from '../../../local/home.ts';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';
import { sleep } from '../../support/local-mode.ts';

/** Retention over days (spec sections 4.3 to 4.5), as a caller of the API sees it. */

const TEST_MS = 180_000;
const DAY_MS = 86_400_000;
const MIB = 2 ** 20;
const DAILY = 'FREQ=DAILY;BYHOUR=02;BYMINUTE=00';
/** Retention follows the end of a backup's task at once. */
const APPLIED_MS = 20_000;

let world: AcceleratedMode;
beforeAll(async () => {
  // A Monday.
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

/** A disk in a vault of its own, backed up each night at 02:00; day 1 is the first such night. */
const nightly = async (retention: object) => {
  const today = Math.floor(world.nowMs() / DAY_MS);
  const disk = await world.addDisk(randomBytes(MIB));
  const vault = await world.addVault([disk]);
  const policy = await world.protect(vault, DAILY, retention);
  const backups = () => world.backups(`&vault_id=${vault}`);
  const shown = async (): Promise<number[]> =>
    (await backups()).map((one) => Math.floor(Date.parse(one.created_at) / DAY_MS) - today);
  return {
    disk,
    vault,
    policy,
    backups,
    /** The days whose backups a caller sees. */
    shown,
    /** The same once they are as expected, or have had the time to be. */
    settledTo: async (days: number[]): Promise<number[]> => {
      const deadline = performance.now() + APPLIED_MS;
      for (;;) {
        const found = await shown();
        if (String(found) === String(days) || performance.now() > deadline) return found;
        await sleep(50);
      }
    },
    change: (operation_definition: object) => world.changePolicy(policy, { operation_definition }),
    backUpByHand: () => world.backUp(vault, disk),
    end: () => world.client.call('DELETE', `policies/${policy}`),
  };
};

/** The next night alone, without the sweep of the morning. */
const passNight = async (): Promise<void> => {
  await world.moveTo(Math.ceil(world.nowMs() / DAY_MS) * DAY_MS + 2 * 3_600_000);
  await world.fire('run-policies');
  await world.settled();
};

it(
  'spec 4.4: set Monday 10:00, daily at 02:00, quantity 3: on Saturday Thu, Fri and Sat are kept; FP2: made 1, they stay until the next run',
  async () => {
    const { vault, shown, settledTo, change, end } = await nightly({ max_backups: 3 });
    await world.passDays(5);
    expect(await world.days(`&vault_id=${vault}`)).toEqual([
      '08-06T02:00',
      '08-07T02:00',
      '08-08T02:00',
    ]);
    await change({ max_backups: 1 });
    await world.fire('retention-sweep');
    expect(await shown()).toEqual([3, 4, 5]);
    await passNight();
    expect(await settledTo([6])).toEqual([6]);
    await end();
  },
  TEST_MS,
);

it(
  'FP2: quantity to time: the old ones stay until deleted by hand, new ones expire',
  async () => {
    const { shown, backups, change, end } = await nightly({ max_backups: 3 });
    await world.passDays(4);
    expect(await shown()).toEqual([2, 3, 4]);
    await change({ retention_duration_days: 2 });
    await world.passDays(4);
    expect(await shown()).toEqual([2, 3, 4, 7, 8]);
    const [oldest, , , newer] = await backups();
    expect(oldest?.expired_at).toBeNull();
    const livesMs = Date.parse(newer?.expired_at ?? '') - Date.parse(newer?.created_at ?? '');
    expect(livesMs).toBe(2 * DAY_MS);
    await world.client.call('DELETE', `backups/${oldest?.id}`);
    expect(await shown()).toEqual([3, 4, 7, 8]);
    await end();
  },
  TEST_MS,
);

it(
  'FP2: time to quantity: the old expiry and the number both act',
  async () => {
    const { shown, change, end } = await nightly({ retention_duration_days: 3 });
    await world.passDays(5);
    expect(await shown()).toEqual([3, 4, 5]);
    await change({ max_backups: 7 });
    await world.passDays(2);
    // Day 4 has expired though seven may stay.
    expect(await shown()).toEqual([5, 6, 7]);
    await change({ max_backups: 2 });
    await world.passDays(1);
    expect(await shown()).toEqual([7, 8]);
    await end();
  },
  TEST_MS,
);

it(
  'FP4: -1 keeps for ever, and what is made by hand is kept for ever',
  async () => {
    const rules = { max_backups: -1, retention_duration_days: -1 };
    const { shown, backups, backUpByHand, end } = await nightly(rules);
    await backUpByHand();
    await world.passDays(3);
    await world.moveTo(world.nowMs() + 300 * DAY_MS);
    await world.fire('run-policies');
    await world.settled();
    await world.fire('retention-sweep');
    expect(await shown()).toEqual([0, 1, 2, 3, 303]);
    for (const { expired_at } of await backups()) expect(expired_at).toBeNull();
    await end();
  },
  TEST_MS,
);

it(
  'FP6: unneeded backups are deleted by number when the next completes, by time on their day',
  async () => {
    const byNumber = await nightly({ max_backups: 2 });
    const byTime = await nightly({ retention_duration_days: 1 });
    await world.passDays(2);
    expect([await byNumber.shown(), await byTime.shown()]).toEqual([[1, 2], [2]]);
    await passNight();
    expect(await byNumber.settledTo([2, 3])).toEqual([2, 3]);
    // That of day 2 has expired; the sweep has not come.
    expect(await byTime.shown()).toEqual([2, 3]);
    await world.passDays(1);
    expect([await byNumber.shown(), await byTime.shown()]).toEqual([[3, 4], [4]]);
    await byNumber.end();
    await byTime.end();
  },
  TEST_MS,
);

it(
  'FP7: made by hand: no rule deletes it',
  async () => {
    const { shown, backUpByHand, end } = await nightly({ max_backups: 1 });
    await backUpByHand();
    await world.passDays(2);
    await backUpByHand();
    await world.passDays(1);
    expect(await shown()).toEqual([0, 2, 3]);
    await end();
  },
  TEST_MS,
);

it(
  'FP7: the policy is disabled or taken off: by number nothing goes, by time it goes on',
  async () => {
    const number = await nightly({ max_backups: 2 });
    const time = await nightly({ retention_duration_days: 2 });
    await world.passDays(2);
    await world.changePolicy(number.policy, {
      enabled: false,
      operation_definition: { max_backups: 1 },
    });
    const off = { policy_id: time.policy };
    await world.client.call('POST', `vaults/${time.vault}/dissociatepolicy`, off);
    await number.backUpByHand();
    expect([await number.shown(), await time.shown()]).toEqual([
      [1, 2, 2],
      [1, 2],
    ]);
    await world.passDays(1);
    expect([await number.shown(), await time.shown()]).toEqual([[1, 2, 2], [2]]);
    await world.passDays(1);
    expect([await number.shown(), await time.shown()]).toEqual([[1, 2, 2], []]);
    await world.changePolicy(number.policy, { enabled: true });
    await world.passDays(1);
    expect(await number.shown()).toEqual([2, 5]);
    await number.end();
    await time.end();
  },
  TEST_MS,
);

it(
  'FP7: expired in the evening: it goes on the day after, from 08:00',
  async () => {
    const { vault, policy, shown } = await nightly({ retention_duration_days: 1 });
    await world.changePolicy(policy, {
      trigger: { properties: { pattern: ['FREQ=DAILY;BYHOUR=20;BYMINUTE=00'] } },
    });
    const midnightMs = Math.ceil(world.nowMs() / DAY_MS) * DAY_MS;
    const at = (day: number, hour: number) => midnightMs + day * DAY_MS + hour * 3_600_000;
    await world.moveTo(at(0, 20));
    await world.fire('run-policies');
    await world.settled();
    const off = { policy_id: policy };
    await world.client.call('POST', `vaults/${vault}/dissociatepolicy`, off);
    for (const atMs of [at(1, 16), at(1, 21), at(2, 7)]) {
      await world.moveTo(atMs);
      await world.fire('retention-sweep');
      expect(await shown()).toHaveLength(1);
    }
    await world.moveTo(at(2, 8));
    await world.fire('retention-sweep');
    expect(await shown()).toEqual([]);
  },
  TEST_MS,
);

it(
  'FP7: failed ones: the last ten stay, for a month',
  async () => {
    const { disk, backups, shown, end } = await nightly({ max_backups: 1 });
    await world.passDays(1);
    const mend = await breakDisk(disk);
    await world.passDays(12);
    const failed = (await backups()).filter(({ status }) => status === 'error');
    expect(await shown()).toEqual([1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(failed).toHaveLength(10);
    await mend();
    await world.passDays(1);
    expect(await shown()).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    await end();
    await world.moveTo(world.nowMs() + 28 * DAY_MS);
    await world.fire('retention-sweep');
    // It is day 42: those up to day 12 are older than 30 days.
    expect(await shown()).toEqual([13, 14]);
  },
  TEST_MS,
);

/** The disk's bytes cannot be read any more until what is returned is called: backups fail. */
const breakDisk = async (diskId: string): Promise<() => Promise<void>> => {
  // Written anew, so that the next backup has to read it.
  await world.disks.write(diskId, 0, randomBytes(MIB));
  const folder = disksFolder(world.mode.home);
  const record = await readFile(join(folder, 'disks', `${diskId}.json`), 'utf8');
  const { content } = JSON.parse(record) as { content: string };
  const extent = join(folder, 'contents', content, '0', '0');
  const { size } = await stat(extent);
  await truncate(extent, 1);
  return () => truncate(extent, size);
};
