import { expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { startCollections } from '../../lib/service/start-collections.ts';
import { collectorWorld } from '../support/collector-scenario.ts';

const HOUR_MS = 3_600_000;

it('starts a collection of each vault once in six hours, however often it fires', async () => {
  const world = await collectorWorld(1);
  world.clock.advance(6 * HOUR_MS - (world.clock.nowMs() % (6 * HOUR_MS)));
  for (let hour = 0; hour < 7; hour++) {
    expect(await startCollections(world.ports)).toEqual({ started: 1 });
    expect(world.jobs.collections).toHaveLength(hour < 6 ? 1 : 2);
    world.clock.advance(HOUR_MS);
  }
  expect(world.jobs.collections[0]).toMatchObject({ vaultId: world.vaultId });
});

it('reports a collection that could not be started', async () => {
  const world = await collectorWorld(1);
  const collect = async () => {
    throw new HoldfastError('job.unavailable', { name: 'x' });
  };
  const jobs = { ...world.jobs, collect };
  expect(await startCollections({ ...world.ports, jobs })).toEqual({ started: 0 });
  expect(world.probe.problems).toMatchObject([{ event: 'collection.not-started' }]);
});
