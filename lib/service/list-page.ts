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

/**
 * One page of the items that `keep` lets through, in their own order or that of `compare`.
 * `BackupService.9900` when no such item is the marker, `Holdfast.ListTooLong` beyond `scanMax`.
 */
export async function listPage<T extends { id: string }>(
  items: AsyncIterable<T>,
  keep: (item: T) => boolean,
  page: PageRequest,
  compare?: (a: T, b: T) => number,
  scanMax = LIST_SCAN_MAX,
): Promise<Page<T>> {
  const kept: T[] = [];
  let scanned = 0;
  for await (const item of items) {
    if (++scanned > scanMax) throw new HoldfastError('Holdfast.ListTooLong', { max: scanMax });
    if (keep(item)) kept.push(item);
  }
  if (compare) kept.sort(compare);
  const first = markerEnd(kept, page.marker) + page.offset;
  return {
    items: kept.slice(first, first + page.limit),
    count: kept.length,
    limit: page.limit,
    offset: page.offset,
  };
}

/**
 * One page of items of which it is known how many there are: no more are read than up to its end.
 * `BackupService.9900` when no item is the marker.
 */
export async function countedPage<T extends { id: string }>(
  items: AsyncIterable<T>,
  count: number,
  { limit, offset, marker }: PageRequest,
): Promise<Page<T>> {
  const found: T[] = [];
  let isBehindMarker = marker === undefined;
  let skipped = 0;
  for await (const item of items) {
    if (!isBehindMarker) isBehindMarker = item.id === marker;
    else if (skipped < offset) skipped++;
    else found.push(item);
    if (found.length === limit) break;
  }
  if (!isBehindMarker) markerEnd([], marker);
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

/** The place behind the marker. */
function markerEnd(items: { id: string }[], marker: string | undefined): number {
  if (marker === undefined) return 0;
  const at = items.findIndex((item) => item.id === marker);
  if (at < 0) {
    throw new HoldfastError('BackupService.9900', {
      field: 'marker',
      reason: `the list has no item ${marker}`,
    });
  }
  return at + 1;
}
