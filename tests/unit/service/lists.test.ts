import { describe, expect, it } from '@jest/globals';
import { countedPage, LIST_SCAN_MAX, listPage } from '../../../lib/service/list-page.ts';
import { mapLimited } from '../../../lib/service/map-limited.ts';

async function* items(count: number) {
  for (let n = 0; n < count; n++) yield { id: `i${n}`, n };
}
const all = () => true;

describe('list page', () => {
  it('counts all that match and returns those of the page', async () => {
    const page = await listPage(items(10), ({ n }) => n % 2 === 0, { limit: 2, offset: 1 });
    expect(page).toEqual({
      items: [
        { id: 'i2', n: 2 },
        { id: 'i4', n: 4 },
      ],
      count: 5,
      limit: 2,
      offset: 1,
    });
  });

  it('starts behind a place in the order that was asked for, and counts all', async () => {
    const page = await listPage(
      items(5),
      all,
      { limit: 2, offset: 1 },
      { compare: (a, b) => b.n - a.n, isBehind: ({ n }) => n < 3 },
    );
    expect(page.items.map(({ id }) => id)).toEqual(['i1', 'i0']);
    expect(page.count).toBe(5);
  });

  it('has nothing behind the end', async () => {
    expect((await listPage(items(2), all, { limit: 5, offset: 2 })).items).toEqual([]);
    const isBehind = ({ n }: { n: number }) => n > 1;
    const last = await listPage(items(2), all, { limit: 5, offset: 0 }, { isBehind });
    expect(last).toMatchObject({ items: [], count: 2 });
  });

  it('stops at the most items that it walks over', async () => {
    const page = { limit: 1, offset: 0 };
    expect((await listPage(items(3), all, page, undefined, 3)).count).toBe(3);
    await expect(listPage(items(4), all, page, undefined, 3)).rejects.toMatchObject({
      code: 'Holdfast.ListTooLong',
    });
    expect(LIST_SCAN_MAX).toBe(100_000);
  });
});

describe('counted page', () => {
  it('reads no more than up to its end, and says the count that it was given', async () => {
    let read = 0;
    async function* counting() {
      for await (const item of items(100)) {
        read++;
        yield item;
      }
    }
    const page = await countedPage(counting(), 100, { limit: 2, offset: 1 }, ({ n }) => n > 3);
    expect(page.items.map(({ id }) => id)).toEqual(['i5', 'i6']);
    expect(page).toMatchObject({ count: 100, limit: 2, offset: 1 });
    expect(read).toBe(7);
  });

  it('has nothing behind the end', async () => {
    expect((await countedPage(items(2), 2, { limit: 5, offset: 2 })).items).toEqual([]);
    const last = { limit: 5, offset: 0 };
    expect((await countedPage(items(2), 2, last, ({ n }) => n > 1)).items).toEqual([]);
  });
});

describe('map limited', () => {
  it('keeps the order and runs no more than the limit at once', async () => {
    let running = 0;
    let most = 0;
    const results = await mapLimited(
      [5, 1, 4, 2, 3],
      async (ms) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => {
          setTimeout(resolve, ms);
        });
        running--;
        return ms * 10;
      },
      2,
    );
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });

  it('fails when one fails, and starts no more', async () => {
    const started: number[] = [];
    const run = async (n: number) => {
      started.push(n);
      if (n === 1) throw new Error('no');
    };
    await expect(mapLimited([0, 1, 2, 3], run, 1)).rejects.toThrow('no');
    expect(started).toEqual([0, 1]);
  });

  it('has nothing to do for nothing', async () => {
    await expect(mapLimited([], async () => 1)).resolves.toEqual([]);
  });
});
