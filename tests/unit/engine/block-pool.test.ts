import { afterEach, describe, expect, it } from '@jest/globals';
import { type BlockPool, inlinePool, threadPool } from '../../../lib/engine/pool/block-pool.ts';
import type { Bytes, HashTask, SealTask } from '../../../lib/engine/pool/tasks.ts';
import { hashBlock } from '../../../lib/format/block.ts';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import { randomBlock, SOME } from '../../support/some-stored.ts';

const script = new URL('../../../lib/engine/pool/worker.ts', import.meta.url);
const pools: BlockPool[] = [];

const newPool = (size?: number, at = script): BlockPool => {
  const pool = threadPool(at, size);
  pools.push(pool);
  return pool;
};

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

const hashTask = (...texts: string[]): HashTask => ({
  kind: 'hash',
  buffers: texts.map((text) =>
    text === '' ? new Uint8Array(BLOCK_BYTES) : (randomBlock(text) as Bytes),
  ),
});

const noBuffer: SealTask = {
  kind: 'seal',
  buffers: [],
  picks: [{ buffer: 0, block: 0 }],
  ids: new Uint8Array(32),
  packId: SOME.packId,
  blockKey: new Uint8Array(32),
  firstSlot: 0,
  level: 1,
};

describe('a pool of threads', () => {
  it('answers as the calling thread would, and gives the buffers back', async () => {
    const [threaded, inline] = await Promise.all([
      newPool(1).run(hashTask('a', '', 'b')),
      inlinePool().run(hashTask('a', '', 'b')),
    ]);
    expect([...threaded.zero]).toEqual([0, 1, 0]);
    expect(Buffer.compare(threaded.ids, inline.ids)).toBe(0);
    expect(Buffer.compare(threaded.ids.subarray(0, 32), hashBlock(randomBlock('a')))).toBe(0);
    expect(Buffer.compare(threaded.buffers[2]!, randomBlock('b'))).toBe(0);
  });

  it('moves large buffers instead of copying them', async () => {
    const task = hashTask('moved');
    const answer = newPool(1).run(task);
    expect(task.buffers[0]?.byteLength).toBe(0);
    expect((await answer).buffers[0]?.byteLength).toBe(BLOCK_BYTES);
  });

  it('keeps the code and the details of an error, and works on', async () => {
    const pool = newPool(1);
    const opening = pool.run({
      kind: 'open',
      packId: SOME.packId,
      blockKey: new Uint8Array(32),
      pack: new Uint8Array(100),
      slots: [
        {
          slot: 3,
          start: 0,
          entry: { codec: 1, blockId: new Uint8Array(32), offset: 0, storedBytes: 100 },
        },
      ],
      into: new Uint8Array(0),
    });
    await expect(opening).rejects.toMatchObject({
      name: 'HoldfastError',
      code: 'pack.damaged',
      details: { packId: SOME.packId },
    });
    await expect(pool.run(noBuffer)).rejects.toMatchObject({ code: 'bug' });
    expect((await pool.run(hashTask('')))?.zero).toHaveLength(1);
  });

  it('fails a task that cannot be sent, and it alone', async () => {
    const pool = newPool(1);
    const task = hashTask('twice');
    const first = pool.run(task);
    const empty = { ...task, buffers: [structuredClone(new Uint8Array(BLOCK_BYTES))] };
    const twice = { ...empty, buffers: [empty.buffers[0]!, empty.buffers[0]!] };
    await expect(pool.run(twice)).rejects.toMatchObject({ code: 'bug' });
    expect((await first).zero).toHaveLength(1);
    expect((await pool.run(hashTask('after'))).zero).toHaveLength(1);
  });

  it('takes more tasks than it has threads, and answers all of them', async () => {
    const pool = newPool(2);
    expect(pool.size).toBe(2);
    const texts = Array.from({ length: 9 }, (_, n) => `block ${n}`);
    const answers = await Promise.all(texts.map((text) => pool.run(hashTask(text))));
    for (const [n, { ids }] of answers.entries())
      expect(Buffer.compare(ids, hashBlock(randomBlock(texts[n] ?? '')))).toBe(0);
  });

  it('fails what waits when it is closed, and takes nothing more', async () => {
    const pool = newPool(1);
    const tasks = ['a', 'b', 'c'].map((text) => pool.run(hashTask(text)));
    const settled = Promise.allSettled(tasks);
    await pool.close();
    const states = (await settled).map(({ status }) => status);
    expect(states.slice(1)).toEqual(['rejected', 'rejected']);
    await expect(pool.run(hashTask('late'))).rejects.toMatchObject({ code: 'bug' });
  });

  it('fails the task of a thread that dies', async () => {
    const missing = newPool(1, new URL('file:///no/such/script.mjs'));
    await expect(missing.run(hashTask('a'))).rejects.toMatchObject({ code: 'bug' });
    const leaving = newPool(1, new URL('data:text/javascript,process.exit(0)'));
    await expect(leaving.run(hashTask('a'))).rejects.toMatchObject({ code: 'bug' });
  });
});
