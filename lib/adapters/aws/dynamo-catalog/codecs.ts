import type { AppliedPolicy, Claim } from '../../../model/applied-policy.ts';
import {
  BACKUP_TRANSITIONS,
  type Backup,
  type Checkpoint,
  type Failure,
  ROOT_TRANSITIONS,
  type SinceFull,
} from '../../../model/backup.ts';
import type { OperationLogId, ProjectId, SessionId, VaultId } from '../../../model/ids.ts';
import {
  hasEnded,
  OPERATION_TRANSITIONS,
  OPERATION_TYPES,
  type OperationLog,
} from '../../../model/operation-log.ts';
import type { Policy, PolicyType, RetentionRule } from '../../../model/policy.ts';
import {
  type BackupStats,
  type FinishedRange,
  SESSION_TRANSITIONS,
  type Session,
} from '../../../model/session.ts';
import type { BackupCount, Binding, Vault, VaultUsage, WrappedKey } from '../../../model/vault.ts';
import type { BegunBackup } from '../../catalog-rules/backup-rules.ts';
import type { BoundDisk, VaultContents } from '../../catalog-rules/vault-rules.ts';
import {
  bytes,
  codec,
  flag,
  type Item,
  integer,
  listOf,
  mark,
  nullable,
  number,
  object,
  oneOf,
  optional,
  recordOf,
  stateOf,
  text,
} from './codec.ts';
import { backupEntryItem, taskEntryItem } from './entries.ts';
import { keys, listed } from './keys.ts';

const failure = optional(object<Failure>({ code: text, message: text }));

const stats = object<BackupStats>({
  readBytes: integer,
  zeroBytes: integer,
  unchangedBytes: integer,
  deduplicatedBytes: integer,
  newBytes: integer,
  storedBytes: integer,
});

export const tag = object<{ key: string; value: string }>({ key: text, value: text });

export const vaultCodec = codec<Vault>(
  {
    id: text,
    projectId: text,
    name: text,
    description: text,
    status: oneOf('available', 'lock', 'frozen', 'deleting', 'error'),
    sizeGib: number,
    chargingMode: oneOf('post_paid'),
    consistentLevel: oneOf('crash_consistent'),
    objectType: oneOf('disk'),
    protectType: oneOf('backup'),
    threshold: number,
    smnNotify: flag,
    thresholdReachedAtMs: optional(integer),
    unprotectedToldAtMs: optional(integer),
    frozenToldAtMs: optional(integer),
    autoExpand: flag,
    expandsNot: optional(mark),
    autoBind: flag,
    bindRules: object<Vault['bindRules']>({ tags: optional(listOf(tag)) }),
    locked: flag,
    tags: listOf(tag),
    enterpriseProjectId: text,
    backupNamePrefix: optional(text),
    userId: text,
    keyId: text,
    revision: integer,
    createdAtMs: integer,
    updatedAtMs: integer,
  },
  (vault) => ({ ...keys.vault(vault.id), ...listed('VAULT', vault) }),
);

export const keyCodec = codec<WrappedKey>(
  { vaultId: text, keyId: text, provider: text, wrapped: bytes, createdAtMs: integer },
  (key) => keys.vaultKey(key.vaultId, key.keyId),
);

/** The vault's counters. They exist exactly as long as the vault. */
type StoredUsage = { vaultId: VaultId; isDeleting?: boolean } & VaultUsage & VaultContents;

export const usageCodec = codec<StoredUsage>(
  {
    vaultId: text,
    usedBytes: integer,
    backupCount: integer,
    bindingCount: integer,
    heldCount: integer,
    isDeleting: optional(flag),
  },
  ({ vaultId }) => keys.usage(vaultId),
);

export const bindingCodec = codec<Binding>(
  {
    projectId: text,
    vaultId: text,
    diskId: text,
    name: text,
    sizeBytes: integer,
    protectingTaskId: optional(text),
    suspended: optional(mark),
    createdAtMs: integer,
  },
  (binding) => keys.binding(binding.vaultId, binding.diskId),
);

const policyType = oneOf<PolicyType>('backup', 'replication');

const retentionRule = object<RetentionRule>({
  maxBackups: optional(integer),
  durationDays: optional(integer),
  dayBackups: integer,
  weekBackups: integer,
  monthBackups: integer,
  yearBackups: integer,
  timezone: optional(text),
});

export const policyCodec = codec<Policy>(
  {
    id: text,
    projectId: text,
    name: text,
    enabled: flag,
    operationType: policyType,
    patterns: listOf(text),
    retention: retentionRule,
    fullBackupInterval: optional(integer),
    destination: optional(
      object<NonNullable<Policy['destination']>>({ region: text, projectId: text }),
    ),
    triggerId: text,
    retentionSinceMs: integer,
    scheduleSinceMs: integer,
    revision: integer,
    createdAtMs: integer,
    updatedAtMs: integer,
  },
  ({ projectId, id }) => keys.policy(projectId, id),
);

export const policyCountCodec = codec<{ projectId: ProjectId; type: PolicyType; count: number }>(
  { projectId: text, type: policyType, count: integer },
  ({ projectId, type }) => keys.policyCount(projectId, type),
);

export const appliedPolicyCodec = codec<AppliedPolicy>(
  {
    projectId: text,
    vaultId: text,
    type: policyType,
    policyId: text,
    destinationVaultId: optional(text),
    settledUntilMs: integer,
    claim: optional(object<Claim>({ id: text, pointMs: integer, untilMs: integer })),
    appliedAtMs: integer,
  },
  ({ projectId, vaultId, type }) => keys.appliedPolicy(projectId, vaultId, type),
);

export const backupCountCodec = codec<BackupCount & { vaultId: VaultId }>(
  { vaultId: text, diskId: text, backupCount: integer, backupBytes: integer },
  ({ vaultId, diskId }) => keys.backupCount(vaultId, diskId),
);

export const diskPointerCodec = codec<BoundDisk>(
  { diskId: text, vaultId: text, projectId: text, createdAtMs: integer },
  ({ diskId }) => keys.diskPointer(diskId),
);

export const checkpointCodec = codec<Checkpoint>(
  {
    id: text,
    projectId: text,
    vaultId: text,
    vaultName: text,
    name: text,
    description: text,
    backups: listOf(
      object<Checkpoint['backups'][number]>({
        backupId: text,
        diskId: text,
        diskName: text,
        sizeBytes: integer,
      }),
    ),
    skipped: listOf(
      object<Checkpoint['skipped'][number]>({
        id: text,
        type: text,
        name: text,
        code: text,
        reason: text,
      }),
    ),
    createdAtMs: integer,
  },
  (checkpoint) => keys.checkpoint(checkpoint.id),
);

export const backupCodec = codec<Backup>(
  {
    id: text,
    projectId: text,
    vaultId: text,
    checkpointId: text,
    operationLogId: text,
    name: text,
    description: text,
    disk: object<Backup['disk']>({
      id: text,
      name: text,
      sizeBytes: integer,
      availabilityZone: text,
    }),
    status: stateOf(BACKUP_TRANSITIONS),
    root: stateOf(ROOT_TRANSITIONS),
    manifest: optional(object<NonNullable<Backup['manifest']>>({ sessionId: text, sha256: text })),
    snapshotId: optional(text),
    incremental: flag,
    parentBackupId: optional(text),
    sinceFull: optional(object<SinceFull>({ fullAtMs: integer, incrementals: integer })),
    autoTrigger: flag,
    policyId: optional(text),
    movedFrom: optional(
      object<NonNullable<Backup['movedFrom']>>({ vaultId: text, backupId: text }),
    ),
    retention: optional(retentionRule),
    expiresAtMs: optional(integer),
    completedAtMs: optional(integer),
    undeletedAtMs: optional(integer),
    stats: optional(stats),
    failure,
    deletedEpoch: optional(integer),
    hiddenAtMs: optional(integer),
    createdAtMs: integer,
    updatedAtMs: integer,
  },
  (backup) => ({
    ...keys.backup(backup.vaultId, backup.createdAtMs, backup.id),
    ...backupEntryItem(backup),
  }),
);

export const backupPointerCodec = codec<BegunBackup & Pick<Backup, 'vaultId' | 'createdAtMs'>>(
  { id: text, projectId: text, vaultId: text, operationLogId: text, createdAtMs: integer },
  ({ id }) => keys.backupPointer(id),
);

export const sessionCodec = codec<Session>(
  {
    vaultId: text,
    id: text,
    kind: oneOf('write', 'read'),
    state: stateOf(SESSION_TRANSITIONS),
    startEpoch: integer,
    backupId: text,
    operationLogId: text,
    parentBackupId: optional(text),
    quarantined: listOf(text),
    leaseUntilMs: integer,
    createdAtMs: integer,
  },
  (session) => keys.session(session.vaultId, session.id),
);

export const openSessionCodec = codec<{ vaultId: VaultId; id: SessionId }>(
  { vaultId: text, id: text },
  ({ vaultId, id }) => keys.openSession(vaultId, id),
);

type StoredRange = FinishedRange & { vaultId: VaultId; sessionId: SessionId };

export const rangeCodec = codec<StoredRange>(
  {
    vaultId: text,
    sessionId: text,
    from: integer,
    to: integer,
    segments: listOf(
      nullable(
        object<NonNullable<FinishedRange['segments'][number]>>({
          sessionId: text,
          random: text,
          sha256: text,
        }),
      ),
    ),
    stats,
  },
  ({ vaultId, sessionId, from }) => keys.range(vaultId, sessionId, from),
);

const fact = (value: unknown): number | string | string[] => {
  if (typeof value === 'number') return number(value);
  return Array.isArray(value) ? listOf(text)(value) : text(value);
};

export const taskCodec = codec<OperationLog>(
  {
    id: text,
    projectId: text,
    type: oneOf(...OPERATION_TYPES),
    status: stateOf(OPERATION_TRANSITIONS),
    vaultId: text,
    vaultName: text,
    checkpointId: optional(text),
    policyId: optional(text),
    backupId: text,
    backupName: text,
    disk: object<OperationLog['disk']>({ id: text, name: text }),
    target: optional(
      object<NonNullable<OperationLog['target']>>({
        diskId: text,
        name: text,
        isNew: flag,
        sizeBytes: optional(integer),
        availabilityZone: optional(text),
      }),
    ),
    percent: optional(number),
    totalBytes: integer,
    cancelRequested: flag,
    restarts: integer,
    failure,
    outcome: optional(recordOf(fact)),
    requestId: text,
    createdAtMs: integer,
    startedAtMs: optional(integer),
    updatedAtMs: integer,
    endedAtMs: optional(integer),
  },
  (task) => ({ ...keys.task(task.id), ...taskEntryItem(task) }),
);

export const unfinishedTaskCodec = codec<Pick<OperationLog, 'id' | 'createdAtMs'>>(
  { id: text, createdAtMs: integer },
  ({ id, createdAtMs }) => keys.unfinishedTask(createdAtMs, id),
);

export const endedTaskCodec = codec<{ id: OperationLogId; endedAtMs: number }>(
  { id: text, endedAtMs: integer },
  ({ id, endedAtMs }) => keys.endedTask(endedAtMs, id),
);

/** The items of a task that is put: itself and the mark that it has not ended, or has. */
export const taskItems = (task: OperationLog): Item[] => {
  const { id, createdAtMs, endedAtMs = createdAtMs, status } = task;
  const mark = hasEnded(status)
    ? endedTaskCodec.encode({ id, endedAtMs })
    : unfinishedTaskCodec.encode({ id, createdAtMs });
  return [taskCodec.encode(task), mark];
};

export const progressCodec = codec<{ id: OperationLogId; from: number; doneBytes: number }>(
  { id: text, from: integer, doneBytes: integer },
  ({ id, from }) => keys.progress(id, from),
);
