import { checkBackupCounts, checkUsedBytes } from '../engine/check-counts.ts';
import { findAffected } from '../engine/find-affected.ts';
import { findDamage } from '../engine/find-damage.ts';
import { planGarbage } from '../engine/plan-garbage.ts';
import { horizonOf, surveyVault } from '../engine/survey-vault.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { HoldfastError } from '../errors.ts';
import { DAY_MS } from '../model/duration.ts';
import type { Finding, FindingKind } from '../model/finding.ts';
import type { Vault } from '../model/vault.ts';
import type { VaultCollection } from './collect-vault.ts';
import type { DataPorts } from './data-ports.ts';
import { orNull } from './or-null.ts';
import { sendNotice } from './send-notice.ts';

/** Findings that are told one by one; a vault that lost its objects has thousands. */
const TOLD_MAX = 100;

/** What an audit needs of the world. It changes nothing of it. */
export type AuditPorts = Pick<
  DataPorts,
  'catalog' | 'objects' | 'keys' | 'clock' | 'probe' | 'notifier'
>;

export interface AuditReport {
  /** The vault is there, and is not being deleted. */
  isAudited: boolean;
  /** All of them; `findings` are the first hundred. */
  found: number;
  findings: Finding[];
  /** Backups that name a pack which is among the findings, the first hundred. */
  affectedBackups: string[];
  packs: number;
  /** Packs that a verify found damaged: known, so no finding. */
  quarantined: number;
  /** Objects that nobody names: the collector's to delete, no finding. */
  leftovers: number;
  /** False while a cycle of the collector runs or was cut off: the next one counts. */
  isUsageChecked: boolean;
}

const NOTHING: AuditReport = {
  isAudited: false,
  found: 0,
  findings: [],
  affectedBackups: [],
  packs: 0,
  quarantined: 0,
  leftovers: 0,
  isUsageChecked: false,
};

/**
 * Reads all that a vault knows and stores, but for the blocks themselves, and says what does not
 * agree: to the log, to the vault's owner, and to the caller. Repairs nothing. Backups, deletions
 * and collections go on meanwhile and are no findings.
 */
export const auditVault = async (
  { projectId, vaultId }: VaultCollection,
  _deadlineMs: number,
  ports: AuditPorts,
): Promise<AuditReport> => {
  const vault = await findVault(projectId, vaultId, ports);
  if (vault === null) return NOTHING;
  try {
    const report = await audit(vault, ports);
    await tell(vault, report, ports);
    return report;
  } catch (error) {
    // Its keys and items go before the vault itself.
    if ((await findVault(projectId, vaultId, ports)) === null) return NOTHING;
    throw error;
  }
};

/** `null`: it is gone, or on its way. */
const findVault = async (
  projectId: string,
  vaultId: string,
  { catalog }: AuditPorts,
): Promise<Vault | null> => {
  const vault = await orNull(catalog.vaults.get(projectId, vaultId), 'BackupService.6105');
  return vault?.status === 'deleting' ? null : vault;
};

const audit = async ({ id: vaultId, projectId }: Vault, ports: AuditPorts) => {
  const { catalog, clock } = ports;
  const keys = vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys });
  const auditing = { ...ports, projectId, vaultId, vaultKeys: keys };
  const counted = await catalog.garbage.countedUsage(vaultId);
  const survey = await surveyVault(auditing, clock.nowMs(), async (running) => {
    const epoch = Number.MAX_SAFE_INTEGER;
    return { epoch, m0: horizonOf(running, epoch) };
  });
  const { epoch } = await catalog.garbage.countedUsage(vaultId);
  const isUsageChecked = counted.m0 !== null && counted.epoch === epoch;
  const all = [
    ...(await findDamage(survey.facts, auditing)),
    ...(isUsageChecked ? checkUsedBytes(survey, counted, vaultId) : []),
    ...(await checkBackupCounts({ projectId, vaultId }, catalog)),
  ];
  const { steps, leftovers } = planGarbage(survey.facts);
  const packs = new Set(all.filter(({ kind }) => OF_PACKS.has(kind)).map(({ id }) => id));
  const affected =
    packs.size === 0 ? [] : await findAffected(catalog.backups.roots(vaultId), packs, auditing);
  return {
    isAudited: true,
    found: all.length,
    findings: all.slice(0, TOLD_MAX),
    affectedBackups: affected.slice(0, TOLD_MAX).map(({ id }) => id),
    packs: survey.facts.packs.length,
    quarantined: survey.facts.packs.filter(({ state }) => state === 'QUARANTINED').length,
    leftovers: leftovers.length + steps.filter(({ kind }) => kind === 'orphan').length,
    isUsageChecked,
  };
};

const OF_PACKS: ReadonlySet<FindingKind> = new Set([
  'pack-missing',
  'blocks-missing',
  'object-missing',
  'object-size',
]);

const tell = async (vault: Vault, report: AuditReport, ports: AuditPorts): Promise<void> => {
  const { id: vaultId, projectId, name: vaultName } = vault;
  const { findings, affectedBackups, ...numbers } = report;
  for (const finding of findings) {
    const error = new HoldfastError('audit.finding', { vaultId, ...finding });
    ports.probe.problem('audit.finding', error, { vaultId, kind: finding.kind, id: finding.id });
  }
  for (const backupId of affectedBackups)
    ports.probe.note('audit.affected-backup', { vaultId, backupId });
  ports.probe.note('vault.audited', { vaultId, ...numbers });
  const [first] = findings;
  if (first === undefined || !vault.smnNotify) return;
  const atMs = ports.clock.nowMs();
  const id = `${vaultId}-audit-${Math.floor(atMs / DAY_MS)}`;
  const about = { id, projectId, vaultId, vaultName, atMs };
  const what = { found: report.found, first: `${first.kind} ${first.id}: ${first.text}` };
  await sendNotice({ type: 'vault.audit-findings', ...about, ...what }, ports);
};
