import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AcceleratedMode } from '../../support/accelerated-mode.ts';

const TEST_MS = 180_000;
const MIB = 2 ** 20;

let world: AcceleratedMode;
beforeAll(async () => {
  world = await AcceleratedMode.start('2026-08-03T10:00Z');
}, TEST_MS);
afterAll(() => world.dispose());

const clock = async (): Promise<string> => String((await world.run('clock'))['clock']);

it(
  'a clock that goes forward by days fires what runs by schedule, and stays where it is',
  async () => {
    expect(await clock()).toMatch(/^2026-08-03T10:0/);
    const disk = await world.addDisk(Buffer.alloc(MIB, 1));
    const vault = await world.addVault([disk]);
    const policy = {
      name: 'daily',
      operation_type: 'backup',
      trigger: { properties: { pattern: ['FREQ=DAILY;BYHOUR=02;BYMINUTE=00'] } },
      operation_definition: { retention_duration_days: 1 },
    };
    const made = await world.client.call<{ policy: { id: string } }>('POST', 'policies', {
      policy,
    });
    const { id } = made.policy;
    await world.client.call('POST', `vaults/${vault}/associatepolicy`, { policy_id: id });

    const moved = await world.run('clock', 'forward', '1d');
    expect(moved).toMatchObject({ 'run-policies': { failed: [] } });
    await world.settled();
    expect(await world.days()).toEqual(['08-04T10:00']);

    await world.mode.stop();
    await world.mode.start();
    expect(await clock()).toMatch(/^2026-08-04T10:/);
    expect(await world.run('clock', 'forward', '24h')).toMatchObject({
      'retention-sweep': { vaults: 1, failed: 0 },
      'start-collections': { started: 1 },
      'start-audits': { started: 1 },
    });
    await world.settled();
    // That of the 4th expires at 10:00 on the 5th, after that day's sweep began.
    expect(await world.days()).toEqual(['08-04T10:00', '08-05T10:00']);
    await world.run('clock', 'forward', '1440m');
    await world.settled();
    expect((await world.days())[0]).toBe('08-05T10:00');
  },
  TEST_MS,
);

it('a clock does not go back, nor by anything but a time', async () => {
  for (const duration of ['-1d', '0h', '500d', 'tomorrow', '1w']) {
    const { code, stderr } = await world.mode.run('cli.ts', ['clock', 'forward', duration]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/clock goes forward|Unknown option/)]);
  }
});
