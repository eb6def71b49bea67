import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { scheduleFunction } from '../../lib/runtime/schedule-function.ts';
import { meterUsage } from '../../lib/service/meter-usage.ts';
import { runPolicies } from '../../lib/service/run-policies.ts';
import { startAudits } from '../../lib/service/start-audits.ts';
import { startCollections } from '../../lib/service/start-collections.ts';
import { sweepRetention } from '../../lib/service/sweep-retention.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import { dataWorld } from '../support/data-world.ts';

/** Walks the sample events of `events/schedules`: what EventBridge sends to what it fires. */

const RUNS: Record<string, Parameters<typeof scheduleFunction>[0]> = {
  'meter-usage': meterUsage,
  'retention-sweep': sweepRetention,
  'run-policies': runPolicies,
  'start-audits': startAudits,
  'start-collections': startCollections,
  'watch-jobs': watchJobs,
};

const ANSWERS: Record<string, object> = {
  'meter-usage': { forgotten: 0, failed: 0 },
  'retention-sweep': { deleted: 0, failed: 0 },
  'run-policies': { started: [], skipped: [], failed: [] },
  'start-audits': { started: 1 },
  'start-collections': { started: 1 },
  'watch-jobs': { restarted: [], failed: [] },
};

const folder = new URL('../../events/schedules/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace('.json', ''));

it('every event is of a function that is there', () => {
  expect(names.toSorted()).toEqual(Object.keys(RUNS).toSorted());
  for (const name of names)
    expect(existsSync(new URL(`../../functions/${name}.ts`, import.meta.url))).toBe(true);
});

it.each(Object.entries(RUNS))(
  '%s does what there is to do in a vault without disks',
  async (name, run) => {
    const event = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as object;
    expect(event).toMatchObject({ 'detail-type': 'Scheduled Event', source: 'aws.events' });
    const { ports, probe } = await dataWorld();
    const handler: (event: object) => Promise<object> = scheduleFunction(run, () => ({ ports }));
    expect(await handler(event)).toMatchObject(ANSWERS[name]!);
    expect(probe.problems).toEqual([]);
  },
);
