import { isError } from '../errors.ts';
import { derivedUuid, type SessionId, type VaultId } from '../model/ids.ts';
import { hasEnded, type OperationLog } from '../model/operation-log.ts';
import type { SessionState } from '../model/session.ts';
import type { SessionCatalog } from '../ports/catalog.ts';

/** The session of one attempt of a job; a restore attempt has the same name. */
export const sessionIdOf = (operationLogId: string, attempt: number): SessionId =>
  derivedUuid(operationLogId, 'session', String(attempt));

/**
 * Ends an attempt's session, unless it has ended already. Returns the state it ended in; `null`
 * when it was never opened.
 */
export const closeSession = async (
  vaultId: VaultId,
  sessionId: SessionId,
  sessions: SessionCatalog,
): Promise<SessionState | null> => {
  try {
    return (await sessions.end(vaultId, sessionId, 'ABORTED')).state;
  } catch (error) {
    if (isError(error, 'catalog.conflict')) return null;
    throw error;
  }
};

/**
 * True when the task is no longer this attempt's: it has ended, the watchdog has started another
 * attempt, or has taken the session away and is about to. Then a failure is nobody's business.
 */
export const isTakenOver = (
  task: OperationLog,
  attempt: number,
  session: SessionState | null,
): boolean => hasEnded(task.status) || task.restarts > attempt || session === 'FENCED';
