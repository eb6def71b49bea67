import { isError } from '../errors.ts';
import type { CycleReport, VaultCollection } from './collect-vault.ts';
import type { JobContext } from './job-context.ts';

/** Three take a deleted backup from its root to its last pack; more only when time was up. */
export const CYCLES_MAX = 12;

/**
 * Collects a vault: cycles until one finds nothing that the next could go on with. Nothing is kept
 * between them but that answer: a cycle reads all of it anew. Another run that takes the vault away
 * ends this one.
 */
export const runCollectJob = async (
  vault: VaultCollection,
  context: JobContext,
): Promise<{ ended: 'success' | 'superseded' | 'blocked' | 'gone'; cycles: number }> => {
  let cycles = 0;
  try {
    for (; cycles < CYCLES_MAX; cycles++) {
      const name = `cycle-${cycles + 1}`;
      const report = await context.work<CycleReport>(name, 'collect-vault', vault);
      if (report.blocked.length > 0) return { ended: 'blocked', cycles };
      if (!report.hasMore) break;
    }
    return { ended: 'success', cycles };
  } catch (error) {
    if (isError(error, 'cycle.superseded')) return { ended: 'superseded', cycles };
    if (isError(error, 'BackupService.6105')) return { ended: 'gone', cycles };
    throw error;
  }
};
