import type { Backup, BackupCounts } from '../model/backup.ts';
import type { Finding } from '../model/finding.ts';
import type { Session } from '../model/session.ts';
import type { BackupCount } from '../model/vault.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { CountedUsage } from '../ports/garbage-catalog.ts';
import { storedBytes } from './list-vault-objects.ts';
import type { Survey } from './survey-vault.ts';

/** Readings of what goes on changing; then it is left to the next audit. */
const ATTEMPTS = 3;

/**
 * Whether the used bytes of a survey are what is stored. Exact but for sessions that the last cycle
 * could not count for good: what attempts stored that failed shows up with the next cycle.
 *
 * @param counted as it was before the survey and is after it: no cycle freed anything meanwhile
 */
export const checkUsedBytes = (
  { facts, usage }: Survey,
  { m0 }: CountedUsage,
  vaultId: string,
): Finding[] => {
  const { usedBytes: said } = usage.observed;
  const least = leastUsed(facts, m0 ?? 0);
  if (said >= least && said <= usage.usedBytes) return [];
  const text = `${said} bytes are said to be used, ${least} to ${usage.usedBytes} are stored`;
  return [{ kind: 'used-bytes', id: vaultId, text }];
};

/** Bytes of what roots name, of sessions that had ended when the last cycle counted. */
const leastUsed = ({ objects, sessions, mark, packs }: Survey['facts'], m0: number): number => {
  const isYoung = ({ startEpoch }: Session) => startEpoch >= m0;
  const young = new Set([...sessions.open, ...sessions.ended].filter(isYoung).map(({ id }) => id));
  const named = packs.filter(({ id, sessionId }) => mark.live.has(id) && !young.has(sessionId));
  const namedIds = new Set(named.map(({ id }) => id));
  return storedBytes(objects, {
    pack: (id) => namedIds.has(id),
    segment: (random, sessionId) => !young.has(sessionId) && mark.segments.has(random),
  });
};

/**
 * Whether the numbers of backups that are kept, of the vault, of each state and of each disk, are
 * those of the backups it shows. They are read between two equal lists; on a vault that never
 * rests, not at all.
 */
export const checkBackupCounts = async (
  { projectId, vaultId }: { projectId: string; vaultId: string },
  { vaults, backups }: Pick<Catalog, 'vaults' | 'backups'>,
): Promise<Finding[]> => {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const before = await Array.fromAsync(backups.ofVault(vaultId));
    const { backupCount } = await vaults.usage(vaultId);
    const kept = await vaults.backupCounts(vaultId);
    const inStates = await backups.counts(projectId, vaultId);
    const after = await Array.fromAsync(backups.ofVault(vaultId));
    if (changesOf(before) !== changesOf(after)) continue;
    const visible = after.filter(({ root }) => root === 'VISIBLE');
    const total: Finding[] =
      backupCount === visible.length
        ? []
        : [{ kind: 'backup-count', id: vaultId, text: `${backupCount}, not ${visible.length}` }];
    return [...total, ...wrongStates(vaultId, inStates, after), ...wrongDisks(kept, visible)];
  }
  return [];
};

/** Changes with every change of a state: each stamps the backup anew. */
const changesOf = (backups: Backup[]): string =>
  JSON.stringify(
    backups.map(({ id, root, status, updatedAtMs }) => [id, root, status, updatedAtMs]),
  );

const wrongStates = (vaultId: string, said: BackupCounts, backups: Backup[]): Finding[] => {
  const inStates = Map.groupBy(backups, ({ status }) => status);
  const statuses = [...Object.keys(said), ...inStates.keys()] as Backup['status'][];
  return [...new Set(statuses)].toSorted().flatMap((status) => {
    const [count = 0, { length } = []] = [said[status], inStates.get(status)];
    if (count === length) return [];
    return [{ kind: 'backup-count', id: vaultId, text: `${count} ${status}, not ${length}` }];
  });
};

const wrongDisks = (kept: BackupCount[], visible: Backup[]): Finding[] => {
  const said = new Map(kept.map((count) => [count.diskId, count]));
  const ofDisks = Map.groupBy(visible, ({ disk }) => disk.id);
  return [...new Set([...said.keys(), ...ofDisks.keys()])].toSorted().flatMap((diskId) => {
    const { backupCount = 0, backupBytes = 0 } = said.get(diskId) ?? {};
    const own = ofDisks.get(diskId) ?? [];
    const bytes = own.reduce((sum, { stats }) => sum + (stats?.storedBytes ?? 0), 0);
    if (backupCount === own.length && backupBytes === bytes) return [];
    const text = `${backupCount} backups and ${backupBytes} bytes, not ${own.length} and ${bytes}`;
    return [{ kind: 'disk-count', id: diskId, text }];
  });
};
