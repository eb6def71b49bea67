import { HoldfastError } from '../errors.ts';
import type { JobKind } from '../ports/jobs.ts';
import type { DataSettings, RangeAnswer, RangeRequest } from './data-ports.ts';
import type { JobContext, JobEvent, WorkerName } from './job-context.ts';

/**
 * Segments in a slice: 1 TiB. An execution has at most 3,000 operations; a slice needs about 800.
 */
export const SLICE_SEGMENTS = 1024;

export interface RangeWork {
  kind: JobKind;
  worker: WorkerName;
  event: JobEvent;
  /** What each worker is told besides its range. */
  request: Omit<RangeRequest, 'from' | 'to'> & { percent?: number };
  from: number;
  to: number;
}

/**
 * Has workers go through segments `from` to `to` and returns their answers. The plan is arithmetic:
 * above 1 TiB the job invokes itself for each TiB; below, ranges go to workers, each called again
 * with `next` until its range is done.
 */
export const workRanges = async <T extends object>(
  work: RangeWork,
  context: JobContext,
  settings: DataSettings,
): Promise<T[]> => {
  const { from, to, event, request } = work;
  if (to - from > SLICE_SEGMENTS) {
    const slices = cut(from, to, SLICE_SEGMENTS);
    const answers = await context.map('slices', slices, 1, async (slice, inner) => {
      const { vaultId, backupId, sessionId, percent } = request;
      const part = {
        vaultId,
        backupId,
        sessionId,
        ...slice,
        ...(percent === undefined ? {} : { percent }),
      };
      return inner.slice<T[]>(`slice-${slice.from}`, work.kind, { ...event, slice: part });
    });
    return answers.flat();
  }
  const ranges = cut(from, to, settings.rangeSegments);
  const answers = await context.map('ranges', ranges, settings.workers, (range, inner) =>
    workRange<T>(range, work, inner),
  );
  return answers.flat();
};

const workRange = async <T extends object>(
  range: { from: number; to: number },
  { worker, request }: RangeWork,
  context: JobContext,
): Promise<T[]> => {
  const answers: T[] = [];
  let from: number | null = range.from;
  while (from !== null) {
    const part: RangeRequest = { ...request, from, to: range.to };
    const answer: RangeAnswer<T> = await context.work(`${worker}-${from}`, worker, part);
    if ('cancelled' in answer) throw new HoldfastError('Holdfast.Cancelled', {});
    answers.push(answer);
    from = answer.next;
  }
  return answers;
};

const cut = (from: number, to: number, size: number): { from: number; to: number }[] =>
  Array.from({ length: Math.ceil((to - from) / size) }, (_, n) => ({
    from: from + n * size,
    to: Math.min(to, from + (n + 1) * size),
  }));
