import type { Backup } from '../model/backup.ts';
import type { BackupId, PackId, ProjectId, SessionId, VaultId } from '../model/ids.ts';
import type { Pack } from '../model/pack.ts';
import type { Session } from '../model/session.ts';
import type { Vault } from '../model/vault.ts';

/**
 * A run of the collector over one vault. Every later write of the run is conditional on it: once
 * another run has begun, each of them fails with `cycle.superseded` and changes nothing.
 */
export interface Cycle {
  vaultId: VaultId;
  runId: string;
  /** The vault's epoch, raised by this run. */
  epoch: number;
}

/** What the usage of a vault was, and which sessions had ended, at one and the same moment. */
export interface ObservedUsage {
  usedBytes: number;
  /** Sorted. */
  endedSessions: SessionId[];
}

/** Which cycle the used bytes of a vault go back to. */
export interface CountedUsage {
  epoch: number;
  /**
   * Horizon of the cycle that began this epoch: all that sessions of an earlier start have stored
   * is in the used bytes. 0 before the first cycle; `null` while the cycle has not counted.
   */
  m0: number | null;
}

/**
 * What the collector does to the catalog (ARCHITECTURE.md, "Sessions and roots", rules R7 to R14).
 * The promises of `Catalog` hold for every method: conditional, idempotent, settled by reading.
 * `false` = the state forbids it now, nothing was changed and the collector goes on; a change that
 * this very run has made before is `true`. Wherever `m0` is given, it must be the horizon that is
 * kept with the run: another is `catalog.conflict`, checked in the same transaction.
 */
export interface GarbageCatalog {
  /** Every vault there is, of all projects, those that are being deleted too. */
  vaultIds(): AsyncIterable<{ projectId: ProjectId; vaultId: VaultId }>;

  /**
   * R7 in one conditional write: epoch + 1, run = `runId`, no horizon. The same `runId` again: the
   * cycle as it is, with its horizon (a resumed run). `BackupService.6105` when there is no such
   * vault (any more), `vault.reconciling` while it is RECONCILING.
   */
  begin(vaultId: VaultId, runId: string): Promise<Cycle>;
  /**
   * Keeps m0 with the run. Read sessions first, then call this, then read the roots. The first one
   * stays: returns the horizon that counts, which is at most the cycle's epoch.
   */
  setHorizon(cycle: Cycle, m0: number): Promise<number>;
  /** The run's horizon, or `null` while it has none. */
  horizon(cycle: Cycle): Promise<number | null>;

  /** Consistent: the vault's packs, ascending by id. */
  packs(vaultId: VaultId): AsyncIterable<Pack>;
  /**
   * R8: SEALED or QUARANTINED, lastRef < m0 -> CONDEMNED with `condemnedEpoch` = the cycle's. A
   * damaged one keeps its `reason` and stays in `packs.quarantined`: no session pins it.
   */
  condemn(cycle: Cycle, packId: PackId, m0: number): Promise<boolean>;
  /** R9: CONDEMNED -> SEALED, or back to QUARANTINED when it is damaged. Already so: true. */
  revive(cycle: Cycle, packId: PackId): Promise<boolean>;
  /**
   * R9: CONDEMNED with `condemnedEpoch` < m0 -> DELETING. R14: OPEN and its session has ended or is
   * gone, which the same transaction checks -> DELETING. Already DELETING: true.
   */
  startDeleting(cycle: Cycle, packId: PackId, m0: number): Promise<boolean>;
  /**
   * R14, for an object that has no item: puts one that is DELETING, so that nobody can open, seal
   * or pin the pack while its object is deleted. False when there is an item in another state.
   */
  startDeletingOrphan(cycle: Cycle, packId: PackId): Promise<boolean>;
  /** DELETING -> gone, after its object is; idempotent. `catalog.conflict` in another state. */
  removePack(cycle: Cycle, packId: PackId): Promise<void>;
  /** R10: SEALED, lastRef < m0 -> SHRINKING. Already SHRINKING: true, its PUT is done again. */
  startShrinking(cycle: Cycle, packId: PackId, m0: number): Promise<boolean>;
  /**
   * R10: SHRINKING -> SEALED with what its object holds now. `present` may only lose slots, else
   * `catalog.conflict`.
   */
  finishShrinking(
    cycle: Cycle,
    packId: PackId,
    shrunk: { present: Uint8Array; storedBytes: number },
  ): Promise<boolean>;
  /**
   * R10: SHRINKING -> QUARANTINED, when it cannot be written anew; `present` becomes what of it is
   * `live`, so that it promises nothing that a late PUT of a dead run would not hold. Already
   * QUARANTINED: true.
   */
  quarantineShrinking(
    cycle: Cycle,
    packId: PackId,
    damage: { live: Uint8Array; reason: string },
  ): Promise<boolean>;

  /**
   * R11: HIDDEN (also without manifest: a cancelled backup), `deletedEpoch` < m0, hidden before
   * `hiddenBeforeMs` -> the item and its pointer are removed, and with the last backup of a restore
   * point the restore point. Already gone: true. Its manifest and segments go afterwards.
   */
  removeRoot(
    cycle: Cycle,
    backup: Pick<Backup, 'projectId' | 'id'>,
    when: { m0: number; hiddenBeforeMs: number },
  ): Promise<boolean>;
  /**
   * R12: HIDDEN with a manifest -> VISIBLE, status `available` (`error` when it was found damaged),
   * counts + 1, and when it was brought back. A VISIBLE one is returned as it is.
   * `BackupService.6200` when it is gone or never was whole, `BackupService.6112` while its vault
   * is being deleted.
   */
  undelete(projectId: ProjectId, backupId: BackupId, atMs: number): Promise<Backup>;

  /** Consistent: the vault's sessions that have ended, ascending by id. */
  endedSessions(vaultId: VaultId): AsyncIterable<Session>;
  /**
   * Removes an ended session and its ranges; idempotent. `catalog.conflict` when it is OPEN. Call
   * it when its task has ended (a commit that is repeated reads the ranges) and, unless it was
   * COMMITTED, its segments are deleted.
   */
  removeSession(cycle: Cycle, sessionId: SessionId): Promise<void>;

  /**
   * What `setUsed` starts from. Call this first, then list packs and segments: all of it counts,
   * but for what a session wrote that had not ended yet. Its commit adds that, then or later.
   */
  observeUsage(vaultId: VaultId): Promise<ObservedUsage>;
  /** Consistent. `BackupService.6105` when there is no such vault. */
  countedUsage(vaultId: VaultId): Promise<CountedUsage>;
  /**
   * The vault's used bytes become `usedBytes` plus what commits have added since `observed`. Once a
   * run: a second call changes nothing.
   */
  setUsed(cycle: Cycle, usedBytes: number, observed: ObservedUsage): Promise<void>;

  /**
   * Spec section 3.3 in one transaction: a vault without bindings, `available` or `error`, and
   * without VISIBLE backups if it is locked -> `deleting`. From then on no session opens
   * (`BackupService.6112`), no disk is bound, no backup begins or is undeleted, and `vaults.update`
   * is refused. Already so: the vault as it is. `BackupService.6111` when its status, a binding or
   * its lock forbids it.
   */
  startDeletingVault(projectId: ProjectId, vaultId: VaultId, atMs: number): Promise<Vault>;
  /**
   * The end of a vault: removes every item of it, the vault itself last, page by page; to be called
   * again after a failure. `catalog.conflict` unless the vault is `deleting` and without packs,
   * backups and OPEN sessions. A vault that is gone is a success. Operation logs stay.
   */
  removeVaultItems(cycle: Cycle): Promise<void>;
}
