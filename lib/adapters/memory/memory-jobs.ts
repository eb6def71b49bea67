import type { Collection, Job, Jobs } from '../../ports/jobs.ts';

export interface MemoryJobs extends Jobs {
  /** In the order in which they were first asked for; one a name. */
  started: Job[];
  collections: Collection[];
}

/** Records what is started and runs none of it. */
export const memoryJobs = (): MemoryJobs => {
  const started: Job[] = [];
  const collections: Collection[] = [];
  const once = <T extends { name: string }>(known: T[], job: T) => {
    if (!known.some(({ name }) => name === job.name)) known.push({ ...job });
  };
  return {
    started,
    collections,
    start: async (job) => once(started, job),
    collect: async (collection) => once(collections, collection),
  };
};
