import type { DataPorts } from './data-ports.ts';

/**
 * Starts an audit of every vault, one that is being deleted excepted by the audit itself. One that
 * cannot be started does not keep the others waiting; the next night looks at its vault again.
 */
export const startAudits = async ({
  catalog,
  jobs,
  probe,
}: Pick<DataPorts, 'catalog' | 'jobs' | 'probe'>): Promise<{ started: number }> => {
  let started = 0;
  for await (const vault of catalog.garbage.vaultIds()) {
    try {
      await jobs.audit(vault);
      started++;
    } catch (error) {
      probe.problem('audit.not-started', error, { vaultId: vault.vaultId });
    }
  }
  return { started };
};
