import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { expectCode } from '../support/catalog-assertions.ts';
import { packOf } from '../support/catalog-records.ts';
import { dumpTable, givenWorld, inTableOf, itemsOf, type World } from '../support/catalog-world.ts';
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

const LIMITS = { attemptsMax: 5, totalMsMax: 60_000, waitMs: 0, waitMsMax: 0 };

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
  let world: World;
  /** What is stored of the world, and the same as text. */
  let items: Awaited<ReturnType<typeof itemsOf>>;
  let before: string[];
  beforeAll(async () => {
    dynamo = await startDynamo();
    const { catalog: table } = dynamo.tables;
    const healthy = dynamoCatalog(dynamo.client, table, LIMITS);
    world = await givenWorld(healthy);
    world = { ...world, ...(await more(healthy, world.vault.projectId)) };
    items = await itemsOf(dynamo.client, table);
    before = await dumpTable(dynamo.client, table);
  });
  afterAll(async () => {
    await dynamo.close();
  });

  /**
   * Runs a write whose requests suffer the faults, in a table of its own; tells its answer, what is
   * stored then, and, when it is to be done `again`, what is stored after that, undisturbed.
   */
  const run = (
    write: Write,
    faultOf: (n: number, command: string) => Fault | undefined,
    again = false,
  ) =>
    inTableOf(dynamo.client, items, async (table) => {
      const { client, requests } = faultyClient(dynamo.client, faultOf);
      const [result] = await Promise.allSettled([
        write(dynamoCatalog(client, table, LIMITS), world),
      ]);
      const stored = await dumpTable(dynamo.client, table);
      if (!again) return { requests, result, stored, storedLater: stored };
      await write(dynamoCatalog(dynamo.client, table, LIMITS), world);
      return { requests, result, stored, storedLater: await dumpTable(dynamo.client, table) };
    });

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
        const faultOf = (_: number, command: string) => (isWrite(command) ? fault : undefined);
        const lost = await run(write, faultOf, true);
        if (fault.when === 'before') {
          expect(lost.result).toMatchObject({
            status: 'rejected',
            reason: { code: 'catalog.unavailable' },
          });
          expect(lost.stored).toStrictEqual(before);
        }
        expect(lost.storedLater).toStrictEqual(whole.stored);
      }
    },
    60_000,
  );

  it('gives up at once when the request itself is wrong', async () => {
    const { client, requests } = faultyClient(dynamo.client, () => undefined);
    const missing = dynamoCatalog(client, 'no-such-table', LIMITS);
    const pack = packOf(world.vault, world.packs.fresh, world.protecting.session.id);
    await expectCode(missing.packs.open(pack), 'catalog.unavailable');
    expect(requests).toHaveLength(1);
  });
});
