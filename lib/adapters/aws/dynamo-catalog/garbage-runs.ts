import type { CollectorRun } from '../../../model/collector-run.ts';
import type { Cycle } from '../../../ports/garbage-catalog.ts';
import { checkHorizon, ownRun } from '../../catalog-rules/garbage-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import type { Write } from './expression.ts';
import { keys } from './keys.ts';
import { epochCodec, runningEpoch } from './run-codecs.ts';

/** The run while it is the vault's, and while `m0`, when given, is its horizon. */
export const readRun = async (
  table: CatalogTable,
  cycle: Cycle,
  m0?: number,
): Promise<CollectorRun> => {
  const item = await table.get(epochCodec, keys.epoch(cycle.vaultId));
  const run = ownRun(item && runningEpoch(item), cycle);
  if (m0 !== undefined) checkHorizon(run, m0);
  return run;
};

/** R7: part of every transaction of a run. */
export const checkRun = ({ vaultId, runId, epoch }: Cycle, m0?: number): Write => ({
  check: keys.epoch(vaultId),
  when: { equal: { runId, epoch, ...(m0 !== undefined && { horizon: m0 }) } },
});
