import { fc, test } from '@fast-check/jest';
import { expect } from '@jest/globals';
import { costGroups, type LedgerFacts, totalUsage } from '../../lib/model/cost-report.ts';
import { HOUR_MS } from '../../lib/model/duration.ts';
import type { Tag } from '../../lib/model/tag.ts';
import { hourOf, type UsageSample, type VaultChange } from '../../lib/model/usage-ledger.ts';

/** Any histories of a few vaults, over some days around a change of the clocks in Europe. */
const T0 = Date.UTC(2026, 2, 28);
const SPAN_MS = 72 * HOUR_MS;
const time = fc.integer({ min: T0, max: T0 + SPAN_MS });
const tags = fc.constantFrom<Tag[]>(
  [],
  [{ key: 'tier', value: 'gold' }],
  [{ key: 'tier', value: 'tin' }],
);

const history = (vaultId: string) =>
  fc
    .record({
      steps: fc.array(
        fc.record({ atMs: time, sizeGib: fc.integer({ min: 1, max: 10_485_760 }), tags }),
        { minLength: 1, maxLength: 6 },
      ),
      endMs: fc.option(time),
      samples: fc.array(fc.record({ atMs: time, usedBytes: fc.maxSafeNat() }), { maxLength: 12 }),
    })
    .map(({ steps, endMs, samples }) => {
      const id = { projectId: 'p1', vaultId };
      const sorted = steps.toSorted((a, b) => a.atMs - b.atMs);
      const changes: VaultChange[] = sorted.map(({ atMs, ...spec }, n) => ({
        ...id,
        revision: n + 1,
        atMs,
        spec: { ...spec, name: vaultId, enterpriseProjectId: '0' },
      }));
      if (endMs !== null)
        changes.push({
          ...id,
          revision: sorted.length + 1,
          atMs: Math.max(endMs, sorted.at(-1)!.atMs),
        });
      const byHour = new Map(samples.map((one) => [hourOf(one.atMs), one]));
      const taken: UsageSample[] = [...byHour.values()].map((one) => ({
        ...id,
        ...one,
        backupCount: 1,
      }));
      return { changes, samples: taken };
    });

const facts: fc.Arbitrary<LedgerFacts> = fc
  .tuple(
    history('v1'),
    history('v2'),
    fc.array(fc.record({ vaultId: fc.constantFrom('v1', 'v2'), atMs: time }), { maxLength: 8 }),
  )
  .map(([one, two, backups]) => ({
    changes: Map.groupBy([...one.changes, ...two.changes], ({ vaultId }) => vaultId),
    samples: Map.groupBy([...one.samples, ...two.samples], ({ vaultId }) => vaultId),
    backups: backups.map((backup) => ({
      ...backup,
      totalBytes: 2 ** 30,
      storedBytes: 100,
      newBytes: 5,
      deduplicatedBytes: 0,
    })),
  }));

const usedIn = (all: LedgerFacts, fromMs: number, toMs: number, tag?: string) =>
  totalUsage(costGroups(all, { fromMs, toMs }, tag).map(({ usage }) => usage));

test.prop([facts, fc.array(time, { maxLength: 5 })])(
  'cutting a period anywhere changes no sum',
  (all, cuts) => {
    const ends = [T0, ...cuts, T0 + SPAN_MS].toSorted((a, b) => a - b);
    const parts = ends.slice(1).map((toMs, n) => usedIn(all, ends[n]!, toMs));
    expect(totalUsage(parts)).toEqual(usedIn(all, T0, T0 + SPAN_MS));
  },
);

test.prop([facts, time])('grouping in whatever way changes no sum', (all, toMs) => {
  expect(usedIn(all, T0, toMs, 'tier')).toEqual(usedIn(all, T0, toMs));
  expect(usedIn(all, T0, toMs, 'none')).toEqual(usedIn(all, T0, toMs));
});

test.prop([facts, time, time])('agrees with a look at every moment that matters', (all, a, b) => {
  const [fromMs, toMs] = [Math.min(a, b), Math.max(a, b)];
  let [capacityGibMs, storedByteMs] = [0n, 0n];
  for (const [vaultId, changes] of all.changes) {
    const samples = all.samples.get(vaultId) ?? [];
    const moments = [fromMs, toMs, ...changes.map(({ atMs }) => atMs)];
    for (let hour = T0; hour <= T0 + SPAN_MS; hour += HOUR_MS) moments.push(hour);
    const inOrder = moments.filter((at) => fromMs <= at && at <= toMs).toSorted((x, y) => x - y);
    for (const [n, at] of inOrder.slice(0, -1).entries()) {
      const spec = changes.findLast((change) => change.atMs <= at)?.spec;
      if (spec === undefined) continue;
      const held = samples
        .filter((sample) => hourOf(sample.atMs) <= at)
        .reduce((last, one) => (one.atMs > last.atMs ? one : last), { atMs: -1, usedBytes: 0 });
      const ms = BigInt(inOrder[n + 1]! - at);
      capacityGibMs += BigInt(spec.sizeGib) * ms;
      storedByteMs += BigInt(held.usedBytes) * ms;
    }
  }
  expect(usedIn(all, fromMs, toMs)).toMatchObject({ capacityGibMs, storedByteMs });
});
