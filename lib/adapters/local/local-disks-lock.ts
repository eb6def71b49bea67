import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

/** Many may hold `shared` at once; `exclusive` is held alone. */
export type LockMode = 'shared' | 'exclusive';
export type Release = () => void;

/** A first look again after 1 ms; later looks are at most this far apart. */
const POLL_MS_MAX = 20;

const TAKE: Record<LockMode, string> = {
  shared: 'BEGIN; SELECT count(*) FROM sqlite_schema',
  exclusive: 'BEGIN EXCLUSIVE',
};
/** SQLITE_BUSY: somebody else holds the lock. */
const BUSY = 5;

/**
 * Takes a lock that holds between connections, threads and processes of one machine, and that the
 * kernel drops when its holder is killed or its thread is terminated, so there is no lease to guess
 * and no stale lock to steal. Node has no `flock`; an SQLite transaction on an empty database is
 * one. The file stays empty, and must never be deleted while anybody may use it (two holders would
 * then lock two files of the same name).
 *
 * Gives `null` when the lock was not free within `waitMs`. Not re-entrant.
 */
export async function takeLock(
  path: string,
  mode: LockMode,
  waitMs: number,
): Promise<Release | null> {
  const database = new DatabaseSync(path, { timeout: 0 });
  const deadlineMs = performance.now() + waitMs;
  try {
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, POLL_MS_MAX)) {
      if (isTaken(database, mode)) return () => database.close();
      if (performance.now() >= deadlineMs) break;
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  } catch (error) {
    database.close();
    throw error;
  }
  database.close();
  return null;
}

function isTaken(database: DatabaseSync, mode: LockMode): boolean {
  try {
    database.exec(TAKE[mode]);
    return true;
  } catch (error) {
    if ((error as { errcode?: unknown }).errcode !== BUSY) throw error;
    // A deferred BEGIN may have succeeded before the SELECT was refused.
    if (database.isTransaction) database.exec('ROLLBACK');
    return false;
  }
}
