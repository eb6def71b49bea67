import { type ErrorCode, isError } from '../errors.ts';
import type { CycleReport, VaultCollection } from './collect-vault.ts';
import type { JobContext } from './job-context.ts';

/** Three take a deleted backup from its root to its last pack; more only when time was up. */
export const CYCLES_MAX = 12;

/** What ends a collection without being wrong: whose vault it is, whether there still is one. */
const ENDS = {
  'cycle.superseded': 'superseded',
  'vault.reconciling': 'reconciling',
  'BackupService.6105': 'gone',
} as const satisfies Partial<Record<ErrorCode, string>>;

/**
 * Collects a vault: cycles until one finds nothing that the next could go on with. Nothing is kept
 * between them but that answer: a cycle reads all of it anew. Another run that takes the vault away
 * ends this one, and so does a catalog that is being made to agree with its objects.
 */
export const runCollectJob = async (
  vault: VaultCollection,
  context: JobContext,
): Promise<{ ended: 'success' | 'blocked' | (typeof ENDS)[keyof typeof ENDS]; cycles: number }> => {
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
    const ended = isError(error) ? ENDS[error.code as keyof typeof ENDS] : undefined;
    if (ended === undefined) throw error;
    return { ended, cycles };
  }
};
