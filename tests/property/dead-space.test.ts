import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { liveThrough, PATTERNS, type Pattern } from '../../bench/vault-life.ts';
import { VaultModel } from '../../bench/vault-model.ts';
import { GARBAGE_LIMITS } from '../../lib/engine/plan-garbage.ts';
import { countSlots, type Pack } from '../../lib/model/pack.ts';
import { collect, collectorWorld, hide } from '../support/collector-scenario.ts';
import { SMALL_LIMITS, writeBlock } from '../support/data-scenario.ts';
import { backUp } from '../support/data-world.ts';

const DAY_MS = 86_400_000;
const SERVERLESS = readFileSync(new URL('../../serverless.yml', import.meta.url), 'utf8');
const { params } = parse(SERVERLESS, { logLevel: 'error' }) as {
  params: { default: { noncurrentDays: number } };
};

describe('dead space under daily changes of 3 % and 30 days of retention', () => {
  it.each(Object.keys(PATTERNS) as Pattern[])(
    'stays under 20 % of the live bytes, noncurrent versions counted: %s',
    (pattern) => {
      const life = { diskBlocks: 16_384, days: 150, warmUpDays: 90 };
      const { outdated } = liveThrough(pattern, GARBAGE_LIMITS.shrinkBelow, life);
      const { noncurrentDays } = params.default;
      const row = outdated.find((one) => one.noncurrentDays === noncurrentDays);
      expect(row!.worstPercent).toBeGreaterThan(5);
      expect(row!.worstPercent).toBeLessThan(20);
    },
    60_000,
  );
});

const shapes = (packs: Pack[]): string[] =>
  packs
    .map(({ state, slotCount, present }) => `${state} ${countSlots(present)}/${slotCount}`)
    .toSorted();

it('the model of a vault is the real one: packs, slots and what the collector does', async () => {
  const [blocks, retentionDays, windowDays] = [24, 4, 2];
  const model = new VaultModel({ packSlots: 4, retentionDays, windowDays, shrinkBelow: 0.75 });
  const world = await collectorWorld(blocks, { windowMs: windowDays * DAY_MS, shrinkBelow: 0.75 });
  world.ports.settings.store = { ...SMALL_LIMITS, chunkBlocks: 1 };
  const done = { shrunk: 0, deleted: 0 };
  const kept: { id: string; day: number }[] = [];
  for (let day = 0; day < 24; day++) {
    const changed = Array.from({ length: blocks }, (_, n) => n).filter(
      (n) => day === 0 || (n * 7 + day * 5) % 11 < 2,
    );
    for (const n of changed) await writeBlock(world, n, `block ${n} of day ${day}`);
    kept.push({ id: (await backUp(world)).id, day });
    while (kept[0]!.day <= day - retentionDays) await hide(world, kept.shift()!);
    model.backUp(day, world.clock.nowMs(), changed);
    world.clock.advance(DAY_MS / 2);
    model.collect(world.clock.nowMs());
    for (let report = await collect(world); ; report = await collect(world)) {
      done.shrunk += report.shrunk;
      done.deleted += report.deleted;
      if (!report.hasMore) break;
    }
    world.clock.advance(DAY_MS / 2);
    expect([day, shapes([...world.state.packs.values()])]).toEqual([day, shapes(model.packs)]);
  }
  expect(done).toEqual({ shrunk: model.work.shrunk, deleted: model.work.deleted });
  expect(done.shrunk).toBeGreaterThan(5);
  expect(done.deleted).toBeGreaterThan(5);
});
