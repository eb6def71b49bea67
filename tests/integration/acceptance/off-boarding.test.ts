import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ApiError } from '../../../local/api-client.ts';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';
import { sleep } from '../../support/local-mode.ts';

/** The end of a customer (spec section 2.3, BF3), as a caller of the API sees it, and behind it. */

const TEST_MS = 180_000;
const GONE_MS = 90_000;
const MIB = 2 ** 20;
const DAY_MS = 86_400_000;

/**
 * What is not of a vault: the log of tasks and what its owner pays for, which both stay for their
 * time; the requests that a credential made in a second, which DynamoDB forgets by itself; and how
 * many policies there are, now none.
 */
const STAYS = /^TASK#|^ENDED\/|^LEDGER\/|^USAGE#|^REQUESTS#|^POLICIES#\w+\/COUNT#/;

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

const isGone = async (path: string): Promise<boolean> => {
  try {
    await world.client.call('GET', path);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError);
    return (error as ApiError).status === 404;
  }
};

it(
  'BF3: who deletes all vaults leaves nothing behind: no object, no item but its log and its bill',
  async () => {
    const atFirst = new Set(await world.items());
    const disks = [
      await world.addDisk(randomBytes(4 * MIB)),
      await world.addDisk(randomBytes(MIB)),
    ];
    const [first = '', second = ''] = disks;
    const vaults = [await world.addVault([first]), await world.addVault([second])];
    const [firstVault = '', secondVault = ''] = vaults;
    const policy = await world.protect(secondVault, 'FREQ=DAILY;BYHOUR=02;BYMINUTE=00');
    await world.passDays(2);
    // One backup is deleted and can still be taken back, one was restored, one was verified.
    const deleted = await world.backUp(firstVault, first);
    await world.disks.write(first, 0, randomBytes(2 * MIB));
    const kept = await world.backUp(firstVault, first);
    await world.restored(kept.id);
    await world.client.waitFor(await world.client.startVerify(kept.id, 100));
    await world.client.call('DELETE', `backups/${deleted.id}`);
    await world.fire('meter-usage');
    expect(await world.objects()).toBeGreaterThan(0);

    for (const id of vaults) await world.client.call('DELETE', `vaults/${id}`);
    await world.client.call('DELETE', `policies/${policy}`);
    const deadline = performance.now() + GONE_MS;
    for (const id of vaults) {
      while (!(await isGone(`vaults/${id}`))) {
        expect(performance.now()).toBeLessThan(deadline);
        await sleep(100);
      }
    }
    for (const path of ['vaults', 'backups', 'policies'])
      expect(await world.client.call('GET', path)).toMatchObject({ count: 0 });
    expect(await world.objects()).toBe(0);
    const left = (await world.items()).filter((key) => !atFirst.has(key));
    expect(left.filter((key) => !STAYS.test(key))).toEqual([]);
    const stayed = left.filter((key) => !key.startsWith('REQUESTS#')).toSorted();
    // The disks are their owner's, and no snapshot of them is kept.
    for (const id of disks) {
      expect((await world.disks.describe(id)).status).toBe('available');
      expect(await world.disks.listSnapshots(id)).toEqual([]);
    }
    // Nothing runs any more, and nobody pays.
    await world.passDays(1);
    await world.fire('start-collections');
    await world.fire('meter-usage');
    const later = (await world.items()).filter((key) => !atFirst.has(key));
    expect(later.filter((key) => !key.startsWith('REQUESTS#')).toSorted()).toEqual(stayed);

    // The log goes after its 30 days.
    await world.moveTo(world.nowMs() + 31 * DAY_MS);
    await world.fire('retention-sweep');
    const inTheEnd = (await world.items()).filter((key) => !atFirst.has(key));
    expect(inTheEnd.filter((key) => /^TASK#|^ENDED\//.test(key))).toEqual([]);
  },
  TEST_MS,
);
