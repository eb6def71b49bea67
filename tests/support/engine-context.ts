import { isError, isRetryable } from '../../lib/errors.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import type { JobContext, JobEvent } from '../../lib/service/job-context.ts';
import { runJob, runWorker } from './data-world.ts';

/** What has finished, by the operation's path: a result as JSON, or one of our errors. */
export type Journal = Map<string, { json: string | undefined } | { error: unknown }>;

export interface EngineOptions {
  /** Attempts of a step or worker that meets an outage. */
  attempts?: number;
  /** Finished operations answer from here instead of running again. */
  journal?: Journal;
  /**
   * The process dies at the n-th operation (from 1), when it ran or when its answer was kept too.
   */
  crash?: { nth: number; when: 'ran' | 'kept' };
}

export class Crash extends Error {}

/**
 * Steps and workers as the durable engine runs them: outages are retried, answers go through JSON
 * into a journal, and after a crash nothing runs any more until the job is run again.
 */
export const engineContext = (ports: DataPorts, options: EngineOptions = {}): JobContext => {
  const { attempts = 4, journal = new Map(), crash } = options;
  let count = 0;
  let isDead = false;

  const die = () => {
    isDead = true;
    throw new Crash('the process died');
  };

  const operation = async <T>(path: string, run: () => Promise<T>): Promise<T> => {
    if (isDead) die();
    const known = journal.get(path);
    if (known !== undefined) return answerOf(known) as T;
    const isLast = crash !== undefined && ++count === crash.nth;
    const answer = await attempt(run, attempts).catch((error: unknown) => ({ error }));
    if (isDead || (isLast && crash.when === 'ran')) die();
    journal.set(path, answer);
    if (isLast) die();
    return answerOf(answer) as T;
  };

  const at = (prefix: string): JobContext => ({
    step: (name, run) => operation(`${prefix}/${name}`, run),
    waitUntil: (name, check) =>
      operation(`${prefix}/${name}`, async () => {
        if (!(await check())) throw new Error('it does not become true by waiting here');
      }),
    work: (name, worker, request) =>
      operation(`${prefix}/${name}`, () => runWorker(worker, request, ports) as never),
    slice: (name, kind, event) =>
      runJob(kind, event as JobEvent, ports, at(`${prefix}/${name}`)) as never,
    map: async (name, items, _concurrency, each) => {
      const answers = [];
      for (const [n, item] of items.entries())
        answers.push(await each(item, at(`${prefix}/${name}-${n}`)));
      return answers;
    },
  });
  return at('');
};

const attempt = async (
  run: () => Promise<unknown>,
  attempts: number,
): Promise<{ json: string | undefined }> => {
  for (let left = attempts; ; left--) {
    try {
      return { json: JSON.stringify(await run()) };
    } catch (error) {
      if (left <= 1 || (isError(error) && !isRetryable(error))) throw error;
    }
  }
};

const answerOf = (kept: { json: string | undefined } | { error: unknown }): unknown => {
  if ('error' in kept) throw kept.error;
  return kept.json === undefined ? undefined : JSON.parse(kept.json);
};
