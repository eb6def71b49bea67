import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { CollectorLife } from '../support/collector-life.ts';

const CHOSEN = process.env['HOLDFAST_COLLECTOR_ACTIONS'];
const ACTIONS = Number(CHOSEN ?? 2000);
const SEED = Number(process.env['HOLDFAST_COLLECTOR_SEED'] ?? 1);
const RESULTS = new URL('../results/', import.meta.url);

it('keeps every backup through a long life of changes, deletions, collections and crashes', async () => {
  const startMs = performance.now();
  const report = await CollectorLife.live(ACTIONS, SEED);
  const seconds = Math.round((performance.now() - startMs) / 1000);
  // All that may happen has happened.
  expect(Object.keys(report.counts)).toHaveLength(13);
  if (CHOSEN === undefined) return;
  await mkdir(RESULTS, { recursive: true });
  const text = JSON.stringify({ seed: SEED, ...report, seconds }, null, 1);
  await writeFile(new URL('collector-long-run.json', RESULTS), `${text}\n`);
}, 7_200_000);
