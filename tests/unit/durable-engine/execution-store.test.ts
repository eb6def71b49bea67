import { appendFile, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ExecutionSummary } from '../../../local/durable-engine/execution-state.ts';
import { ExecutionStore, hasExpired } from '../../../local/durable-engine/execution-store.ts';

let folder: string;
let store: ExecutionStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'execution-store-'));
  store = await ExecutionStore.open(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const DAY_MS = 86_400_000;
const anExecution = (id: string): ExecutionSummary => ({
  arn: `arn:${id}`,
  id,
  name: `name-${id}`,
  functionName: 'job',
  status: 'RUNNING',
  input: '{"a":1}',
  startedAtMs: 1000,
  timeoutSeconds: 60,
  retentionDays: 14,
});
const step = { Id: 's', Type: 'STEP', Name: 'one', Action: 'START' } as const;
const closed = { type: 'closed', atMs: 3000, status: 'SUCCEEDED', Result: '"ok"' } as const;

/** One running and one finished execution, not yet compacted. */
async function fill(): Promise<void> {
  for (const id of ['running', 'finished']) {
    const { log } = await store.create(anExecution(id));
    await log.append({ type: 'updated', atMs: 2000, updates: [step] });
    if (id === 'finished') await log.append(closed);
    await log.close();
  }
}

describe('ExecutionStore', () => {
  it('gives back running executions with their operations', async () => {
    await fill();
    const { running, damaged } = await store.load();
    expect(damaged).toEqual([]);
    expect(running.map(({ state }) => state.summary)).toEqual([anExecution('running')]);
    expect([...(running[0]?.state.operations.keys() ?? [])]).toEqual(['running', 's']);
    await running[0]?.log.close();
  });

  it('compacts finished executions at a start and keeps their history', async () => {
    await fill();
    const before = await store.history('finished');
    const { finished, running } = await store.load();
    await running[0]?.log.close();
    const summary = {
      ...anExecution('finished'),
      status: 'SUCCEEDED',
      Result: '"ok"',
      endedAtMs: 3000,
    };
    expect(finished).toEqual([summary]);
    expect((await readdir(folder)).toSorted()).toEqual(['finished.done.jsonl', 'running.jsonl']);
    expect(await store.history('finished')).toEqual(JSON.parse(JSON.stringify(before)));
    expect(before.map(({ EventType }) => EventType)).toEqual([
      'ExecutionStarted',
      'StepStarted',
      'ExecutionSucceeded',
    ]);
    const again = await store.load();
    await again.running[0]?.log.close();
    expect(again.finished).toEqual([summary]);
  });

  it('finishes a compaction that a crash interrupted', async () => {
    await fill();
    const { log, state } = await store.reopen('finished');
    await log.close();
    await store.compact(state.summary);
    const { log: left } = await store.create(anExecution('finished')); // the log is still there
    await left.append(closed);
    await left.close();
    await writeFile(join(folder, 'finished.done.jsonl.tmp'), 'half');
    const { finished, running, damaged } = await store.load();
    await running[0]?.log.close();
    expect(damaged).toEqual([]);
    expect(finished.map(({ id }) => id)).toEqual(['finished']);
    expect((await readdir(folder)).toSorted()).toEqual(['finished.done.jsonl', 'running.jsonl']);
  });

  it('goes on before a torn last line', async () => {
    await fill();
    await appendFile(join(folder, 'running.jsonl'), '{"type":"closed","atMs":1');
    const { running } = await store.load();
    await running[0]?.log.close();
    expect(running[0]?.state.summary.status).toBe('RUNNING');
  });

  it('forgets an execution whose start never became durable', async () => {
    await fill();
    await truncate(join(folder, 'running.jsonl'), 20);
    expect((await store.load()).running).toEqual([]);
    expect(await readdir(folder)).toEqual(['finished.done.jsonl']);
  });

  it('leaves a damaged file alone and says so', async () => {
    await fill();
    await writeFile(join(folder, 'broken.jsonl'), '{}\n');
    await writeFile(join(folder, 'empty.done.jsonl'), '');
    const { damaged, running, finished } = await store.load();
    await running[0]?.log.close();
    expect(damaged).toEqual([
      { file: 'broken.jsonl', reason: 'Error: the log does not begin with a start' },
      { file: 'empty.done.jsonl', reason: 'Error: the file is empty' },
    ]);
    expect([running.length, finished.length]).toEqual([1, 1]);
    expect(await readdir(folder)).toContain('broken.jsonl');
  });

  it('removes an execution', async () => {
    await fill();
    await store.remove('finished');
    await store.remove('running');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('hasExpired', () => {
  it.each([
    [14 * DAY_MS, false],
    [14 * DAY_MS + 1, true],
  ])('after %d ms: %s', (afterMs, expected) => {
    expect(hasExpired({ ...anExecution('a'), endedAtMs: 3000 }, 3000 + afterMs)).toBe(expected);
  });

  it('never, while the execution runs', () => {
    expect(hasExpired(anExecution('a'), Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});
