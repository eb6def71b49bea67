import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { expectCode } from '../support/catalog-assertions.ts';
import { packOf } from '../support/catalog-records.ts';
import { copyWorld, dumpWorld, givenWorld, type World } from '../support/catalog-world.ts';
import { WRITES } from '../support/catalog-writes.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';
import {
  conditionFailed,
  contended,
  type Fault,
  faultyClient,
  inProgress,
  internal,
  isWrite,
  throttled,
  timeout,
} from '../support/faulty-dynamo.ts';
import { givenGarbage } from '../support/garbage-world.ts';
import { GARBAGE_WRITES } from '../support/garbage-writes.ts';
import { givenReconciling, RECONCILE_WRITES } from '../support/reconcile-world.ts';

const LIMITS = { attemptsMax: 5, totalMsMax: 10_000, waitMs: 0, waitMsMax: 0 };

/** What a write may answer, whether it was carried out or not. */
const WRITE_FAULTS: Fault[] = [
  { when: 'before', error: throttled },
  { when: 'before', error: contended },
  { when: 'before', error: inProgress },
  { when: 'after', error: internal },
  // The SDK repeated the request, and its condition met its own success.
  { when: 'after', error: conditionFailed },
];

const TIMEOUTS: Fault[] = [
  { when: 'before', error: timeout },
  { when: 'after', error: timeout },
];

type Write = (catalog: Catalog, world: World) => Promise<unknown>;

const COLLECTING: Record<string, Write> = Object.fromEntries(
  Object.entries(GARBAGE_WRITES).map(([name, write]) => [name, (c, w) => write(c, w.garbage!)]),
);

const RECONCILING: Record<string, Write> = Object.fromEntries(
  Object.entries(RECONCILE_WRITES).map(([name, write]) => [
    name,
    (c, w) => write(c, w.reconciling!),
  ]),
);

describe.each([
  { who: 'users', writes: WRITES, more: async () => ({}) },
  {
    who: 'the collector',
    writes: COLLECTING,
    more: async (catalog: Catalog, projectId: string) => ({
      garbage: await givenGarbage(catalog, projectId),
    }),
  },
  {
    who: 'a reconciliation',
    writes: RECONCILING,
    more: async (catalog: Catalog, projectId: string) => ({
      reconciling: await givenReconciling(catalog, projectId),
    }),
  },
])('a catalog whose answers to $who are lost', ({ writes, more }) => {
  let dynamo: TestDynamo;
  let template: World;
  let before: string[];
  beforeAll(async () => {
    dynamo = await startDynamo();
    template = await givenWorld(healthy());
    const { projectId } = template.vault;
    template = { ...template, ...(await more(healthy(), projectId)) };
    before = await dump(template);
  });
  afterAll(async () => {
    await dynamo.close();
  });

  const healthy = () => dynamoCatalog(dynamo.client, dynamo.tables.catalog, LIMITS);
  const dump = (world: World) => dumpWorld(dynamo.client, dynamo.tables.catalog, world);

  /** Runs a write whose requests suffer the faults; tells its answer and what is stored then. */
  const run = async (write: Write, faultOf: (n: number, command: string) => Fault | undefined) => {
    const world = await copyWorld(dynamo.client, dynamo.tables.catalog, template);
    const { client, requests } = faultyClient(dynamo.client, faultOf);
    const catalog = dynamoCatalog(client, dynamo.tables.catalog, LIMITS);
    const [result] = await Promise.allSettled([write(catalog, world)]);
    return { world, requests, result, stored: await dump(world) };
  };

  it.each(Object.keys(writes))(
    '%s happens once, whichever answer is lost',
    async (name) => {
      const write = writes[name]!;
      const whole = await run(write, () => undefined);
      expect(whole.result).toMatchObject({ status: 'fulfilled' });
      expect(whole.stored).not.toStrictEqual(before);
      for (const [n, command] of whole.requests.entries())
        for (const fault of isWrite(command) ? [...TIMEOUTS, ...WRITE_FAULTS] : TIMEOUTS) {
          const faulted = await run(write, (at) => (at === n ? fault : undefined));
          expect(faulted.result).toMatchObject({ status: 'fulfilled' });
          expect(faulted.stored).toStrictEqual(whole.stored);
        }
    },
    60_000,
  );

  it.each(Object.keys(writes))(
    '%s is unavailable while every write is lost, and a later call completes it once',
    async (name) => {
      const write = writes[name]!;
      const whole = await run(write, () => undefined);
      for (const fault of TIMEOUTS) {
        const lost = await run(write, (_, command) => (isWrite(command) ? fault : undefined));
        if (fault.when === 'before') {
          expect(lost.result).toMatchObject({
            status: 'rejected',
            reason: { code: 'catalog.unavailable' },
          });
          expect(lost.stored).toStrictEqual(before);
        }
        await write(healthy(), lost.world);
        expect(await dump(lost.world)).toStrictEqual(whole.stored);
      }
    },
    60_000,
  );

  it('gives up at once when the request itself is wrong', async () => {
    const { client, requests } = faultyClient(dynamo.client, () => undefined);
    const missing = dynamoCatalog(client, 'no-such-table', LIMITS);
    const world = template;
    const pack = packOf(world.vault, world.packs.fresh, world.protecting.session.id);
    await expectCode(missing.packs.open(pack), 'catalog.unavailable');
    expect(requests).toHaveLength(1);
  });
});
