import { randomBytes } from 'node:crypto';
import { copyFile, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { LocalMode, untilSchedulesRest } from '../support/local-mode.ts';

const TEST_MS = 240_000;
const MIB = 2 ** 20;

let mode: LocalMode;
beforeEach(async () => {
  mode = await LocalMode.create({ HOLDFAST_UNDELETE_DAYS: '0' });
  await mode.start();
}, TEST_MS);
afterEach(() => mode.dispose());

type Answer = Record<string, string>;

const run = async <T = Answer>(script: string, args: string[], input?: Uint8Array): Promise<T> => {
  if (args[0] === 'collect') await untilSchedulesRest();
  const { code, stdout, stderr } = await mode.run(script, [...args, '--json'], input);
  expect({ code, stderr: stderr.replaceAll(/^\{.*\}\n/gm, '') }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
};
const holdfast = <T = Answer>(args: string[], input?: Uint8Array) => run<T>('cli.ts', args, input);

/** Restores a backup to a new disk and reads it. */
const restored = async (backup: string): Promise<Buffer> => {
  const { disk } = await holdfast(['restore', backup]);
  const file = join(mode.home, `${disk}.img`);
  await holdfast(['disk', 'export', disk!, file]);
  return readFile(file);
};

const listed = async () => {
  const client = await mode.client();
  const { backups } = await client.call<{
    backups: { id: string; status: string; name: string }[];
  }>('GET', 'backups');
  return Object.fromEntries(backups.map(({ id, status, name }) => [id, `${name} ${status}`]));
};

const databaseFiles = async () =>
  (await readdir(mode.home)).filter((name) => name.startsWith('dynamo.sqlite'));

it(
  'builds the catalog anew from S3 and the key when DynamoDB is gone',
  async () => {
    const content = Buffer.concat([randomBytes(6 * MIB), Buffer.alloc(4 * MIB)]);
    const { disk } = await holdfast(['disk', 'import', '-', '--name', 'd'], content);
    const { vault } = await holdfast(['vault', 'create', '--name', 'kept']);
    const { backup } = await holdfast(['backup', vault!, disk!, '--name', 'first']);
    await mode.stop();
    for (const file of await databaseFiles()) await rm(join(mode.home, file));

    const plan = await run('rebuild-catalog.ts', ['--dry-run']);
    expect(plan[`backup ${backup}`]).toBe('first: comes back, available');
    expect(plan[`vault ${vault}`]).toMatch(/^new in the catalog/);
    expect(await run('rebuild-catalog.ts', [])).toEqual(plan);
    expect(await run('rebuild-catalog.ts', [])).not.toHaveProperty(`backup ${backup}`);

    await mode.start();
    expect(await listed()).toEqual({ [backup!]: 'first available' });
    const client = await mode.client();
    const { vaults } = await client.call<{ vaults: { id: string; name: string }[] }>(
      'GET',
      'vaults',
    );
    expect(vaults.map(({ id, name }) => [id, name])).toEqual([[vault, 'kept']]);
    expect(content.equals(await restored(backup!))).toBe(true);

    const second = await holdfast<{ backup: string; newBytes: number; unchangedBytes: number }>([
      'backup',
      vault!,
      disk!,
    ]);
    expect(second.newBytes).toBe(0);
    await client.call('DELETE', `backups/${second.backup}`);
    const collected = await holdfast<{ blocked?: string }>(['collect', vault!]);
    expect(collected.blocked).toBeUndefined();
    expect(content.equals(await restored(backup!))).toBe(true);
    await holdfast(['verify', backup!]);
  },
  TEST_MS,
);

it(
  'brings a catalog of an earlier time up to date, while local mode runs',
  async () => {
    const before = randomBytes(4 * MIB);
    const { disk } = await holdfast(['disk', 'import', '-', '--name', 'd'], before);
    const { vault } = await holdfast(['vault', 'create', '--name', 'v']);
    const { backup: deleted } = await holdfast(['backup', vault!, disk!, '--name', 'deleted']);
    await mode.stop();
    const copies = await databaseFiles();
    for (const file of copies)
      await copyFile(join(mode.home, file), join(mode.home, `old-${file}`));

    await mode.start();
    const other = randomBytes(4 * MIB);
    const imported = await holdfast(['disk', 'import', '-', '--name', 'e'], other);
    const { backup: kept } = await holdfast([
      'backup',
      vault!,
      imported['disk']!,
      '--name',
      'kept',
    ]);
    await (await mode.client()).call('DELETE', `backups/${deleted}`);
    await holdfast(['collect', vault!]);
    await mode.stop();
    for (const file of await databaseFiles()) await rm(join(mode.home, file));
    for (const file of copies)
      await copyFile(join(mode.home, `old-${file}`), join(mode.home, file));

    await mode.start();
    expect(await listed()).toEqual({ [deleted!]: 'deleted available' });
    const blocked = await holdfast(['collect', vault!]);
    expect(blocked['blocked']).toMatch(/the catalog does not know session/);
    const report = await holdfast(['reconcile', vault!]);
    expect(report[`backup ${kept}`]).toBe('kept: comes back, available');
    expect(await listed()).toEqual({ [deleted!]: 'deleted error', [kept!]: 'kept available' });
    expect(other.equals(await restored(kept!))).toBe(true);
    expect((await holdfast(['collect', vault!]))['blocked']).toBeUndefined();
    expect(other.equals(await restored(kept!))).toBe(true);
  },
  TEST_MS,
);
