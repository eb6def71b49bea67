import { expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { startAudits } from '../../lib/service/start-audits.ts';
import { collectorWorld } from '../support/collector-scenario.ts';

it('starts an audit of each vault', async () => {
  const world = await collectorWorld(1);
  expect(await startAudits(world.ports)).toEqual({ started: 1 });
  expect(world.jobs.audits).toEqual([world.vaultId]);
});

it('reports an audit that could not be started', async () => {
  const world = await collectorWorld(1);
  const audit = async () => {
    throw new HoldfastError('job.unavailable', { name: 'x' });
  };
  const jobs = { ...world.jobs, audit };
  expect(await startAudits({ ...world.ports, jobs })).toEqual({ started: 0 });
  expect(world.probe.problems).toMatchObject([{ event: 'audit.not-started' }]);
});
