import type { Job, Jobs } from '../../ports/jobs.ts';

export interface MemoryJobs extends Jobs {
  /** In the order in which they were first asked for; one a name. */
  started: Job[];
}

/** Records what is started and runs none of it. */
export const memoryJobs = (): MemoryJobs => {
  const started: Job[] = [];
  return {
    started,
    start: async (job) => {
      if (!started.some((known) => known.name === job.name)) started.push({ ...job });
    },
  };
};
