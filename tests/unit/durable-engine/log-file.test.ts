import { appendFile, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/jest';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LogFile, readWhole } from '../../../local/durable-engine/log-file.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-file-'));
  path = join(folder, 'log.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

describe('LogFile', () => {
  it('has on the disk what an append has resolved for', async () => {
    const log = await LogFile.create(path, { n: 0 });
    await Promise.all([1, 2, 3].map((n) => log.append({ n })));
    expect((await readWhole(path)).records).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]);
    await log.close();
  });

  it('keeps the order of appends that share a sync', async () => {
    const log = await LogFile.create(path, { n: 0 });
    const order: number[] = [];
    const numbers = Array.from({ length: 200 }, (_, n) => n + 1);
    await Promise.all(numbers.map((n) => log.append({ n }).then(() => order.push(n))));
    expect(order).toEqual(numbers);
    expect((await readWhole(path)).records).toEqual([0, ...numbers].map((n) => ({ n })));
    await log.close();
  });

  it('syncs before it resolves, once for all that wait', async () => {
    const handle = await open(join(folder, 'other'), 'w');
    const datasync = jest.spyOn(Object.getPrototypeOf(handle) as typeof handle, 'datasync');
    await handle.close();
    const log = await LogFile.create(path, { n: 0 });
    expect(datasync).toHaveBeenCalledTimes(1);
    await log.append({ n: 1 });
    expect(datasync).toHaveBeenCalledTimes(2);
    await Promise.all(Array.from({ length: 100 }, (_, n) => log.append({ n })));
    expect(datasync.mock.calls.length).toBeLessThanOrEqual(4);
    datasync.mockRestore();
    await log.close();
  });

  it('writes what waits before it closes', async () => {
    const log = await LogFile.create(path, { n: 0 });
    const appended = log.append({ n: 1 });
    await log.close();
    await appended;
    expect((await readWhole(path)).records).toHaveLength(2);
  });

  it('never begins a log twice', async () => {
    await (await LogFile.create(path, { n: 0 })).close();
    await expect(LogFile.create(path, { n: 1 })).rejects.toMatchObject({ code: 'EEXIST' });
    expect((await readWhole(path)).records).toEqual([{ n: 0 }]);
  });

  it('fails every append after a failed one', async () => {
    const log = await LogFile.create(path, { n: 0 });
    await log.close();
    await expect(log.append({ n: 1 })).rejects.toMatchObject({ code: 'EBADF' });
    await expect(log.append({ n: 2 })).rejects.toMatchObject({ code: 'EBADF' });
    expect((await readWhole(path)).records).toEqual([{ n: 0 }]);
  });

  it.each(['{"n":', '{"n":1}', 'garbage\n', '\0\0\0\0', '{"n":1\n\0\0\n', '17\n'])(
    'cuts the torn tail %j off and goes on after it',
    async (tail) => {
      await writeFile(path, `{"n":0}\n${tail}`);
      const { log, records } = await LogFile.reopen(path);
      expect(records).toEqual([{ n: 0 }]);
      await log.append({ n: 'next' });
      await log.close();
      expect(await readFile(path, 'utf8')).toBe('{"n":0}\n{"n":"next"}\n');
    },
  );

  it('reports a broken line with whole ones after it', async () => {
    await writeFile(path, '{"n":0}\n{"n"\n{"n":2}\n');
    await expect(LogFile.reopen(path)).rejects.toThrow('is damaged at byte 8');
    expect(await readFile(path, 'utf8')).toContain('{"n":2}');
  });

  test.prop([fc.array(fc.string(), { maxLength: 4 }), fc.nat()])(
    'cut anywhere, a log gives whole records only',
    async (texts, cutAt) => {
      const bytes = Buffer.from(texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
      const cut = bytes.subarray(0, cutAt % (bytes.length + 1));
      await writeFile(path, cut);
      const { log, records } = await LogFile.reopen(path);
      await log.close();
      const whole = cut.toString().split('\n').length - 1;
      expect(records).toEqual(texts.slice(0, whole).map((text) => ({ text })));
    },
  );

  it('cuts nothing that follows a whole line in the same file', async () => {
    const log = await LogFile.create(path, { n: 0 });
    await log.close();
    await appendFile(path, '{"n":1}\n');
    const { log: again, records } = await LogFile.reopen(path);
    await again.close();
    expect(records).toEqual([{ n: 0 }, { n: 1 }]);
  });
});
