import { HoldfastError } from '../../errors.ts';
import type { Backup } from '../../model/backup.ts';
import type { CollectorRun } from '../../model/collector-run.ts';
import type { PackId, ProjectId, VaultId } from '../../model/ids.ts';
import { isPartOf, PACK_TRANSITIONS, type Pack, type PackState } from '../../model/pack.ts';
import type { Session } from '../../model/session.ts';
import { mayBecome } from '../../model/state-table.ts';
import type { CountedUsage, Cycle, GarbageCatalog } from '../../ports/garbage-catalog.ts';
import { ownBackup } from './backup-rules.ts';
import { refuse } from './refusal.ts';

/** `done`: what is stored is what this change makes. `no`: the state forbids it. */
export type Verdict = 'write' | 'done' | 'no';

/** A vault's epoch and its run. */
export interface RunningEpoch {
  epoch: number;
  run?: CollectorRun;
}

/** The run while it is the vault's, else `cycle.superseded`. `null`: there is no such vault. */
export const ownRun = (stored: RunningEpoch | null, cycle: Cycle): CollectorRun => {
  const { vaultId, runId, epoch } = cycle;
  if (stored?.run?.runId !== runId || stored.epoch !== epoch)
    throw new HoldfastError('cycle.superseded', { runId, vaultId });
  return stored.run;
};

/** A run that has counted has set its horizon before. */
export const countedBy = ({ epoch, run }: RunningEpoch): CountedUsage => ({
  epoch,
  m0: run === undefined ? 0 : run.hasCounted ? (run.horizon ?? null) : null,
});

/** Refuses a horizon that is not the run's: a decision made under it could be wrong. */
export const checkHorizon = (run: CollectorRun, m0: number): void => {
  if (run.horizon !== m0) refuse(`run ${run.runId}`, `its horizon is ${run.horizon}, not ${m0}`);
};

/** Refuses an m0 that lies after the cycle. */
export const isHorizonToSet = (run: CollectorRun, cycle: Cycle, m0: number): boolean => {
  if (run.horizon !== undefined) return false;
  if (m0 <= cycle.epoch) return true;
  return refuse(`run ${run.runId}`, `a horizon of ${m0} lies after epoch ${cycle.epoch}`);
};

/** R8. */
export const condemning = (pack: Pack | null, cycle: Cycle, m0: number): Verdict => {
  if (pack === null) return 'no';
  if (pack.state === 'CONDEMNED') return pack.condemnedEpoch === cycle.epoch ? 'done' : 'no';
  return isUnreferenced(pack, 'CONDEMNED', m0) ? 'write' : 'no';
};

/** R10. */
export const shrinking = (pack: Pack | null, m0: number): Verdict => {
  if (pack?.state === 'SHRINKING') return 'done';
  return pack !== null && isUnreferenced(pack, 'SHRINKING', m0) ? 'write' : 'no';
};

/** No session that is OPEN, or opens from now on, has stamped it. */
const isUnreferenced = (pack: Pack, to: PackState, m0: number): boolean =>
  mayBecome(PACK_TRANSITIONS, pack.state, to) && pack.lastRefEpoch < m0;

/** R9. */
export const reviving = (pack: Pack | null): Verdict => {
  if (pack?.state === 'SEALED' || pack?.state === 'QUARANTINED') return 'done';
  return pack?.state === 'CONDEMNED' ? 'write' : 'no';
};

/** What a condemned pack becomes when it is live again. */
export const revivedState = (pack: Pack): PackState =>
  pack.reason === undefined ? 'SEALED' : 'QUARANTINED';

/** R9 and R14. `session`: the one that wrote the pack; `null` when it is gone. */
export const deleting = (pack: Pack | null, session: Session | null, m0: number): Verdict => {
  if (pack?.state === 'DELETING') return 'done';
  if (pack?.state === 'OPEN') return session?.state === 'OPEN' ? 'no' : 'write';
  if (pack?.state !== 'CONDEMNED' || pack.condemnedEpoch === undefined) return 'no';
  return pack.condemnedEpoch < m0 ? 'write' : 'no';
};

/** R14: an object without an item. */
export const deletingOrphan = (pack: Pack | null): Verdict => {
  if (pack === null) return 'write';
  return pack.state === 'DELETING' ? 'done' : 'no';
};

/** The item of an object that had none. */
export const orphanOf = (vaultId: VaultId, id: PackId): Pack => ({
  vaultId,
  id,
  state: 'DELETING',
  keyId: '',
  sessionId: '',
  slotCount: 0,
  present: new Uint8Array(),
  lastRefEpoch: 0,
  storedBytes: 0,
});

export const isPackToRemove = (pack: Pack | null, id: PackId): boolean => {
  if (pack === null) return false;
  return pack.state === 'DELETING' ? true : refuse(`pack ${id}`, `it is ${pack.state}`);
};

export type Shrunk = Parameters<GarbageCatalog['finishShrinking']>[2];

/** R10. A slot that was dropped once never comes back: a session could have missed it. */
export const resealing = (pack: Pack | null, { present, storedBytes }: Shrunk): Verdict => {
  if (pack?.state !== 'SEALED' && pack?.state !== 'SHRINKING') return 'no';
  const isSame = isPartOf(pack.present, present) && pack.storedBytes === storedBytes;
  if (pack.state === 'SEALED') return isSame ? 'done' : 'no';
  return isPartOf(present, pack.present)
    ? 'write'
    : refuse(`pack ${pack.id}`, 'it never held all of those slots');
};

/** R10. What is live in a pack only grows less while it is SHRINKING: nobody pins it. */
export const quarantiningShrinking = (pack: Pack | null): Verdict => {
  if (pack?.state === 'QUARANTINED') return 'done';
  return pack?.state === 'SHRINKING' ? 'write' : 'no';
};

export type RemoveRoot = Parameters<GarbageCatalog['removeRoot']>[2];

/** R11. `null`: the backup is gone. */
export const removingRoot = (backup: Backup | null, when: RemoveRoot): Verdict => {
  if (backup === null) return 'done';
  const { root, deletedEpoch, hiddenAtMs } = backup;
  if (root !== 'HIDDEN' || deletedEpoch === undefined || hiddenAtMs === undefined) return 'no';
  return deletedEpoch < when.m0 && hiddenAtMs < when.hiddenBeforeMs ? 'write' : 'no';
};

/** R12. `isDeleting`: the backup's vault is. */
export const isToUndelete = (
  stored: Backup | null,
  projectId: ProjectId,
  id: string,
  isDeleting: boolean,
): boolean => {
  const backup = ownBackup(stored, projectId, id);
  if (backup.root === 'VISIBLE') return false;
  if (backup.root !== 'HIDDEN' || backup.manifest === undefined)
    throw new HoldfastError('BackupService.6200', { id });
  if (isDeleting)
    throw new HoldfastError('BackupService.6112', { id: backup.vaultId, status: 'deleting' });
  return true;
};

/** What a backup is again: whole, or found damaged. */
export const undeleted = (backup: Backup, atMs: number): Backup => {
  const { deletedEpoch: _, hiddenAtMs: __, ...rest } = backup;
  const status = backup.failure === undefined ? 'available' : 'error';
  return { ...rest, status, root: 'VISIBLE', undeletedAtMs: atMs, updatedAtMs: atMs };
};

export const isSessionToRemove = (session: Session | null): boolean => {
  if (session === null) return false;
  return session.state === 'OPEN' ? refuse(`session ${session.id}`, 'it is OPEN') : true;
};
