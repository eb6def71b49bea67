import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chooseChanges, makeImage } from './image.ts';
import { measureOurs } from './ours.ts';
import { type Figures, measureRestic } from './restic.ts';

/**
 * `npm run bench`: ours against restic in one run, alternating, medians. `--rounds N` (3),
 * `--folder F` (where the image is kept for the next run; 25 GiB), `--ours` (without restic),
 * `--json`.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: join(tmpdir(), 'holdfast-bench') },
    ours: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const NAMES = ['firstBackup', 'incremental', 'restore', 'storedBytes', 'peakMemoryBytes'] as const;

const main = async (): Promise<void> => {
  const { folder, json } = values;
  await mkdir(folder, { recursive: true });
  const image = await makeImage(folder);
  const changes = await chooseChanges(image);
  const ours: Figures[] = [];
  const restic: Figures[] = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    ours.push(await measureOurs(folder, image, changes));
    progress(`round ${round}: ours   ${show(ours.at(-1))}`);
    if (values.ours) continue;
    restic.push(await measureRestic(folder, image, changes));
    progress(`round ${round}: restic ${show(restic.at(-1))}`);
  }
  const [mine, theirs] = [medians(ours), values.ours ? null : medians(restic)];
  const ratios = theirs && {
    firstBackup: round2(theirs.firstBackup / mine.firstBackup),
    incremental: round2(theirs.incremental / mine.incremental),
    restore: round2(theirs.restore / mine.restore),
    stored: round2(mine.storedBytes / theirs.storedBytes),
  };
  if (json)
    console.log(
      JSON.stringify(
        { machine: await machine(), rounds: { ours, restic }, ours: mine, restic: theirs, ratios },
        null,
        2,
      ),
    );
  else print(mine, theirs);
};

const medians = (rounds: Figures[]): Figures => {
  const entries = NAMES.map((name) => {
    const sorted = rounds.map((figures) => figures[name]).toSorted((a, b) => a - b);
    return [name, sorted[Math.floor(sorted.length / 2)] ?? 0] as const;
  });
  return Object.fromEntries(entries) as unknown as Figures;
};

const print = (ours: Figures, restic: Figures | null): void => {
  const row = (name: string, unit: string, scale: number, mine: number, theirs = 0) => {
    const cells = [mine, ...(restic ? [theirs] : [])].map((value) =>
      `${(value / scale).toFixed(2)} ${unit}`.padStart(12),
    );
    const ratio = restic ? (theirs / mine).toFixed(2).padStart(8) : '';
    console.log(`${name.padEnd(24)}${cells.join('')}${ratio}`);
  };
  console.log(
    `${''.padEnd(24)}${'ours'.padStart(12)}${restic ? `${'restic'.padStart(12)}${'x'.padStart(8)}` : ''}`,
  );
  row('first backup', 's', 1, ours.firstBackup, restic?.firstBackup);
  row('1 % changed', 's', 1, ours.incremental, restic?.incremental);
  row('restore', 's', 1, ours.restore, restic?.restore);
  row('stored', 'GB', 1e9, ours.storedBytes, restic?.storedBytes);
  row('peak memory', 'MiB', 2 ** 20, ours.peakMemoryBytes, restic?.peakMemoryBytes);
};

const machine = async (): Promise<object> => {
  const restic = await promisify(execFile)('restic', ['version']).catch(() => ({ stdout: 'none' }));
  return {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    restic: restic.stdout.trim(),
  };
};

const round2 = (value: number): number => Math.round(value * 100) / 100;

const show = (figures: Figures | undefined): string => JSON.stringify(figures);

/** Standard error, so that `--json` prints one object. */
const progress = (text: string): void => console.error(text);

await main();
