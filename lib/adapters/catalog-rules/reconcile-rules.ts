import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '../../errors.ts';
import type { Backup, Failure } from '../../model/backup.ts';
import { EPOCH_TRANSITIONS, type EpochState } from '../../model/epoch.ts';
import type { VaultId } from '../../model/ids.ts';
import { PACK_RECONCILIATIONS, type Pack } from '../../model/pack.ts';
import { SESSION_RECONCILIATIONS, SESSION_TRANSITIONS, type Session } from '../../model/session.ts';
import { mayBecome } from '../../model/state-table.ts';
import type { Cycle } from '../../ports/garbage-catalog.ts';
import { ownRun, type RunningEpoch, type Verdict } from './garbage-rules.ts';

/** Refuses a cycle of the collector while the catalog may be older than the objects. */
export const checkCollecting = (vaultId: VaultId, state: EpochState): void => {
  if (state === 'RECONCILING') throw new HoldfastError('vault.reconciling', { vaultId });
};

/** The state while the vault is the run's, else `cycle.superseded`. */
export const ownReconciliation = (
  stored: RunningEpoch | null,
  state: EpochState,
  run: Cycle,
): EpochState => {
  ownRun(stored, run);
  return state;
};

/** As `ownReconciliation`, and refuses every write once the run has ended. */
export const checkReconciling = (
  stored: RunningEpoch | null,
  state: EpochState,
  run: Cycle,
): void => {
  if (ownReconciliation(stored, state, run) === 'RECONCILING') return;
  throw new HoldfastError('cycle.superseded', { runId: run.runId, vaultId: run.vaultId });
};

/** The same run goes on until it has ended. */
export const isToReconcile = ({ run }: RunningEpoch, state: EpochState, runId: string): boolean =>
  !(run?.runId === runId && state === 'RECONCILING');

export const isToReopen = (state: EpochState): boolean =>
  mayBecome(EPOCH_TRANSITIONS, state, 'OPEN');

/** The pack to put when the object has its say, or why there is nothing to put. */
export const replacing = (stored: Pack | null, pack: Pack): { put: Pack } | Verdict => {
  const put = { ...pack, lastRefEpoch: Math.max(stored?.lastRefEpoch ?? 0, pack.lastRefEpoch) };
  if (stored !== null && isDeepStrictEqual({ ...stored }, { ...put })) return 'done';
  return mayBecome(PACK_RECONCILIATIONS, stored?.state ?? 'GONE', pack.state) ? { put } : 'no';
};

export const dropping = (stored: Pack | null): Verdict => {
  if (stored === null) return 'done';
  return mayBecome(PACK_RECONCILIATIONS, stored.state, 'GONE') ? 'write' : 'no';
};

export const puttingSession = (stored: Session | null, { state }: Session): Verdict => {
  if (stored === null) return 'write';
  return mayBecome(SESSION_RECONCILIATIONS, stored.state, state) ? 'write' : 'done';
};

/** `stored` and `session`: what is kept of the backup, and of the session that wrote `backup`. */
export const bringingBack = (
  stored: Backup | null,
  session: Session | null,
  backup: Backup,
): Verdict => {
  if (stored?.manifest !== undefined)
    return stored.manifest.sessionId === backup.manifest?.sessionId ? 'done' : 'no';
  // Cancelled, or hidden by its owner before it was whole.
  if (stored !== null && stored.root !== 'NONE') return 'no';
  const state = session?.state ?? 'COMMITTED';
  const isCommitted = state === 'COMMITTED' || mayBecome(SESSION_TRANSITIONS, state, 'COMMITTED');
  return isCommitted ? 'write' : 'no';
};

/** What a manifest says of a backup; how it is called and what it was made for stays. */
export const broughtBack = (stored: Backup | null, backup: Backup): Backup => {
  if (stored === null) return backup;
  const { failure: _, ...known } = stored;
  const { name, description, disk, checkpointId, operationLogId, createdAtMs } = known;
  const { incremental, autoTrigger } = known;
  const kept = { name, description, disk, checkpointId, operationLogId, createdAtMs };
  return { ...known, ...backup, ...kept, incremental, autoTrigger };
};

/** A backup without its manifest: it keeps nothing, and nothing can be restored from it. */
export const givenUp = (backup: Backup, failure: Failure, atMs: number): Backup => {
  const { manifest: _, ...rest } = backup;
  if (backup.root === 'HIDDEN') return { ...rest, updatedAtMs: atMs };
  return { ...rest, status: 'error', root: 'NONE', failure, updatedAtMs: atMs };
};

/** It was not hidden anew by this run yet. */
export const isToHideAnew = (backup: Backup | null, { epoch }: Cycle): backup is Backup =>
  backup?.root === 'HIDDEN' && backup.deletedEpoch !== epoch;
