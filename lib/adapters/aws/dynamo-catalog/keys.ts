import type { BackupStatus } from '../../../model/backup.ts';
import type {
  BackupId,
  CheckpointId,
  DiskId,
  KeyId,
  OperationLogId,
  PackId,
  PolicyId,
  ProjectId,
  SessionId,
  VaultId,
} from '../../../model/ids.ts';
import type { OperationStatus, OperationType } from '../../../model/operation-log.ts';
import type { PolicyType } from '../../../model/policy.ts';

/** The key of an item of the table `catalog`. */
export type ItemKey = { pk: string; sk: string };

/**
 * Every key of the table, in one place. What belongs to a vault shares its partition, so that a
 * consistent Query lists sessions, roots and quarantined packs. Stored keys are for ever:
 * tests/golden/catalog-keys.test.ts pins them.
 */
export const keys = {
  vault: (vaultId: VaultId): ItemKey => inVault(vaultId, 'VAULT'),
  /** Apart from the counters, so that a commit and a check of the epoch never contend. */
  epoch: (vaultId: VaultId): ItemKey => inVault(vaultId, 'EPOCH'),
  usage: (vaultId: VaultId): ItemKey => inVault(vaultId, 'USAGE'),
  vaultKey: (vaultId: VaultId, keyId: KeyId): ItemKey => inVault(vaultId, `KEY#${keyId}`),
  binding: (vaultId: VaultId, diskId: DiskId): ItemKey => inVault(vaultId, `DISK#${diskId}`),
  /** How many backups of a disk the vault shows; outlives the binding. */
  backupCount: (vaultId: VaultId, diskId: DiskId): ItemKey => inVault(vaultId, `COUNT#${diskId}`),
  /** Ascending by creation. */
  backup: (vaultId: VaultId, createdAtMs: number, id: BackupId): ItemKey =>
    inVault(vaultId, `BACKUP#${sortable(createdAtMs)}#${id}`),
  session: (vaultId: VaultId, id: SessionId): ItemKey => inVault(vaultId, `SESSION#${id}`),
  /** Exists while the session is OPEN. */
  openSession: (vaultId: VaultId, id: SessionId): ItemKey => inVault(vaultId, `OPEN#${id}`),
  range: (vaultId: VaultId, sessionId: SessionId, from: number): ItemKey =>
    inVault(vaultId, `RANGE#${sessionId}#${sortable(from)}`),
  pack: (vaultId: VaultId, id: PackId): ItemKey => inVault(vaultId, `PACK#${id}`),
  /** Exists while the pack is QUARANTINED. */
  quarantinedPack: (vaultId: VaultId, id: PackId): ItemKey => inVault(vaultId, `QUARANTINED#${id}`),

  /** Exists as long as the vault: all of them are in one partition. */
  vaultMark: (vaultId: VaultId): ItemKey => ({ ...VAULTS, sk: vaultId }),
  /** Says which vault a disk is bound to: one at most, of all projects. */
  diskPointer: (diskId: DiskId): ItemKey => ({ pk: `DISK#${diskId}`, sk: 'DISK' }),
  /** Says where the backup's own item is. */
  backupPointer: (id: BackupId): ItemKey => ({ pk: `BACKUP#${id}`, sk: 'BACKUP' }),
  policy: (projectId: ProjectId, id: PolicyId): ItemKey => ofProject(projectId, `POLICY#${id}`),
  /** How many policies of the type there are. */
  policyCount: (projectId: ProjectId, type: PolicyType): ItemKey =>
    ofProject(projectId, `COUNT#${type}`),
  /** Says which policy a vault has; all of them together, for the one who runs them. */
  appliedPolicy: (projectId: ProjectId, vaultId: VaultId, type: PolicyType): ItemKey => ({
    ...APPLIED,
    sk: `${projectId}#${vaultId}#${type}`,
  }),
  /** What a vault has been from a revision on; outlives it. All of them in one partition. */
  vaultChange: (projectId: ProjectId, vaultId: VaultId, revision: number): ItemKey => ({
    ...LEDGER,
    sk: `${projectId}#${vaultId}#${sortable(revision)}`,
  }),
  /** What a vault held in the hours of a day; outlives it. */
  sampledDay: (projectId: ProjectId, dayMs: number, vaultId: VaultId): ItemKey =>
    sampled(projectId, `${sortable(dayMs)}#${vaultId}`),
  checkpoint: (id: CheckpointId): ItemKey => ({ pk: `CHECKPOINT#${id}`, sk: 'CHECKPOINT' }),
  task: (id: OperationLogId): ItemKey => ({ pk: `TASK#${id}`, sk: 'TASK' }),
  progress: (id: OperationLogId, from: number): ItemKey => ({
    pk: `TASK#${id}`,
    sk: `PROGRESS#${sortable(from)}`,
  }),
  /** Exists while the task has not ended; oldest first. */
  unfinishedTask: (createdAtMs: number, id: OperationLogId): ItemKey => ({
    ...UNFINISHED,
    sk: `${sortable(createdAtMs)}#${id}`,
  }),
  /** Exists while a task that has ended is kept; the one that ended first comes first. */
  endedTask: (endedAtMs: number, id: OperationLogId): ItemKey => ({
    ...ENDED,
    sk: `${sortable(endedAtMs)}#${id}`,
  }),
  credential: (tokenSha256: string): ItemKey => ({
    pk: `CREDENTIAL#${tokenSha256}`,
    sk: 'CREDENTIAL',
  }),
  accessKey: (id: string): ItemKey => ({ pk: `CREDENTIAL#${id}`, sk: 'ACCESS_KEY' }),
  issuedToken: (tokenSha256: string): ItemKey => ({ pk: `TOKEN#${tokenSha256}`, sk: 'TOKEN' }),
  signature: (accessKeyId: string, signature: string): ItemKey => ({
    pk: `SIGNATURE#${accessKeyId}#${signature}`,
    sk: 'SIGNATURE',
  }),
  requestCount: (credentialId: string, second: number): ItemKey => ({
    pk: `REQUESTS#${credentialId}#${second}`,
    sk: 'REQUESTS',
  }),
};

/** Partitions and beginnings of sort keys that are queried. */
export const prefixes = {
  vaultMarks: (): ItemKey => VAULTS,
  /** Everything that is in the vault's partition. */
  vault: (vaultId: VaultId): ItemKey => inVault(vaultId, ''),
  bindings: (vaultId: VaultId): ItemKey => inVault(vaultId, 'DISK#'),
  backupCounts: (vaultId: VaultId): ItemKey => inVault(vaultId, 'COUNT#'),
  backups: (vaultId: VaultId): ItemKey => inVault(vaultId, 'BACKUP#'),
  openSessions: (vaultId: VaultId): ItemKey => inVault(vaultId, 'OPEN#'),
  sessions: (vaultId: VaultId): ItemKey => inVault(vaultId, 'SESSION#'),
  packs: (vaultId: VaultId): ItemKey => inVault(vaultId, 'PACK#'),
  ranges: (vaultId: VaultId, sessionId: SessionId): ItemKey =>
    inVault(vaultId, `RANGE#${sessionId}#`),
  quarantinedPacks: (vaultId: VaultId): ItemKey => inVault(vaultId, 'QUARANTINED#'),
  policies: (projectId: ProjectId): ItemKey => ofProject(projectId, 'POLICY#'),
  appliedPolicies: (projectId?: ProjectId): ItemKey =>
    projectId === undefined ? APPLIED : { ...APPLIED, sk: `${projectId}#` },
  vaultChanges: (projectId?: ProjectId): ItemKey =>
    projectId === undefined ? LEDGER : { ...LEDGER, sk: `${projectId}#` },
  /** Ascending by day. */
  sampledDays: (projectId: ProjectId): ItemKey => sampled(projectId, ''),
  sampledDay: (projectId: ProjectId, dayMs: number): ItemKey =>
    sampled(projectId, `${sortable(dayMs)}#`),
  /** The task and its progress. */
  taskAndProgress: (id: OperationLogId): ItemKey => ({ pk: `TASK#${id}`, sk: '' }),
  unfinishedTasks: (): ItemKey => UNFINISHED,
  endedTasks: (): ItemKey => ENDED,
};

/** The kinds that a project lists, and their partition in the index `byProject`. */
export type ListedKind = 'VAULT' | 'USAGE' | 'CREDENTIAL' | 'ACCESS_KEY';

export const projectPartition = (projectId: ProjectId, kind: ListedKind): string =>
  `PROJECT#${projectId}#${kind}`;

/** The attributes that put an item into the index `byProject`. */
export const listed = (
  kind: ListedKind,
  record: { projectId: ProjectId; id: string; createdAtMs: number },
): { gsi1pk: string; gsi1sk: string } => ({
  gsi1pk: projectPartition(record.projectId, kind),
  gsi1sk: place(record),
});

/** Its place in every index: by creation, then by id. */
export const place = ({ createdAtMs, id }: { createdAtMs: number; id: string }): string =>
  `${sortable(createdAtMs)}#${id}`;

/** The partitions of the indexes that hold entries of lists. */
export const entriesOf = {
  backupsInStatus: (projectId: ProjectId, status: BackupStatus): string =>
    `PROJECT#${projectId}#BACKUP#${status}`,
  /** Of a disk or of a vault: each has an index of its own. */
  backupsOf: (projectId: ProjectId, id: string): string => `PROJECT#${projectId}#BACKUP#${id}`,
  tasksInStatus: (projectId: ProjectId, type: OperationType, status: OperationStatus): string =>
    `PROJECT#${projectId}#TASK#${type}#${status}`,
  tasksOf: (projectId: ProjectId, id: string): string => `PROJECT#${projectId}#TASK#${id}`,
};

/**
 * Where things that were made in this time stand in an index; from the first to the last. Null when
 * the time ends before it begins: DynamoDB refuses such a range.
 */
export const madeBetween = (fromMs = 0, toMs = 10 ** 15 - 1): [string, string] | null =>
  // `~` is behind every id. Nothing was made before 0, and a negative number would not sort.
  fromMs > toMs || toMs < 0 ? null : [sortable(Math.max(0, fromMs)), `${sortable(toMs)}#~`];

/** When the thing was made, and its id, of its place in an index. */
export const placeOf = (sk: string): { createdAtMs: number; id: string } => ({
  createdAtMs: Number(sk.slice(0, 15)),
  id: sk.slice(16),
});

const APPLIED: ItemKey = { pk: 'APPLIED', sk: '' };
const LEDGER: ItemKey = { pk: 'LEDGER', sk: '' };
const VAULTS: ItemKey = { pk: 'VAULTS', sk: '' };
const ENDED: ItemKey = { pk: 'ENDED', sk: '' };
const UNFINISHED: ItemKey = { pk: 'UNFINISHED', sk: '' };

const inVault = (vaultId: VaultId, sk: string): ItemKey => ({ pk: `VAULT#${vaultId}`, sk });

const ofProject = (projectId: ProjectId, sk: string): ItemKey => ({
  pk: `POLICIES#${projectId}`,
  sk,
});

const sampled = (projectId: ProjectId, sk: string): ItemKey => ({
  pk: `USAGE#${projectId}`,
  sk,
});

/** 15 digits: enough for milliseconds until the year 33658, and for any number of a segment. */
const sortable = (value: number): string => String(value).padStart(15, '0');
