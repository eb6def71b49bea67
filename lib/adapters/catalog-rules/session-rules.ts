import { HoldfastError } from '../../errors.ts';
import type { Backup } from '../../model/backup.ts';
import type { EpochState } from '../../model/epoch.ts';
import type { BackupId, SessionId, VaultId } from '../../model/ids.ts';
import { SESSION_TRANSITIONS, type Session } from '../../model/session.ts';
import { mayBecome } from '../../model/state-table.ts';
import type { SessionCatalog } from '../../ports/catalog.ts';
import { refuse } from './refusal.ts';

export type OpenSession = Parameters<SessionCatalog['open']>[0];
export type Commit = Parameters<SessionCatalog['commit']>[0];

/** Refuses a session of a vault that is being deleted, or whose catalog may be too old. */
export const checkOpening = (
  vaultId: VaultId,
  { isDeleting, state }: { isDeleting: boolean; state: EpochState },
): void => {
  const closed = isDeleting ? 'deleting' : state === 'RECONCILING' ? 'reconciling' : null;
  if (closed !== null)
    throw new HoldfastError('BackupService.6112', { id: vaultId, status: closed });
};

/**
 * Refuses (R13) a reader of a backup that is no root of the session's vault, or that was hidden in
 * an earlier epoch than the session's: the cycle that runs now may remove it and its segments.
 */
export const checkReader = (backup: Backup | null, session: OpenSession, epoch: number): void => {
  if (session.kind !== 'read') return;
  const isKept = backup?.root === 'VISIBLE' || backup?.deletedEpoch === epoch;
  const isRoot = backup?.vaultId === session.vaultId && backup.root !== 'NONE';
  if (!isRoot || !isKept) refuse(`backup ${session.backupId}`, 'it is not there to be read');
};

/** The session, else `catalog.conflict`. */
export const existing = (session: Session | null, id: SessionId): Session =>
  session ?? refuse(`session ${id}`, 'it does not exist');

/** The session while it is OPEN, else `session.not-open`. */
export const open = (session: Session): Session => {
  const { id, state } = session;
  if (state !== 'OPEN') throw new HoldfastError('session.not-open', { id, state });
  return session;
};

/** A session has one parent for good: entries inherited from another would lose their root. */
export const isParentToPin = (session: Session, parentBackupId: BackupId): boolean => {
  const { id, parentBackupId: pinned } = open(session);
  if (pinned === undefined) return true;
  return pinned === parentBackupId ? false : refuse(`session ${id}`, `its parent is ${pinned}`);
};

/** `backup`: the commit's backup, of its project. */
export const isToCommit = (session: Session, backup: Backup, commit: Commit): boolean => {
  const item = `backup ${backup.id}`;
  if (session.backupId !== backup.id || session.kind !== 'write')
    return refuse(item, `session ${session.id} does not write it`);
  if (session.state === 'COMMITTED') {
    const { manifest } = backup;
    const isThis = manifest?.sessionId === session.id && manifest.sha256 === commit.manifestSha256;
    return isThis ? false : refuse(item, 'the session committed another manifest');
  }
  open(session);
  if (backup.root !== 'NONE' || backup.status !== 'protecting')
    return refuse(item, `it is ${backup.status} and ${backup.root}`);
  return true;
};

export const isToEnd = (session: Session, state: 'ABORTED' | 'FENCED'): boolean =>
  mayBecome(SESSION_TRANSITIONS, session.state, state);
