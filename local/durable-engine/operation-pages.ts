/**
 * Operations in pages: an invocation carries the first, `GetDurableExecutionState` gives the
 * others.
 */
import { invalid } from './lambda-error.ts';
import type { Operation, OperationsPage } from './protocol.ts';

export interface PageLimits {
  /** Operations that an invocation carries. */
  firstItemsMax: number;
  /** JSON bytes of a page; a single operation may exceed it. */
  pageBytesMax: number;
}

/** serverless-offline refuses an invocation over 6 MiB; JSON within JSON grows by its quotes. */
export const PAGE_LIMITS: PageLimits = { firstItemsMax: 500, pageBytesMax: 2 * 1024 * 1024 };

export const firstPage = (operations: Operation[], limits: PageLimits): OperationsPage =>
  slice(operations, 0, limits.firstItemsMax, limits);

/**
 * The page that begins at `marker`. Operations keep their place while a function loads them: new
 * ones come at the end, and only a checkpoint of that function could hide some.
 */
export function pageFrom(
  operations: Operation[],
  marker: string,
  itemsMax: number,
  limits: PageLimits,
): OperationsPage {
  if (!/^\d{0,9}$/.test(marker)) throw invalid('Invalid marker.');
  return slice(operations, Number(marker), itemsMax, limits);
}

function slice(
  operations: Operation[],
  from: number,
  itemsMax: number,
  { pageBytesMax }: PageLimits,
): OperationsPage {
  let to = from;
  for (let sizeBytes = 0; to < operations.length && to - from < itemsMax; to++) {
    sizeBytes += Buffer.byteLength(JSON.stringify(operations[to]));
    if (sizeBytes > pageBytesMax && to > from) break;
  }
  const Operations = operations.slice(from, to);
  return to < operations.length ? { Operations, NextMarker: String(to) } : { Operations };
}
