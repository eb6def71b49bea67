import type { VaultId } from '../../model/ids.ts';
import type { Collection, Job, Jobs } from '../../ports/jobs.ts';

export interface MemoryJobs extends Jobs {
  /** In the order in which they were first asked for; one a name. */
  started: Job[];
  collections: Collection[];
  audits: VaultId[];
}

/** Records what is started and runs none of it. */
export const memoryJobs = (): MemoryJobs => {
  const started: Job[] = [];
  const collections: Collection[] = [];
  const audits: VaultId[] = [];
  const once = <T extends { name: string }>(known: T[], job: T) => {
    if (!known.some(({ name }) => name === job.name)) known.push({ ...job });
  };
  return {
    started,
    collections,
    audits,
    start: async (job) => once(started, job),
    collect: async (collection) => once(collections, collection),
    audit: async ({ vaultId }) => void audits.push(vaultId),
  };
};
