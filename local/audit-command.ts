import { type AuditReport, auditVault } from '../lib/service/audit-vault.ts';
import { openLocalStores } from './local-stores.ts';

/**
 * Audits a vault of the running local mode now, or all of them, without telling their owners. The
 * answer's `found` is the number of findings; each is a line of its own.
 */
export const auditNow = async (
  home: string,
  vaultId: string | undefined,
): Promise<{ found: number }> => {
  const { ports, projectId, close } = await openLocalStores(home);
  try {
    const notifier = { send: async () => {} };
    const reports: AuditReport[] = [];
    const asked =
      vaultId === undefined ? ports.catalog.garbage.vaultIds() : [{ projectId, vaultId }];
    for await (const vault of asked)
      reports.push(await auditVault(vault, Number.MAX_SAFE_INTEGER, { ...ports, notifier }));
    if (vaultId !== undefined && !reports[0]?.isAudited)
      throw new Error(`There is no vault ${vaultId}.`);
    return shown(reports);
  } finally {
    close();
  }
};

const shown = (reports: AuditReport[]) => {
  const sum = (name: 'found' | 'packs' | 'quarantined' | 'leftovers') =>
    reports.reduce((total, report) => total + report[name], 0);
  const findings = reports.flatMap((report) => report.findings);
  const affected = reports.flatMap(({ affectedBackups }) => affectedBackups);
  return {
    vaults: reports.filter(({ isAudited }) => isAudited).length,
    packs: sum('packs'),
    quarantined: sum('quarantined'),
    leftovers: sum('leftovers'),
    found: sum('found'),
    ...Object.fromEntries(findings.map(({ kind, id, text }) => [`${kind} ${id}`, text])),
    ...Object.fromEntries(affected.map((id) => [`backup ${id}`, 'names what was found'])),
  };
};
