import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';

const TEST_MS = 180_000;
const MIB = 2 ** 20;

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

interface Used {
  capacity_gb_hours: number;
  stored_gb_hours: number;
  requests: { object_puts: number };
  cost: number;
}
interface Report {
  groups: (Used & { key: string | null })[];
  total: Used;
  forecast: (Used & { based_on_days: number }) | null;
  hints: { vault_id: string }[];
}

const cost = async (...options: string[]) => (await world.run('cost', ...options)) as Report;

it(
  'B1, BF1, BF15: a vault costs its capacity from its creation on, in use or not',
  async () => {
    const disk = await world.addDisk(randomBytes(4 * MIB));
    const busy = await world.addVault([disk]);
    const idle = await world.client.createVault('idle', 50);
    await world.backUp(busy, disk);
    expect((await cost()).forecast).toBeNull();

    for (let day = 0; day < 8; day++)
      expect(await world.run('clock', 'forward', '1d')).toMatchObject({
        'meter-usage': { sampled: 2, failed: 0 },
      });
    const { groups, total, forecast, hints } = await cost();
    expect(new Set(groups.map(({ key }) => key))).toEqual(new Set([busy, idle]));
    const of = (id: string) => groups.find(({ key }) => key === id)!;
    // 8 days, and the minutes that the test itself takes.
    const hours = of(idle).capacity_gb_hours / 50;
    expect(hours).toBeGreaterThan(8 * 24);
    expect(hours).toBeLessThan(8 * 24 + 0.5);
    expect(of(idle).cost).toBe(0);
    // About 4 MiB, for the seven or eight days since the first look at it.
    expect(of(busy).stored_gb_hours).toBeGreaterThan((4 / 1024) * 24 * 6.5);
    expect(of(busy).stored_gb_hours).toBeLessThan((5 / 1024) * 24 * 8.5);
    // A pack, a segment, manifest and marker.
    expect(of(busy).requests.object_puts).toBe(4);
    expect(total.cost).toBeCloseTo(of(busy).cost, 6);
    expect(forecast).toMatchObject({ based_on_days: 7 });
    expect(hints).toMatchObject([{ vault_id: idle }]);

    const some = await cost('--from', '2026-08-05', '--to', '2026-08-06', '--by', 'tag:team');
    expect(some.groups).toMatchObject([{ key: null, capacity_gb_hours: (10 + 50) * 24 }]);
    const { stdout } = await world.mode.run('cli.ts', ['cost', '--to', '2026-08-06']);
    expect(stdout).toMatch(new RegExp(`^${idle} +idle: 0.0000 USD`, 'm'));
    expect(stdout).toMatch(/^forecast +none/m);
  },
  TEST_MS,
);
