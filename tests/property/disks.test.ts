import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/jest';
import { describe, expect } from '@jest/globals';
import { localDisks } from '../../lib/adapters/local/local-disks.ts';
import { memoryDisks } from '../../lib/adapters/memory/memory-disks.ts';
import { BLOCK_BYTES, blockCount } from '../../lib/model/block.ts';
import type { DisksUnderTest } from '../support/disks-under-test.ts';

const SIZE_MAX = 5 * BLOCK_BYTES;
const DISK = 'disk';

type Step =
  | { do: 'write'; at: number; length: number; byte: number }
  | { do: 'resize'; sizeBytes: number }
  | { do: 'snapshot' }
  | { do: 'delete'; which: number }
  | { do: 'restore'; byte: number; from: number; to: number; finish: boolean };

/** Sizes around the borders of blocks and extents, and odd ones. */
const someSize = fc.oneof(
  fc.integer({ min: 1, max: SIZE_MAX }),
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: -2, max: 2 }))
    .map(([blocks, more]) => blocks * BLOCK_BYTES + more),
);
const someByte = fc.integer({ min: 0, max: 255 });
const someStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write'),
      at: someSize,
      length: someSize,
      byte: someByte,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resize'), sizeBytes: someSize }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('snapshot') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete'), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restore'),
      byte: someByte,
      from: fc.nat(9),
      to: fc.nat(10),
      finish: fc.boolean(),
    }),
  },
) as fc.Arbitrary<Step>;

/** The same disk as one array of bytes. */
interface Model {
  bytes: Uint8Array;
  snapshots: { id: string; bytes: Uint8Array }[];
  steps: number;
}

async function apply(disks: DisksUnderTest, model: Model, step: Step): Promise<void> {
  const name = `step-${model.steps++}`;
  const sizeBytes = model.bytes.length;
  switch (step.do) {
    case 'write': {
      const at = step.at % sizeBytes;
      const bytes = new Uint8Array(Math.min(step.length, sizeBytes - at)).fill(step.byte);
      await disks.write(DISK, at, bytes);
      model.bytes.set(bytes, at);
      return;
    }
    case 'resize': {
      await disks.resize(DISK, step.sizeBytes);
      const resized = new Uint8Array(step.sizeBytes);
      resized.set(model.bytes.subarray(0, step.sizeBytes));
      model.bytes = resized;
      return;
    }
    case 'snapshot': {
      const { id } = await disks.createSnapshot(DISK, name);
      model.snapshots.push({ id, bytes: model.bytes.slice() });
      return;
    }
    case 'delete': {
      const [gone] = model.snapshots.splice(step.which % (model.snapshots.length + 1), 1);
      if (gone) await disks.deleteSnapshot(gone.id);
      return;
    }
    case 'restore':
      await restore(disks, model, name, step);
  }
}

async function restore(
  disks: DisksUnderTest,
  model: Model,
  attemptId: string,
  step: Step & { do: 'restore' },
): Promise<void> {
  const sizeBytes = model.bytes.length;
  const to = Math.min(step.to, blockCount(sizeBytes));
  const from = Math.min(step.from, to);
  await disks.beginRestore(DISK, attemptId);
  await disks.startContent({ attemptId, sizeBytes });
  const blocks = new Uint8Array((to - from) * BLOCK_BYTES).fill(step.byte);
  await disks.writeBlocks(attemptId, from, blocks);
  await disks.sealContent(attemptId);
  if (!step.finish) return await disks.abandonRestore(DISK, attemptId);
  await disks.finishRestore(DISK, attemptId);
  model.bytes = new Uint8Array(sizeBytes).fill(step.byte, from * BLOCK_BYTES, to * BLOCK_BYTES);
}

async function check(disks: DisksUnderTest, model: Model): Promise<void> {
  expect(isEqual(await disks.read(DISK, 0, model.bytes.length), model.bytes)).toBe(true);
  for (const snapshot of model.snapshots) {
    const expected = padded(snapshot.bytes);
    const all = { from: 0, to: expected.length / BLOCK_BYTES };
    expect(isEqual(await disks.readBlocks(snapshot.id, all), expected)).toBe(true);
    const allocated = await disks.allocatedBlocks(snapshot.id, all);
    expectCovers(allocated, differing(expected, new Uint8Array(expected.length)));
    for (const base of model.snapshots) {
      const changed = await disks.changedBlocks(base.id, snapshot.id, all);
      expect(changed).not.toBeNull();
      expectCovers(changed ?? [], differing(expected, padded(base.bytes)));
    }
  }
}

/** Runs are ascending, do not overlap, and none of the blocks is missing. */
function expectCovers(runs: { from: number; to: number }[], blocks: number[]): void {
  for (const [index, run] of runs.entries()) {
    expect(run.from).toBeLessThan(run.to);
    expect(run.from).toBeGreaterThanOrEqual(runs[index - 1]?.to ?? 0);
  }
  const isCovered = (block: number) => runs.some((run) => run.from <= block && block < run.to);
  expect(blocks.filter((block) => !isCovered(block))).toEqual([]);
}

/** Blocks of `a` that `b` does not have, or has with other bytes. */
const differing = (a: Uint8Array, b: Uint8Array): number[] =>
  Array.from({ length: a.length / BLOCK_BYTES }, (_, block) => block).filter((block) => {
    const [from, to] = [block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES];
    return to > b.length || !isEqual(a.subarray(from, to), b.subarray(from, to));
  });

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function padded(bytes: Uint8Array): Uint8Array {
  const blocks = new Uint8Array(blockCount(bytes.length) * BLOCK_BYTES);
  blocks.set(bytes);
  return blocks;
}

async function run(disks: DisksUnderTest, sizeBytes: number, steps: Step[]): Promise<void> {
  const model: Model = { bytes: new Uint8Array(sizeBytes), snapshots: [], steps: 0 };
  await disks.addDisk({ id: DISK, name: DISK, sizeBytes });
  for (const step of steps) await apply(disks, model, step);
  await check(disks, model);
}

const someSteps = fc.array(someStep, { minLength: 1, maxLength: 14, size: 'max' });

describe('disks behave like an array of bytes and copies of it', () => {
  test.prop([someSize, someSteps], { numRuns: 60 })('in memory', async (sizeBytes, steps) => {
    await run(memoryDisks(), sizeBytes, steps);
  });

  test.prop([someSize, someSteps, fc.constantFrom(1, 2)], { numRuns: 40 })(
    'in a folder',
    async (sizeBytes, steps, extentBlocks) => {
      const root = await mkdtemp(join(tmpdir(), 'holdfast-disks-'));
      try {
        const disks = localDisks({ root, extentBytes: extentBlocks * BLOCK_BYTES });
        await run(disks, sizeBytes, steps);
      } finally {
        await rm(root, { recursive: true, maxRetries: 5 });
      }
    },
    60_000,
  );
});
