import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mapLimited } from '../../lib/service/map-limited.ts';
import {
  durableFunction,
  EngineHarness,
  fastClock,
  plainFunction,
} from './fixtures/durable/engine-harness.ts';
import {
  durable,
  failing,
  failingDurable,
  type Node,
  plain,
  TARGETS,
  workflow,
  workflows,
} from './fixtures/durable/workflow.ts';

const COUNT = Number(process.env['DURABLE_FUZZ_COUNT'] ?? 60);
const SEED = Number(process.env['DURABLE_FUZZ_SEED'] ?? Math.abs(jest.getSeed()));
const RESTARTS_MIN = 2;
/** They wait, most of the time. */
const AT_ONCE = 12;

interface Ending {
  status: string;
  result: unknown;
}

describe(`random workflows, seed ${SEED}`, () => {
  const programs = workflows(SEED, COUNT);
  let expected: Ending[];
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'durable-fuzz-'));
    expected = await runOfficially(programs);
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true }));

  it('end as in the official runner', async () => {
    const harness = newHarness(join(folder, 'plain'));
    await harness.open();
    const endings = await Promise.all(
      programs.map(async (program, index) => run(harness, program, `workflow-${index}`)),
    );
    await harness.engine.close();
    expect(endings).toEqual(expected);
    expect(harness.warnings).toEqual([]);
  }, 120_000);

  it('end so when the engine starts again in between', async () => {
    const endings = await mapLimited(
      [...programs.entries()],
      ([index, program]) => runWithRestarts(join(folder, `restarts-${index}`), program, index),
      AT_ONCE,
    );
    expect(endings).toEqual(expected);
  }, 180_000);
});

const newHarness = (folder: string): EngineHarness =>
  new EngineHarness(
    folder,
    [
      durableFunction('workflow'),
      durableFunction('durable'),
      durableFunction('failing-durable'),
      plainFunction('plain'),
      plainFunction('failing'),
    ],
    { workflow, durable, 'failing-durable': failingDurable, plain, failing },
    { clock: fastClock(100), retryFirstPauseMs: 1000 },
  );

async function run(harness: EngineHarness, program: Node[], name: string): Promise<Ending> {
  const { arn } = await harness.engine.start('workflow', JSON.stringify(program), { name });
  const { status, Result } = await harness.outcome(arn);
  return { status, result: Result === undefined ? undefined : JSON.parse(Result) };
}

async function runWithRestarts(folder: string, program: Node[], index: number): Promise<Ending> {
  const harness = newHarness(folder);
  let restarts = 0;
  let countdown = 1;
  harness.onCheckpoint = async () => {
    countdown -= 1;
    if (countdown !== 0) return;
    await harness.restart();
    restarts += 1;
    countdown = 2 + ((SEED + index * 7 + restarts * 3) % 5);
  };
  await harness.open();
  const ending = await run(harness, program, 'workflow');
  await harness.engine.close();
  expect(restarts).toBeGreaterThanOrEqual(RESTARTS_MIN);
  return ending;
}

async function runOfficially(programs: Node[][]): Promise<Ending[]> {
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  try {
    return await mapLimited(
      programs,
      async (program): Promise<Ending> => {
        const runner = new LocalDurableTestRunner({ handlerFunction: workflow });
        runner.registerDurableFunction(TARGETS.durable, durable);
        runner.registerDurableFunction(TARGETS['failing-durable'], failingDurable);
        runner.registerFunction(TARGETS.plain, plain);
        runner.registerFunction(TARGETS.failing, failing);
        const execution = await runner.run({ payload: program });
        return { status: execution.getStatus() ?? '', result: execution.getResult() };
      },
      AT_ONCE,
    );
  } finally {
    await LocalDurableTestRunner.teardownTestEnvironment();
  }
}
