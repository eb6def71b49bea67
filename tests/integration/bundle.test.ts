import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { threadPool } from '../../lib/engine/pool/block-pool.ts';
import type { HashAnswer } from '../../lib/engine/pool/tasks.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = new URL('../../dist/', import.meta.url);
const POOL_SCRIPT = new URL('pool-worker.mjs', DIST);

beforeAll(async () => {
  await run(process.execPath, ['build.ts'], { cwd: ROOT, timeout: 60_000 });
}, 70_000);

/** What a fresh process prints that runs `script` as a module, with no environment at all. */
const inProcess = async (script: string): Promise<string> => {
  const command = ['--input-type=module', '--eval', script];
  const { stdout } = await run(process.execPath, command, { cwd: ROOT, env: {}, timeout: 30_000 });
  return stdout.trim();
};

describe('the bundles', () => {
  const bundles = () => readdirSync(DIST).filter((name) => name !== 'pool-worker.mjs');

  it('can be imported, each by itself, and need nothing before the first event', async () => {
    expect(bundles()).toContain('copy-blocks.mjs');
    for (const name of bundles()) {
      const script = `
        const { handler } = await import(${JSON.stringify(new URL(name, DIST).href)});
        process.stdout.write(typeof handler);`;
      expect([name, await inProcess(script)]).toEqual([name, 'function']);
    }
  }, 120_000);

  it('say which setting is missing when an event comes', async () => {
    const script = `
      const { handler } = await import(${JSON.stringify(new URL('watch-jobs.mjs', DIST).href)});
      await handler({}).catch((error) => process.stdout.write(error.code + ' ' + error.message));`;
    expect(await inProcess(script)).toMatch(/^config\.invalid .*HOLDFAST_BUCKET/);
  });
});

describe("the pool's thread", () => {
  const blockOf = (byte: number) => new Uint8Array(BLOCK_BYTES).fill(byte);
  const idOf = (byte: number) => createHash('sha256').update(blockOf(byte)).digest('hex');
  const idsOf = ({ ids }: HashAnswer) => Buffer.from(ids).toString('hex');

  it('stands where the bundles of the workers look for it', () => {
    for (const name of ['copy-blocks', 'restore-blocks', 'verify-blocks']) {
      const bundle = readFileSync(new URL(`${name}.mjs`, DIST), 'utf8');
      const script = /new URL\("([^"]+)",import\.meta\.url\)(?=[;,)])/g;
      const found = [...bundle.matchAll(script)].map(([, path = '']) => new URL(path, DIST).href);
      expect(found).toContain(POOL_SCRIPT.href);
    }
  });

  it('hashes in its own bundle, on every processor', async () => {
    const threads = Array.from({ length: availableParallelism() }, () => new Worker(POOL_SCRIPT));
    try {
      const answers = threads.map((thread) => once(thread, 'message'));
      for (const [n, thread] of threads.entries())
        thread.postMessage({ id: n, task: { kind: 'hash', buffers: [blockOf(n + 1)] } });
      for (const [n, answer] of (await Promise.all(answers)).entries()) {
        const [message] = answer as [{ id: number; answer: HashAnswer }];
        expect({ id: message.id, ids: idsOf(message.answer) }).toEqual({ id: n, ids: idOf(n + 1) });
      }
    } finally {
      await Promise.all(threads.map((thread) => thread.terminate()));
    }
  });

  it('serves the pool, which gives every task its own answer', async () => {
    const pool = threadPool(POOL_SCRIPT);
    try {
      const bytes = Array.from({ length: 4 * pool.size }, (_, n) => n + 1);
      const answers = await Promise.all(
        bytes.map((byte) => pool.run({ kind: 'hash', buffers: [blockOf(byte)] })),
      );
      expect(answers.map(idsOf)).toEqual(bytes.map(idOf));
      await expect(pool.run({ kind: 'none' } as never)).rejects.toThrow('unknown task');
    } finally {
      await pool.close();
    }
  });
});
