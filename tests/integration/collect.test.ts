import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { s3ClientOptions, s3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import { BUCKET, REGION, readIdentity } from '../../local/home.ts';
import { LocalMode, untilSchedulesRest } from '../support/local-mode.ts';

const TEST_MS = 180_000;
const MIB = 2 ** 20;

let mode: LocalMode;
beforeAll(async () => {
  mode = await LocalMode.create({ HOLDFAST_UNDELETE_DAYS: '0' });
  await mode.start();
}, TEST_MS);
afterAll(() => mode.dispose());

/** A command of the CLI that must succeed; its JSON. */
const holdfast = async <T = Record<string, string>>(
  args: string[],
  input?: Uint8Array,
): Promise<T> => {
  if (args[0] === 'collect') await untilSchedulesRest();
  const { code, stdout, stderr } = await mode.run('cli.ts', [...args, '--json'], input);
  expect({ code, stderr: stderr.replaceAll(/^\{.*\}\n/gm, '') }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
};

/** Deletes a pack behind Holdfast's back. */
const loseAPack = async (): Promise<void> => {
  const { s3: credentials } = await readIdentity(mode.home);
  const endpoint = `http://127.0.0.1:${mode.ports.s3}`;
  const s3 = new S3Client({ ...s3ClientOptions(endpoint), region: REGION, credentials });
  const store = s3ObjectStore(s3, BUCKET);
  for await (const { key } of store.list('v1/')) {
    if (!key.includes('/packs/')) continue;
    await store.delete([key]);
    break;
  }
  s3.destroy();
};

/** Files that hold objects in the S3 server's folder. */
const objects = async (): Promise<number> => {
  const folder = join(mode.home, 's3', 'objects');
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).length;
};

const snapshots = () => readdir(join(mode.home, 'disks', 'snapshots'));

it(
  'frees what a deleted backup alone holds, its snapshot too; an audit finds a pack that is lost',
  async () => {
    const { disk } = await holdfast(['disk', 'import', '-', '--name', 'd'], randomBytes(8 * MIB));
    const { vault } = await holdfast(['vault', 'create', '--name', 'v']);
    const first = await holdfast(['backup', vault!, disk!]);
    const client = await mode.client();
    expect(await holdfast(['audit', vault!])).toMatchObject({ vaults: 1, found: 0, leftovers: 0 });
    const idle = await holdfast<{ freedBytes: number }>(['collect', vault!, '--dry-run']);
    expect(idle.freedBytes).toBe(0);

    await client.call('DELETE', `backups/${first['backup']}`);
    const before = await objects();
    const plan = await holdfast(['collect', vault!, '--dry-run']);
    expect(plan[`backup ${first['backup']}`]).toMatch(/forget/);
    expect(await objects()).toBe(before);
    expect(await snapshots()).toHaveLength(1);
    const collected = await holdfast<{ deleted: number; freedBytes: number }>(['collect', vault!]);
    expect(collected.deleted).toBeGreaterThan(0);
    expect(collected.freedBytes).toBeGreaterThan(8 * MIB);
    expect(await objects()).toBeLessThan(before);
    expect(await snapshots()).toEqual([]);

    const second = await holdfast(['backup', vault!, disk!]);
    expect(await holdfast(['audit'])).toMatchObject({ vaults: 1, found: 0 });
    await holdfast(['verify', second['backup']!]);

    await loseAPack();
    const { code, stdout } = await mode.run('cli.ts', ['audit', vault!, '--json']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/"object-missing [0-9a-f]{32}":"it is not stored"/);
    expect(stdout).toContain(`backup ${second['backup']}`);
  },
  TEST_MS,
);
