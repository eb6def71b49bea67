import { HoldfastError } from '../errors.ts';
import type { Page } from '../model/details.ts';

/** Items a list walks over at most, so that an answer has a bounded time and memory. */
export const LIST_SCAN_MAX = 100_000;

export interface PageRequest {
  limit: number;
  offset: number;
  /** The id of the last item of the page before. */
  marker?: string | undefined;
}

export interface ListOrder<T> {
  /** Absent: the items come in the list's order. */
  compare?: ((a: T, b: T) => number) | undefined;
  /** Whether an item comes after the last one of the page before, in the list's order. */
  isBehind?: ((item: T) => boolean) | undefined;
}

/** One page of the items that `keep` lets through; `Holdfast.ListTooLong` beyond `scanMax`. */
export async function listPage<T>(
  items: AsyncIterable<T>,
  keep: (item: T) => boolean,
  { limit, offset }: PageRequest,
  { compare, isBehind }: ListOrder<T> = {},
  scanMax = LIST_SCAN_MAX,
): Promise<Page<T>> {
  const kept: T[] = [];
  let scanned = 0;
  for await (const item of items) {
    if (++scanned > scanMax) throw new HoldfastError('Holdfast.ListTooLong', { max: scanMax });
    if (keep(item)) kept.push(item);
  }
  if (compare) kept.sort(compare);
  const behind = isBehind ? kept.filter(isBehind) : kept;
  return { items: behind.slice(offset, offset + limit), count: kept.length, limit, offset };
}

/**
 * One page of items of which it is known how many there are: no more are read than up to its end.
 */
export async function countedPage<T>(
  items: AsyncIterable<T>,
  count: number,
  { limit, offset }: PageRequest,
  isBehind: (item: T) => boolean = () => true,
): Promise<Page<T>> {
  const found: T[] = [];
  let skipped = 0;
  for await (const item of items) {
    if (!isBehind(item)) continue;
    if (skipped < offset) skipped++;
    else found.push(item);
    if (found.length === limit) break;
  }
  return { items: found, count, limit, offset };
}

/** All the items; `Holdfast.ListTooLong` beyond `scanMax`. */
export async function listAll<T>(items: AsyncIterable<T>, scanMax = LIST_SCAN_MAX): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    if (all.length >= scanMax) throw new HoldfastError('Holdfast.ListTooLong', { max: scanMax });
    all.push(item);
  }
  return all;
}
