import type {
  BackupId,
  CheckpointId,
  DiskId,
  OperationLogId,
  PolicyId,
  ProjectId,
  SessionId,
  SnapshotId,
  VaultId,
} from './ids.ts';
import type { RetentionRule } from './policy.ts';
import type { BackupStats } from './session.ts';
import type { Transitions } from './state-table.ts';

/** CBR's states of a backup (spec section 5.2). `deleted` is one that callers no longer see. */
export type BackupStatus =
  | 'waiting_protect'
  | 'protecting'
  | 'available'
  | 'waiting_restore'
  | 'restoring'
  | 'error'
  | 'deleted';

export const BACKUP_TRANSITIONS: Transitions<BackupStatus> = {
  waiting_protect: ['protecting', 'error'],
  protecting: ['available', 'error'],
  available: ['waiting_restore', 'error', 'deleted'],
  waiting_restore: ['restoring', 'available', 'error'],
  restoring: ['available', 'error'],
  // A damaged backup that verifies again is available again.
  error: ['available', 'deleted'],
  // Undeleted (R12), to what it was: whole, or found damaged.
  deleted: ['available', 'error'],
};

/** In which a backup is while it is made, or restored: the end of that moves it out of no other. */
export const STATUSES_WHILE = {
  made: ['waiting_protect', 'protecting'],
  restored: ['waiting_restore', 'restoring'],
} as const satisfies Record<string, readonly BackupStatus[]>;

/**
 * A root names a manifest and keeps what it names (ARCHITECTURE.md, "Sessions and roots"). `NONE`
 * has no manifest yet: it keeps nothing. HIDDEN is still a root: the undelete window.
 */
export type RootState = 'NONE' | 'VISIBLE' | 'HIDDEN';

export const ROOT_TRANSITIONS: Transitions<RootState> = {
  NONE: ['VISIBLE', 'HIDDEN'],
  // NONE: a reconciliation found that its manifest is gone.
  VISIBLE: ['HIDDEN', 'NONE'],
  HIDDEN: ['VISIBLE'],
};

export interface Failure {
  code: string;
  message: string;
}

/** Where an incremental backup of a disk stands among those since the last full one. */
export interface SinceFull {
  /** When the full one was made; 0 when nobody knows. It may be deleted by now. */
  fullAtMs: number;
  /** Incremental ones that followed it, this one included. */
  incrementals: number;
}

export interface Backup {
  id: BackupId;
  projectId: ProjectId;
  vaultId: VaultId;
  checkpointId: CheckpointId;
  operationLogId: OperationLogId;
  name: string;
  description: string;
  disk: { id: DiskId; name: string; sizeBytes: number; availabilityZone: string };
  status: BackupStatus;
  root: RootState;
  /** Set with root VISIBLE: the session whose manifest it is, and the manifest's SHA-256 (hex). */
  manifest?: { sessionId: SessionId; sha256: string };
  /** The disk's snapshot that this backup is of. */
  snapshotId?: SnapshotId;
  /** Asked for: false = every block is read and compared. */
  incremental: boolean;
  parentBackupId?: BackupId;
  /** Made for a policy that asks for a full backup after so many incremental ones. */
  sinceFull?: SinceFull;
  autoTrigger: boolean;
  /** Made for a policy: which, and its retention rule then. What was promised stays known. */
  policyId?: PolicyId;
  /** What it is a copy of: a backup that is moved is copied, and the source hidden after. */
  movedFrom?: { vaultId: VaultId; backupId: BackupId };
  retention?: RetentionRule;
  /** Fixed when it is made; absent = no expiry (spec section 4.3). */
  expiresAtMs?: number;
  /** When a person brought it back: from then on retention leaves it alone. */
  undeletedAtMs?: number;
  /** When it was committed: whole for the first time. */
  completedAtMs?: number;
  stats?: BackupStats;
  failure?: Failure;
  /** The vault's epoch when it was hidden (R6). */
  deletedEpoch?: number;
  /** When it was hidden: the undelete window begins. */
  hiddenAtMs?: number;
  createdAtMs: number;
  updatedAtMs: number;
}

/**
 * What a backup turned out to be: one without a parent is full, whatever was asked for (spec
 * section 5.1). Until it is whole, what was asked for.
 */
export const isIncremental = ({
  incremental,
  completedAtMs,
  parentBackupId,
}: Pick<Backup, 'incremental' | 'completedAtMs' | 'parentBackupId'>): boolean =>
  incremental && (completedAtMs === undefined || parentBackupId !== undefined);

/** What lists choose and sort by. */
export type BackupEntry = Pick<
  Backup,
  | 'id'
  | 'projectId'
  | 'vaultId'
  | 'checkpointId'
  | 'name'
  | 'disk'
  | 'status'
  | 'incremental'
  | 'parentBackupId'
  | 'completedAtMs'
  | 'createdAtMs'
  | 'updatedAtMs'
>;

/** How many backups are in each state; those that are deleted are not counted. */
export type BackupCounts = Partial<Record<BackupStatus, number>>;

/** One run over a vault: the backups it makes and what it skipped (spec sections 1 and 9.5). */
export interface Checkpoint {
  id: CheckpointId;
  projectId: ProjectId;
  vaultId: VaultId;
  vaultName: string;
  name: string;
  description: string;
  backups: { backupId: BackupId; diskId: DiskId; diskName: string; sizeBytes: number }[];
  skipped: { id: string; type: string; name: string; code: string; reason: string }[];
  createdAtMs: number;
}
