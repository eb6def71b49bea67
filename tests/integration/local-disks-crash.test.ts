import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type LocalDisks, localDisks } from '../../lib/adapters/local/local-disks.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';

const EXTENTS = 6;
/** Four steps: writes and a snapshot. */
const LINES_MIN = 8;
const WORKER = join(import.meta.dirname, 'local-disks-worker.ts');

type Line =
  | { do: 'write'; extents: number[]; byte: number }
  | { do: 'restore'; attemptId: string; byte: number }
  | { do: 'snapshot' }
  | { done: true; snapshotId?: string };

/** The byte that fills each extent of the disk, and of every snapshot. */
interface Expected {
  disk: number[];
  snapshots: Map<string, number[]>;
}

describe('local disks shared by processes', () => {
  let root: string;
  let disks: LocalDisks;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-disks-'));
    disks = localDisks({ root, extentBytes: BLOCK_BYTES });
    await disks.addDisk({ id: 'disk', name: 'disk', sizeBytes: EXTENTS * BLOCK_BYTES });
  });
  afterEach(() => rm(root, { recursive: true, maxRetries: 5 }));

  it('keep every finished step when a process is killed at any moment', async () => {
    const expected: Expected = { disk: Array(EXTENTS).fill(0), snapshots: new Map() };
    let steps = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const lines = await runUntilKilled(root, seed, (seed * 37) % 100);
      steps += lines.length;
      await settle(disks, expected, lines);
      await expectState(disks, expected);
      await localDisks({ root, extentBytes: BLOCK_BYTES }).sweep();
      await expectState(disks, expected);
    }
    expect(steps).toBeGreaterThanOrEqual(8 * LINES_MIN);
    expect(expected.snapshots.size).toBeGreaterThan(4);
  }, 60_000);

  it('lose no write when several write to one extent at once', async () => {
    const workers = [1, 2, 3].map((own) =>
      spawn(process.execPath, [WORKER, root, 'count', `${own}`]),
    );
    const codes = await Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0]));
    expect(codes).toEqual([0, 0, 0]);
    const expected = Array.from({ length: 200 }, (_, at) =>
      [1, 2, 3].includes(at % 10) ? at % 10 : 0,
    );
    expect([...(await disks.read('disk', 0, 200))]).toEqual(expected);
  }, 60_000);
});

/** Kills it so long after it has said enough, whatever it does just then. */
async function runUntilKilled(root: string, seed: number, afterMs: number): Promise<Line[]> {
  const worker = spawn(process.execPath, [WORKER, root, 'work', `${seed}`]);
  let output = '';
  worker.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  let problems = '';
  worker.stderr.setEncoding('utf8').on('data', (text: string) => {
    problems += text;
  });
  const closed = once(worker, 'close');
  while (output.split('\n').length <= LINES_MIN && worker.exitCode === null) await sleep(5);
  await sleep(afterMs);
  worker.kill('SIGKILL');
  const [, signal] = await closed;
  expect({ signal, problems }).toEqual({ signal: 'SIGKILL', problems: '' });
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

/** Replays what the process said. Only its last step may have happened or not. */
async function settle(disks: LocalDisks, expected: Expected, lines: Line[]): Promise<void> {
  let open: Line | undefined;
  for (const line of lines) {
    if ('do' in line) {
      open = line;
      continue;
    }
    if (line.snapshotId !== undefined) expected.snapshots.set(line.snapshotId, [...expected.disk]);
    else if (open) expected.disk = after(expected.disk, open);
    open = undefined;
  }
  if (open === undefined || !('do' in open)) return;
  if (open.do === 'restore') await disks.abandonRestore('disk', open.attemptId);
  expect((await disks.describe('disk')).status).toBe('available');
  const found = extentBytes(await disks.read('disk', 0, EXTENTS * BLOCK_BYTES));
  const [before, then] = [expected.disk, after(expected.disk, open)];
  if (open.do === 'restore') expect([before, then]).toContainEqual(found);
  else for (const [n, byte] of found.entries()) expect([before[n], then[n]]).toContain(byte);
  expected.disk = found;
}

function after(disk: number[], line: Line): number[] {
  if ('done' in line || line.do === 'snapshot') return disk;
  const { byte } = line;
  if (line.do === 'restore') return disk.map(() => byte);
  return disk.map((old, extent) => (line.extents.includes(extent) ? byte : old));
}

async function expectState(disks: LocalDisks, expected: Expected): Promise<void> {
  const bytes = await disks.read('disk', 0, EXTENTS * BLOCK_BYTES);
  expect(extentBytes(bytes)).toEqual(expected.disk);
  for (const [id, extents] of expected.snapshots) {
    const blocks = await disks.readBlocks(id, { from: 0, to: EXTENTS });
    expect(extentBytes(blocks)).toEqual(extents);
  }
}

/** The byte that fills each extent; -1 for an extent that is torn. */
const extentBytes = (bytes: Uint8Array): number[] =>
  Array.from({ length: EXTENTS }, (_, extent) => {
    const part = bytes.subarray(extent * BLOCK_BYTES, (extent + 1) * BLOCK_BYTES);
    const byte = part[0] ?? -1;
    return Buffer.alloc(BLOCK_BYTES, byte).equals(part) ? byte : -1;
  });
