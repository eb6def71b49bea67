import type {
  Backup,
  BackupCounts,
  BackupEntry,
  BackupStatus,
  Checkpoint,
  Failure,
} from '../model/backup.ts';
import type { AccessKey, Credential, IssuedToken } from '../model/credential.ts';
import type {
  BackupId,
  CheckpointId,
  DiskId,
  OperationLogId,
  PackId,
  ProjectId,
  SessionId,
  VaultId,
} from '../model/ids.ts';
import type {
  OperationLog,
  OperationStatus,
  OperationType,
  TaskEntry,
} from '../model/operation-log.ts';
import type { Pack } from '../model/pack.ts';
import type { BackupStats, FinishedRange, Session } from '../model/session.ts';
import type { BackupCount, Binding, Vault, VaultUsage, WrappedKey } from '../model/vault.ts';
import type { GarbageCatalog } from './garbage-catalog.ts';
import type { PolicyCatalog } from './policy-catalog.ts';
import type { ReconcileCatalog } from './reconcile-catalog.ts';
import type { UsageLedger } from './usage-ledger.ts';

/**
 * What we know about vaults, backups, sessions, packs and tasks (ARCHITECTURE.md, "Where state
 * lives"). An adapter must guarantee, for every method:
 * - a read sees every write that resolved before it began (lists by project excepted, where a
 *   write may show up a moment later);
 * - a state change is one conditional write or one transaction; its condition is derived from the
 *   state table in `lib/model`;
 * - idempotence: a write repeated with the same arguments succeeds and changes nothing, also after
 *   an answer that was lost. Ambiguous answers are settled by reading. Contention
 *   (TransactionConflict) is retried and never reported as a refusal;
 * - refusals are named: `catalog.conflict` (or the code a method names) means the state forbids it
 *   and nothing was changed. `catalog.unavailable` means it may or may not have happened.
 */
export interface Catalog {
  vaults: VaultCatalog;
  backups: BackupCatalog;
  policies: PolicyCatalog;
  sessions: SessionCatalog;
  packs: PackCatalog;
  garbage: GarbageCatalog;
  ledger: UsageLedger;
  reconciling: ReconcileCatalog;
  tasks: TaskCatalog;
  credentials: CredentialCatalog;
  accessKeys: AccessKeyCatalog;
  requests: RequestCatalog;
}

export interface VaultCatalog {
  /** One transaction: the vault, its key, its epoch (1), its usage (0), its first ledger change. */
  create(vault: Vault, key: WrappedKey): Promise<void>;
  /** `BackupService.6105` when the project has no such vault. */
  get(projectId: ProjectId, vaultId: VaultId): Promise<Vault>;
  /** The project's vaults, newest first. */
  list(projectId: ProjectId): AsyncIterable<Vault>;
  /**
   * Replaces the vault if its revision is still `vault.revision`; stores revision + 1.
   * `BackupService.6110` while it is being deleted. The ledger has what it changes of the metered.
   */
  update(vault: Vault): Promise<Vault>;
  /**
   * Takes back a vault without bindings and backups, which is metered no longer than to its last
   * update; else `catalog.conflict`. Objects stay.
   */
  delete(projectId: ProjectId, vaultId: VaultId): Promise<void>;
  usage(vaultId: VaultId): Promise<VaultUsage>;
  /** `key.missing` when there is none. */
  key(vaultId: VaultId, keyId: string): Promise<WrappedKey>;

  /** Binds a disk; `BackupService.7006` when it is bound to any vault already. */
  bind(binding: Binding): Promise<void>;
  /**
   * Takes a disk without a running task out of the vault, idempotently: in another vault it stays.
   */
  unbind(disk: Pick<Binding, 'projectId' | 'vaultId' | 'diskId'>): Promise<void>;
  /**
   * In one transaction: the disk is bound to another vault of its project instead of its own; a
   * suspension stays. Bound there already: no change. `catalog.conflict` when it is in a vault
   * other than `fromVaultId`, in none, or while a task protects it; else refused as `bind` is.
   */
  rebind(
    disk: Pick<Binding, 'projectId' | 'diskId'>,
    move: { fromVaultId: VaultId; toVaultId: VaultId; atMs: number },
  ): Promise<void>;
  /** The vault's disks, ascending by id. At most 256 (spec section 3.9). */
  bindings(vaultId: VaultId): Promise<Binding[]>;
  /** Suspends or resumes the protection of a disk; `BackupService.6135` when it is not there. */
  setSuspended(
    disk: Pick<Binding, 'projectId' | 'vaultId' | 'diskId'>,
    suspended: boolean,
  ): Promise<void>;
  /** Of each disk that has a VISIBLE backup in the vault; lists no backup for it. */
  backupCounts(vaultId: VaultId): Promise<BackupCount[]>;
  binding(projectId: ProjectId, diskId: DiskId): Promise<Binding | null>;
  /** True when the disk is in a vault of another project. */
  isOthers(projectId: ProjectId, diskId: DiskId): Promise<boolean>;
}

/** Which things a list is of. All that is given must match. */
export interface EntriesOf<S extends string> {
  vaultId?: VaultId | undefined;
  diskId?: DiskId | undefined;
  /** All of them when absent. */
  statuses?: readonly S[] | undefined;
  createdFromMs?: number | undefined;
  createdToMs?: number | undefined;
  /** How many the caller will probably take: no more are read at once. */
  pageSize?: number | undefined;
}

export interface BackupCatalog {
  putCheckpoint(checkpoint: Checkpoint): Promise<void>;
  /** `BackupService.6217` when the project has no such restore point. */
  checkpoint(projectId: ProjectId, id: CheckpointId): Promise<Checkpoint>;
  /**
   * One transaction: the disk is bound to the backup's vault and no task protects it -> it is
   * protected by `task`; backup and task are put. `BackupService.6125` when a task protects it,
   * `BackupService.6135` when it is not bound to the vault.
   */
  begin(backup: Backup, task: OperationLog): Promise<void>;
  /** `BackupService.6200` when the project has no such backup; hidden ones are returned too. */
  get(projectId: ProjectId, id: BackupId): Promise<Backup>;
  /** The project's backups that match, newest first, hidden ones too. */
  entries(projectId: ProjectId, which: EntriesOf<BackupStatus>): AsyncIterable<BackupEntry>;
  /** Consistent: the backups of the entries, in their order; without those that are gone. */
  getAll(entries: readonly BackupEntry[]): Promise<Backup[]>;
  /**
   * How many backups are in each state, in the project or in one vault of it. Changed in the very
   * transactions that change the states. Of a vault consistent, of a project read like `entries`.
   */
  counts(projectId: ProjectId, vaultId?: VaultId): Promise<BackupCounts>;
  /** Consistent: the vault's backups that are not HIDDEN, ascending by creation. */
  ofVault(vaultId: VaultId): AsyncIterable<Backup>;
  /** Consistent: the vault's roots (VISIBLE and HIDDEN), ascending by creation. */
  roots(vaultId: VaultId): AsyncIterable<Backup>;
  rename(projectId: ProjectId, id: BackupId, name: string, atMs: number): Promise<Backup>;
  /**
   * Moves the status as BACKUP_TRANSITIONS allows (`catalog.conflict` when not; no-op when it is
   * there already), with `failure` set or, when absent, cleared. `snapshotId` is kept when given.
   * With `from`: out of one of these statuses; from any other it does not move.
   */
  setStatus(
    projectId: ProjectId,
    id: BackupId,
    status: BackupStatus,
    change: {
      atMs: number;
      failure?: Failure;
      snapshotId?: string;
      from?: readonly BackupStatus[];
    },
  ): Promise<Backup>;
  /**
   * R6 in one transaction: the epoch is still the one read, the status allows deletion; root
   * VISIBLE or NONE -> HIDDEN with `deletedEpoch` = the epoch and `hiddenAtMs`, status ->
   * `deleted`, the vault's backup count falls if it was VISIBLE. `BackupService.6201` when the
   * status forbids it.
   */
  hide(projectId: ProjectId, id: BackupId, atMs: number): Promise<void>;
}

export interface SessionCatalog {
  /**
   * R1, R13 in one transaction: the epoch is still the one read (retried with the new one when
   * not); for kind `read` the backup is VISIBLE, or HIDDEN in this very epoch (an earlier one may
   * be removed by the running cycle), else `catalog.conflict`; session is put OPEN with
   * `startEpoch` = the epoch. The same id again: the session as it is. `BackupService.6112` while
   * the vault is being deleted, or is RECONCILING.
   */
  open(session: Omit<Session, 'startEpoch' | 'state'>): Promise<Session>;
  /** `catalog.conflict` when there is none. */
  get(vaultId: VaultId, id: SessionId): Promise<Session>;
  /** Consistent: the vault's OPEN sessions. */
  listOpen(vaultId: VaultId): Promise<Session[]>;
  /** Extends the lease; `session.not-open` when the session has ended. */
  renew(vaultId: VaultId, id: SessionId, leaseUntilMs: number): Promise<void>;
  /**
   * R4 in one transaction: {parent VISIBLE; session OPEN -> session.parent = parent}. False when
   * the parent is not VISIBLE; `session.not-open` when the session has ended.
   */
  pinParent(vaultId: VaultId, id: SessionId, parentBackupId: BackupId): Promise<boolean>;
  /**
   * Records a finished range under its `from`; the first one put for a `from` stays. Session OPEN.
   */
  putRange(vaultId: VaultId, id: SessionId, range: FinishedRange): Promise<void>;
  /** Consistent: the finished range that was put for `from`, if any. */
  range(vaultId: VaultId, id: SessionId, from: number): Promise<FinishedRange | null>;
  /** Consistent: finished ranges, ascending. */
  ranges(vaultId: VaultId, id: SessionId): Promise<FinishedRange[]>;
  /**
   * R5 in one transaction: {session OPEN -> COMMITTED; backup NONE -> VISIBLE, protecting ->
   * available, with manifest hash, stats, time and the session's parent; the vault's used bytes
   * grow by `stats.storedBytes`, its backup count by one}. `session.not-open` when the session was
   * ABORTED or FENCED; success when this very commit happened before.
   */
  commit(commit: {
    vaultId: VaultId;
    sessionId: SessionId;
    projectId: ProjectId;
    backupId: BackupId;
    manifestSha256: string;
    stats: BackupStats;
    atMs: number;
  }): Promise<void>;
  /** OPEN -> ABORTED or FENCED; no-op when it has ended already. Returns the session's state. */
  end(vaultId: VaultId, id: SessionId, state: 'ABORTED' | 'FENCED'): Promise<Session>;
}

export interface PackCatalog {
  /**
   * R2 in one transaction: {session OPEN; put the pack OPEN}. `session.not-open` when it has ended:
   * a request that arrives late cannot bring a pack back that the collector has removed. A pack of
   * this session that is there already is a success, whatever it has become.
   */
  open(pack: Pick<Pack, 'vaultId' | 'id' | 'keyId' | 'sessionId'>): Promise<void>;
  /** R2: OPEN -> SEALED with all slots present and lastRef = `startEpoch`. */
  seal(
    vaultId: VaultId,
    id: PackId,
    sealed: { slotCount: number; storedBytes: number; startEpoch: number },
  ): Promise<void>;
  /**
   * R3: lastRef = max(lastRef, startEpoch) if SEALED, or CONDEMNED -> SEALED. Returns the pack as
   * it is then; `null` (a miss) in every other state, for a damaged one, and when there is none.
   */
  pin(vaultId: VaultId, id: PackId, startEpoch: number): Promise<Pack | null>;
  get(vaultId: VaultId, id: PackId): Promise<Pack | null>;
  /** SEALED or CONDEMNED -> QUARANTINED (or already). A SHRINKING one is the collector's. */
  quarantine(vaultId: VaultId, id: PackId, reason: string): Promise<void>;
  /** QUARANTINED -> SEALED (or already): it was found whole. */
  release(vaultId: VaultId, id: PackId): Promise<void>;
  /** Consistent: ids of the damaged packs, QUARANTINED or condemned since, sorted. */
  quarantined(vaultId: VaultId): Promise<PackId[]>;
}

export interface TaskCatalog {
  /** Puts a task that has no backup to begin (restore, delete, verify). */
  create(task: OperationLog): Promise<void>;
  /** `BackupService.6500` when the project has no such task. */
  get(projectId: ProjectId, id: OperationLogId): Promise<OperationLog>;
  /** The project's tasks that match, newest first. */
  entries(
    projectId: ProjectId,
    which: EntriesOf<OperationStatus> & { types?: readonly OperationType[] | undefined },
  ): AsyncIterable<TaskEntry>;
  /** Consistent: the tasks of the entries, in their order; without those that are gone. */
  getAll(entries: readonly TaskEntry[]): Promise<OperationLog[]>;
  /** Tasks of all projects that have not ended, for the watchdog. */
  unfinished(): AsyncIterable<OperationLog>;
  /** waiting -> running (or already running), with facts learned at the start. */
  start(
    projectId: ProjectId,
    id: OperationLogId,
    change: { atMs: number; totalBytes: number; restarts?: number },
  ): Promise<OperationLog>;
  /**
   * Records how many bytes of range `from` are done (the larger one stays) and the time; returns
   * whether cancel was asked for. A task that has ended answers true and changes nothing.
   */
  progress(
    projectId: ProjectId,
    id: OperationLogId,
    progress: { from: number; doneBytes: number; atMs: number },
  ): Promise<{ cancelRequested: boolean }>;
  /** Bytes done, the sum over the ranges. */
  doneBytes(projectId: ProjectId, id: OperationLogId): Promise<number>;
  /**
   * Ends the task as OPERATION_TRANSITIONS allows (no-op when it has ended the same way;
   * `catalog.conflict` when another), and, in the same transaction, frees the disk it protects.
   */
  end(
    projectId: ProjectId,
    id: OperationLogId,
    end: {
      status: Extract<OperationStatus, 'success' | 'failed' | 'timeout' | 'skipped'>;
      atMs: number;
      failure?: Failure;
      outcome?: OperationLog['outcome'];
    },
  ): Promise<OperationLog>;
  /**
   * Removes tasks of all projects that ended before a time, with their progress, those that ended
   * first first and at most `max`; returns how many. Cut off, it is gone on with by the next call.
   */
  removeEnded(beforeMs: number, max: number): Promise<number>;
  /**
   * Asks a task to stop; `Holdfast.NotCancellable` when it has ended, or deletes a vault: what is
   * `deleting` goes.
   */
  requestCancel(projectId: ProjectId, id: OperationLogId, atMs: number): Promise<OperationLog>;
}

export interface CredentialCatalog {
  put(credential: Credential): Promise<void>;
  find(tokenSha256: string): Promise<Credential | null>;
  delete(tokenSha256: string): Promise<void>;
  /** The project's tokens, newest first; those that were issued for an access key are not there. */
  list(projectId: ProjectId): AsyncIterable<Credential>;
}

export interface AccessKeyCatalog {
  put(key: AccessKey): Promise<void>;
  find(id: string): Promise<AccessKey | null>;
  delete(id: string): Promise<void>;
  /** The project's keys, newest first. */
  list(projectId: ProjectId): AsyncIterable<AccessKey>;
  issue(token: IssuedToken): Promise<void>;
  /** May be gone once it has expired. */
  issued(tokenSha256: string): Promise<IssuedToken | null>;
}

/** What is remembered of requests, and forgotten some time after. */
export interface RequestCatalog {
  /**
   * Remembers a signature at least until `untilMs`. True for the request that came with it first,
   * also when it asks again; false for every other.
   */
  admitOnce(signed: {
    accessKeyId: string;
    signature: string;
    requestId: string;
    untilMs: number;
  }): Promise<boolean>;
  /**
   * Counts a request of a credential in the second of `atMs`. False, and not counted, when there
   * were `max` already. An answer that was lost may count a request twice.
   */
  count(request: { credentialId: string; atMs: number; max: number }): Promise<boolean>;
}
