import type { Failure } from './backup.ts';
import type {
  BackupId,
  CheckpointId,
  DiskId,
  OperationLogId,
  PolicyId,
  ProjectId,
  VaultId,
} from './ids.ts';
import type { Transitions } from './state-table.ts';

/**
 * CBR's operation types (spec section 5.9) and ours, `verify`. `sync` brings a backup into a vault
 * that is elsewhere already: here, one that moves between vaults.
 */
export const OPERATION_TYPES = [
  'backup',
  'restore',
  'delete',
  'sync',
  'vault_delete',
  'verify',
] as const;

export type OperationType = (typeof OPERATION_TYPES)[number];

export type OperationStatus = 'waiting' | 'running' | 'success' | 'failed' | 'timeout' | 'skipped';

export const OPERATION_TRANSITIONS: Transitions<OperationStatus> = {
  waiting: ['running', 'success', 'failed', 'timeout', 'skipped'],
  running: ['success', 'failed', 'timeout'],
  success: [],
  failed: [],
  timeout: [],
  skipped: [],
};

/** True when the task has ended and will not change. */
export const hasEnded = (status: OperationStatus): boolean =>
  OPERATION_TRANSITIONS[status].length === 0;

/** False when nobody looks whether it is to stop: it has ended, or nothing takes its work back. */
export const isCancellable = ({ type, status }: Pick<OperationLog, 'type' | 'status'>): boolean =>
  !hasEnded(status) && type !== 'vault_delete';

/** A task: the record of one asynchronous operation. */
export interface OperationLog {
  id: OperationLogId;
  projectId: ProjectId;
  type: OperationType;
  status: OperationStatus;
  vaultId: VaultId;
  vaultName: string;
  checkpointId?: CheckpointId;
  /** Backup: the policy that it is made for. */
  policyId?: PolicyId;
  backupId: BackupId;
  backupName: string;
  disk: { id: DiskId; name: string };
  /** Restore: the disk that is written. A new one is made for this, as large and where it says. */
  target?: {
    diskId: DiskId;
    name: string;
    isNew: boolean;
    sizeBytes?: number;
    availabilityZone?: string;
  };
  /** Verify: share of the blocks that is read. */
  percent?: number;
  /** Bytes of disk to go through; 0 until known. */
  totalBytes: number;
  cancelRequested: boolean;
  /** How often the watchdog has restarted it. */
  restarts: number;
  failure?: Failure;
  /** Plain facts about the result: statistics, damaged packs, affected backups. */
  outcome?: Record<string, number | string | string[]>;
  requestId: string;
  createdAtMs: number;
  startedAtMs?: number;
  updatedAtMs: number;
  endedAtMs?: number;
}

/** What lists choose by. */
export type TaskEntry = Pick<
  OperationLog,
  | 'id'
  | 'projectId'
  | 'type'
  | 'status'
  | 'vaultId'
  | 'vaultName'
  | 'disk'
  | 'createdAtMs'
  | 'endedAtMs'
>;

/** Percent of a task, from what its ranges report; 100 only when it succeeded. */
export const progressPercent = (
  task: Pick<OperationLog, 'status' | 'totalBytes'>,
  doneBytes: number,
): number => {
  if (task.status === 'success') return 100;
  if (task.totalBytes === 0) return 0;
  return Math.min(99, Math.floor((100 * doneBytes) / task.totalBytes));
};
