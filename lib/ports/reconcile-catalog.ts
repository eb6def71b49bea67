import type { Backup, Checkpoint, Failure } from '../model/backup.ts';
import type { EpochState } from '../model/epoch.ts';
import type { PackId, VaultId } from '../model/ids.ts';
import type { Pack } from '../model/pack.ts';
import type { Session } from '../model/session.ts';
import type { Vault, WrappedKey } from '../model/vault.ts';
import type { Cycle } from './garbage-catalog.ts';

/**
 * How a catalog that was lost, or restored to an earlier time, is made to agree with the objects.
 * A reconciliation is a run of its vault like a collector's: it raises the epoch, and every later
 * write checks in its transaction that the vault is RECONCILING under this very run, else
 * `cycle.superseded`. The promises of `Catalog` hold for every method; each may be repeated.
 * `false` = what is stored forbids it, and nothing was changed.
 */
export interface ReconcileCatalog {
  /** `BackupService.6105` when there is no such vault. */
  state(vaultId: VaultId): Promise<EpochState>;
  /**
   * Puts a vault that the catalog does not know, with its keys, RECONCILING, in one transaction.
   * The same vault again: nothing. `catalog.conflict` when the id is another's.
   */
  createVault(vault: Vault, keys: WrappedKey[]): Promise<void>;
  /**
   * -> RECONCILING, epoch + 1, run = `runId`, in one conditional write. From then on no session
   * opens (`BackupService.6112`), no cycle begins (`vault.reconciling`) and every cycle of before
   * is superseded. The same run again: the run as it is, until it has ended.
   */
  begin(vaultId: VaultId, runId: string): Promise<Cycle>;
  /**
   * Puts a session that has ended, unless there is an item of it. One that is COMMITTED is proven
   * by its objects: an item of it becomes so too, as SESSION_RECONCILIATIONS allows.
   */
  putSession(run: Cycle, session: Session): Promise<void>;
  /**
   * Puts a pack as its object shows it in the place of its item, as PACK_RECONCILIATIONS allows;
   * `lastRefEpoch` never falls. In step with it `packs.quarantined`.
   */
  putPack(run: Cycle, pack: Pack): Promise<boolean>;
  /** Removes the item of a pack without an object, as PACK_RECONCILIATIONS allows. */
  dropPack(run: Cycle, packId: PackId): Promise<boolean>;
  /** Puts a restore point unless there is one with its id. */
  putCheckpoint(run: Cycle, checkpoint: Checkpoint): Promise<void>;
  /**
   * A backup of which there is a manifest: its session none or OPEN -> COMMITTED, the backup none
   * or NONE -> VISIBLE with the given manifest, status and stats; counts + 1. What else the catalog
   * knows of it stays. True also when it is a root with this manifest; false when the session is
   * known to have ended without a commit, or the backup has another manifest or was deleted.
   */
  bringBack(run: Cycle, backup: Backup, session: Session): Promise<boolean>;
  /**
   * A root whose manifest is gone is no root: VISIBLE -> NONE with status `error` and `failure`,
   * counts - 1; a HIDDEN one stays HIDDEN without a manifest. No root (any more): nothing.
   */
  giveUp(run: Cycle, backup: Backup, failure: Failure, atMs: number): Promise<void>;
  /**
   * A HIDDEN root: its undelete window begins anew at `atMs`, its deletion at the run's epoch. With
   * the given backup's `failure`, if it has one, it is undeleted as a damaged one.
   */
  hideAnew(run: Cycle, backup: Backup, atMs: number): Promise<void>;
  /** RECONCILING -> OPEN. When this very run did so before: nothing. */
  end(run: Cycle): Promise<void>;
}
