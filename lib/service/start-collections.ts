import { HOUR_MS } from '../model/duration.ts';
import type { DataPorts } from './data-ports.ts';

/** How often each vault is collected; also part of the execution's name: one a vault and period. */
const PERIOD_MS = 6 * HOUR_MS;

/**
 * Starts a collection of every vault. Fired more often than the period: a start that was lost is
 * repeated under the same name. One that cannot be started does not keep the others waiting.
 */
export const startCollections = async ({
  catalog,
  clock,
  jobs,
  probe,
}: Pick<DataPorts, 'catalog' | 'clock' | 'jobs' | 'probe'>): Promise<{ started: number }> => {
  const period = Math.floor(clock.nowMs() / PERIOD_MS);
  let started = 0;
  for await (const { projectId, vaultId } of catalog.garbage.vaultIds()) {
    try {
      await jobs.collect({ name: collectionName(vaultId, String(period)), projectId, vaultId });
      started++;
    } catch (error) {
      probe.problem('collection.not-started', error, { vaultId });
    }
  }
  return { started };
};

/** Of an execution: the same one for the same vault and occasion. */
export const collectionName = (vaultId: string, occasion: string): string =>
  `collect-${vaultId}-${occasion}`;
