import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runLanes } from '../../lib/engine/run-lanes.ts';

/**
 * `npm run mutations [-- <part of a name>...]`: breaks one rule after the other in a copy of the
 * tree, as the patches beside this file say, and shows that a test notices. README.md tells more.
 */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PATCHES = join(ROOT, 'tests/mutations');
const RUN_MS_MAX = 90_000;
/** Copies in which mutations run at the same time; a test run keeps a processor busy. */
const COPIES_MAX = 4;
/** A test that never ended shows nothing: the machine may have been slow. */
const EXCEEDED = /Exceeded timeout of/;

interface Mutation {
  name: string;
  patch: string;
  /** The rule that it breaks. */
  rule: string;
  /** Test files of which one must fail. */
  tests: string[];
  /** Which of their tests run; all by default. */
  only: string | null;
}

interface TestResult {
  fullName: string;
  status: string;
  failureMessages: string[];
}

type Outcome = { tests: TestResult[] } | 'timed out';

const main = async (wanted: string[]): Promise<void> => {
  const mutations = readMutations().filter(
    ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  );
  if (mutations.length === 0) throw new Error(`no mutation is named ${wanted.join(' or ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-mutations-'));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  process.once('SIGINT', () => {
    clean();
    process.exit(130);
  });
  try {
    const lanes = Math.min(COPIES_MAX, availableParallelism(), mutations.length);
    const copies = Array.from({ length: lanes }, (_, n) => join(folder, `copy-${n}`));
    await Promise.all(copies.map(copyTree));
    const problems = await baseline(mutations, copies);
    if (problems.length === 0) problems.push(...(await mutate(mutations, copies)));
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) process.exitCode = 1;
  } finally {
    clean();
  }
};

const readMutations = (): Mutation[] =>
  readdirSync(PATCHES)
    .filter((file) => file.endsWith('.patch'))
    .toSorted()
    .map((file) => {
      const patch = join(PATCHES, file);
      const [head = ''] = readFileSync(patch, 'utf8').split('\n--- ');
      const field = (name: string) => new RegExp(`^# ${name}: (.+)$`, 'm').exec(head)?.[1] ?? null;
      const [rule, tests] = [field('breaks'), field('tests')];
      if (rule === null || tests === null) throw new Error(`${file} does not say what it breaks`);
      const name = file.replace('.patch', '');
      return { name, patch, rule, tests: tests.split(' '), only: field('only') };
    });

/** The tree as it is now, what is not committed yet included. */
const copyTree = async (copy: string): Promise<void> => {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT });
  for (const path of stdout.split('\0')) {
    const from = join(ROOT, path);
    if (path !== '' && existsSync(from)) cpSync(from, join(copy, path));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
};

/** Runs `work` on every item, in as many copies as there are. */
const inCopies = <T>(
  items: T[],
  copies: string[],
  work: (item: T, copy: string) => Promise<void>,
): Promise<void> => {
  const free = [...copies];
  return runLanes(items.values(), copies.length, async (item) => {
    const copy = free.pop() ?? '';
    await work(item, copy);
    free.push(copy);
  });
};

/** A mutation shows nothing unless its tests are there and pass without it. */
const baseline = async (mutations: Mutation[], copies: string[]): Promise<string[]> => {
  const groups = Map.groupBy(mutations, ({ tests }) => tests.join(' '));
  const known = knownResults();
  const problems: string[] = [];
  await inCopies([...groups], copies, async ([names, group], copy) => {
    const tests = names.split(' ');
    const patterns = group.map(({ only }) => only ?? '');
    const outcome = tests.every((name) => known.has(name))
      ? { tests: tests.flatMap((name) => known.get(name) ?? []) }
      : await runTests(copy, tests, `(${patterns.join(')|(')})`);
    if (outcome === 'timed out') {
      problems.push(`${names} did not end in time, without a mutation`);
      return;
    }
    for (const test of outcome.tests)
      if (test.status === 'failed')
        problems.push(`failed without a mutation: ${test.fullName}\n${test.failureMessages[0]}`);
    for (const { name, only } of group) {
      const passed = outcome.tests.filter(
        (test) => test.status === 'passed' && new RegExp(only ?? '', 'i').test(test.fullName),
      );
      if (passed.length === 0) problems.push(`${name}: none of its tests ran: ${only}`);
    }
  });
  return problems;
};

/** By test file: results of this very tree, if its tests were just run (jest's `--json`). */
const knownResults = (): Map<string, TestResult[]> => {
  const file = process.env['HOLDFAST_TEST_RESULTS'];
  if (file === undefined || !existsSync(file)) return new Map();
  return new Map(
    readReport(file).testResults.map((one) => [relative(ROOT, one.name), one.assertionResults]),
  );
};

const mutate = async (mutations: Mutation[], copies: string[]): Promise<string[]> => {
  const problems: string[] = [];
  let noticedCount = 0;
  let survivedCount = 0;
  await inCopies(mutations, copies, async (mutation, copy) => {
    const startedMs = performance.now();
    const { name, rule } = mutation;
    let outcome: Outcome;
    try {
      outcome = await runMutated(mutation, copy);
    } catch (error) {
      problems.push(`${name} shows nothing: ${String(error)}`);
      return;
    }
    const noticed = isNoticed(outcome);
    if (noticed) noticedCount++;
    else survivedCount++;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${noticed ? 'noticed ' : 'SURVIVED'} ${name} (${seconds} s): ${rule}`);
  });
  console.log(`${noticedCount} noticed, ${survivedCount} survived`);
  if (survivedCount > 0) problems.push('a mutation survived: a test is missing or too weak');
  return problems;
};

const runMutated = async ({ patch, tests, only }: Mutation, copy: string): Promise<Outcome> => {
  await apply(copy, patch);
  try {
    return await runTests(copy, tests, only ?? '');
  } finally {
    await apply(copy, patch, '--reverse');
  }
};

const apply = (copy: string, patch: string, ...more: string[]): Promise<unknown> =>
  promisify(execFile)('git', ['apply', '--whitespace=nowarn', ...more, patch], {
    cwd: copy,
    // The copy is no repository, wherever the folder for temporary files may be.
    env: { ...process.env, GIT_CEILING_DIRECTORIES: join(copy, '..') },
  });

const isNoticed = (outcome: Outcome): boolean =>
  outcome !== 'timed out' &&
  outcome.tests.some(
    ({ status, failureMessages }) =>
      status === 'failed' && !failureMessages.every((text) => EXCEEDED.test(text)),
  );

/** Runs tests by name in a copy. A file that cannot be loaded is no answer, but an error. */
const runTests = async (copy: string, tests: string[], only: string): Promise<Outcome> => {
  const report = join(copy, '.mutation-report.json');
  rmSync(report, { force: true });
  const args = [
    '--experimental-vm-modules',
    join(copy, 'node_modules/jest/bin/jest.js'),
    '--runInBand',
    '--json',
    `--outputFile=${report}`,
    `--cacheDirectory=${join(copy, '..', 'jest-cache')}`,
    `--testNamePattern=${only}`,
    '--runTestsByPath',
    ...tests,
  ];
  const options = { cwd: copy, timeout: RUN_MS_MAX, killSignal: 'SIGKILL' } as const;
  const failure = await promisify(execFile)(process.execPath, args, options).then(
    () => null,
    (error: unknown) => error as { killed?: boolean; stderr?: string },
  );
  if (failure?.killed) return 'timed out';
  if (!existsSync(report)) throw new Error(`no report of ${tests.join(' ')}: ${failure?.stderr}`);
  const { numRuntimeErrorTestSuites, testResults } = readReport(report);
  if (numRuntimeErrorTestSuites > 0 || testResults.length !== tests.length) {
    const reasons = testResults.map(({ message }) => message).join('\n');
    throw new Error(`${tests.join(' ')} could not be run in ${copy}:\n${reasons}`);
  }
  return { tests: testResults.flatMap(({ assertionResults }) => assertionResults) };
};

const readReport = (file: string) =>
  JSON.parse(readFileSync(file, 'utf8')) as {
    numRuntimeErrorTestSuites: number;
    testResults: { name: string; assertionResults: TestResult[]; message: string }[];
  };

await main(process.argv.slice(2));
