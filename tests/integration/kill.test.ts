import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { localDisks } from '../../lib/adapters/local/local-disks.ts';
import { disksFolder } from '../../local/home.ts';
import { KillTrials, type TrialResult } from '../support/kill-trials.ts';
import { LocalMode, sleep } from '../support/local-mode.ts';

const CHOSEN = process.env['HOLDFAST_KILL_SEEDS'];
const SEEDS = Array.from({ length: Number(CHOSEN ?? 8) }, (_, n) => n + 1);
const TRIAL_MS = 300_000;
/** So many that no machine has gone through all of them before it is killed. */
const RANGES = 24;
const RESULTS = new URL('../results/', import.meta.url);

describe('kill -9 of any process at any moment of a backup or a restore', () => {
  let mode: LocalMode;
  let trials: KillTrials;
  const results: TrialResult[] = [];

  beforeAll(async () => {
    // A short lease: what never got started is found by the next run of the watchdog.
    mode = await LocalMode.create({ HOLDFAST_RANGE_SEGMENTS: '1', HOLDFAST_LEASE_SECONDS: '10' });
    trials = new KillTrials(mode);
    await trials.prepare();
  }, TRIAL_MS);

  afterAll(async () => {
    await mode.dispose();
    if (CHOSEN === undefined) return;
    await mkdir(RESULTS, { recursive: true });
    const text = JSON.stringify({ seeds: SEEDS.length, passed: results.length, results }, null, 1);
    await writeFile(new URL(`kill-${SEEDS.length}.json`, RESULTS), `${text}\n`);
  });

  it.each(SEEDS)(
    'loses nothing with seed %i',
    async (seed) => {
      const result = await trials.run(seed);
      results.push(result);
      process.stderr.write(`${JSON.stringify(result)}\n`);
      expect(['success', 'failed', 'timeout', 'refused']).toContain(result.outcome);
    },
    TRIAL_MS,
  );

  it('has hit tasks that were under way', () => {
    expect(results.filter(({ interrupted }) => interrupted).length).toBeGreaterThan(0);
  });
});

describe('kill -9 of everything in the middle of a backup', () => {
  it(
    'does not copy again what was copied',
    async () => {
      const mode = await LocalMode.create({ HOLDFAST_RANGE_SEGMENTS: '1' });
      try {
        await mode.start();
        const client = await mode.client();
        const disk = { id: 'big', name: 'big', sizeBytes: RANGES * 2 ** 30 };
        const disks = localDisks({ root: disksFolder(mode.home) });
        await disks.addDisk(disk);
        for (let segment = 0; segment < RANGES; segment++)
          await disks.write(
            disk.id,
            segment * 2 ** 30,
            crypto.getRandomValues(Buffer.alloc(65_536)),
          );
        const vaultId = await client.createVault('ranges', 100);
        await client.addDisk(vaultId, disk.id);
        const { taskId } = await client.startBackup(vaultId, disk.id);
        while ((await copied(mode)) < 2) await sleep(1);
        await mode.kill('all');
        await mode.ended();
        const before = await copied(mode);
        await mode.start();
        await (await mode.client()).waitFor(taskId);
        expect(before).toBeLessThan(RANGES);
        // A range may end just before the kill without anybody having noted it.
        expect((await copied(mode)) - before).toBeLessThanOrEqual(RANGES - before + 1);
      } finally {
        await mode.dispose();
      }
    },
    TRIAL_MS,
  );
});

/** How many ranges workers have gone through, as the log of the functions says. */
const copied = async (mode: LocalMode): Promise<number> =>
  (await mode.log('functions')).match(/\(λ: copy-blocks\) RequestId/g)?.length ?? 0;
