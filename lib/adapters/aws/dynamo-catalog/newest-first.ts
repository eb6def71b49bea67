import type { Item } from './codec.ts';

/**
 * Pages of several partitions of an index, each newest first, as pages of all of them, newest
 * first. The partitions are read at the same time, each one page ahead of what was taken.
 */
export async function* newestFirst(partitions: AsyncIterable<Item[]>[]): AsyncGenerator<Item[]> {
  let streams = partitions.map((pages) => ({ pages: pages[Symbol.asyncIterator](), left: NONE }));
  while (streams.length > 0) {
    await Promise.all(
      streams.map(async (stream) => {
        while (stream.left.length === 0) {
          const page = await stream.pages.next();
          if (page.done) break;
          stream.left = page.value;
        }
      }),
    );
    streams = streams.filter(({ left }) => left.length > 0);
    if (streams.length === 0) return;
    // What is not older than the last of every page comes before all that is still to be read.
    const until = streams.map(({ left }) => placeIn(left.at(-1))).reduce((a, b) => (a > b ? a : b));
    const ready = streams.map((stream) => {
      const older = stream.left.findIndex((item) => placeIn(item) < until);
      const taken = older < 0 ? stream.left : stream.left.slice(0, older);
      stream.left = older < 0 ? NONE : stream.left.slice(older);
      return taken;
    });
    yield ready.length === 1 ? (ready[0] as Item[]) : merged(ready);
  }
}

const NONE: Item[] = [];

/** What moved to another partition while both were read is in both: it is one thing. */
const merged = (parts: Item[][]): Item[] =>
  parts
    .flat()
    .toSorted(byPlace)
    .filter((item, n, all) => placeIn(item) !== placeIn(all[n - 1]));

const placeIn = (item: Item | undefined): string => String(item?.['gsi1sk']);

const byPlace = (a: Item, b: Item): number => (placeIn(a) < placeIn(b) ? 1 : -1);
