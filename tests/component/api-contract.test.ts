import { describe, expect, it } from '@jest/globals';
import { HoldfastError } from '../../lib/errors.ts';
import { type HttpEvent, pathOf } from '../../lib/runtime/http-function-request.ts';
import { send } from '../support/api.ts';
import { EXAMPLE_PROJECT, exampleWorld, samplesOf } from '../support/example-world.ts';
import type { MemoryWorld } from '../support/memory-world.ts';
import { OPERATIONS } from '../support/openapi.ts';

/**
 * Every operation of docs/openapi.yaml gives each answer that the document says it has. That an
 * answer is as the document describes it is for `send` to see.
 */

type Change = (event: HttpEvent, world: MemoryWorld) => Promise<[HttpEvent, MemoryWorld]>;

/** What may be wrong with any request. */
const CHANGES: Record<string, Change> = {
  nothing: async (event, world) => [event, world],
  'a path that cannot be decoded': async (event, world) => [
    { ...event, rawPath: pathOf(event).replace(EXAMPLE_PROJECT, '%zz') },
    world,
  ],
  'ids that name nothing': async (event, world) => [
    { ...event, rawPath: pathOf(event).replaceAll(/0([a-f])0{6}-/g, '0$1000009-') },
    world,
  ],
  'no body': async ({ body: _, ...event }, world) => [event, world],
  'no token': async (event, world) => [withToken(event, undefined), world],
  'a token that may only read': async (event, world) => [
    withToken(event, await world.admit(EXAMPLE_PROJECT, 'ReadOnly')),
    world,
  ],
  'the token of another project': async (event, world) => [
    withToken(event, await world.admit('other')),
    world,
  ],
  'another project in a header': async (event, world) => [
    { ...event, headers: { ...event.headers, 'x-project-id': 'other' } },
    world,
  ],
  'too many requests': async (event, world) => [
    event,
    { ...world, settings: { ...world.settings, requestsPerSecond: 0 } },
  ],
  'a defect': async (event, world) => [event, failing(world, new Error('a defect'))],
  'an outage': async (event, world) => [
    event,
    failing(world, new HoldfastError('catalog.unavailable', { operation: 'find' })),
  ],
  'things that are busy': async (event, world) => [event, busy(world)],
};

function withToken(event: HttpEvent, token: string | undefined): HttpEvent {
  const headers = { ...event.headers };
  delete headers['x-auth-token'];
  return {
    ...event,
    headers: token === undefined ? headers : { ...headers, 'x-auth-token': token },
  };
}

/** A world in which nobody is known any more. */
function failing(world: MemoryWorld, failure: Error): MemoryWorld {
  const find = async () => {
    throw failure;
  };
  const { credentials, accessKeys } = world.catalog;
  const catalog = {
    ...world.catalog,
    credentials: { ...credentials, find },
    accessKeys: { ...accessKeys, find },
  };
  return { ...world, catalog };
}

/** A world in which all tasks run, and all backups are being made. */
function busy(world: MemoryWorld): MemoryWorld {
  const { backups, tasks } = world.state;
  for (const [id, backup] of backups) {
    backups.set(id, { ...backup, status: 'protecting', root: 'NONE' });
  }
  for (const [id, task] of tasks) tasks.set(id, { ...task, status: 'running' });
  return world;
}

const places = OPERATIONS.map((operation) => ({
  operation,
  place: `${operation.method} ${operation.path}`,
}));

describe.each(places)('$place', ({ operation }) => {
  it('gives every answer that the document has', async () => {
    const statuses = new Set<number>();
    for (const event of samplesOf(operation)) {
      for (const change of Object.values(CHANGES)) {
        const { status } = await send(...(await change(event, await exampleWorld())));
        statuses.add(status);
      }
    }
    const documented = Object.keys(operation.responses).map(Number);
    // A list of more than 100,000 items: tests/unit/service/lists.test.ts.
    const isShown = (status: number) => status !== 501 || operation['x-action'] === undefined;
    expect(statuses).toEqual(new Set(documented.filter(isShown)));
  });
});
