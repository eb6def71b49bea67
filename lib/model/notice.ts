import type { BackupId, DiskId, OperationLogId, PolicyId, ProjectId, VaultId } from './ids.ts';

/** What all notices say. The same `id` again is the same notice, delivered twice. */
interface Common {
  id: string;
  projectId: ProjectId;
  vaultId: VaultId;
  vaultName: string;
  atMs: number;
}

/** A vault is used up to its threshold, or beyond; said once until it is under it again. */
export interface ThresholdReached extends Common {
  type: 'vault.threshold-reached';
  usedBytes: number;
  sizeBytes: number;
  /** Percent of the size. */
  threshold: number;
}

/** A backup failed, or was given up; nobody is told of one that was cancelled. */
export interface BackupFailed extends Common {
  type: 'backup.failed';
  operationLogId: OperationLogId;
  backupId: BackupId;
  backupName: string;
  diskId: DiskId;
  diskName: string;
  code: string;
  message: string;
}

/** A time point of its policy could not be run, as when the vault is full; said each time. */
export interface VaultNotBackedUp extends Common {
  type: 'vault.not-backed-up';
  policyId: PolicyId;
  pointMs: number;
  code: string;
  message: string;
}

/** The nightly audit found that what a vault knows and what it stores do not agree. */
export interface AuditFindings extends Common {
  type: 'vault.audit-findings';
  /** How many. */
  found: number;
  /** The first one, in words. */
  first: string;
}

/** Disks without a vault were taken in by one with `auto_bind` (spec section 3.5). */
export interface DisksAssociated extends Common {
  type: 'vault.disks-associated';
  policyId: PolicyId;
  disks: { id: DiskId; name: string }[];
}

/** What a vault lacks that nothing backs up by itself. */
export type Lack = 'enabled-policy' | 'resources';

/** No policy backs the vault up: said once, a day after it was made at the earliest. */
export interface VaultUnprotected extends Common {
  type: 'vault.unprotected';
  lacks: Lack[];
}

/** It was unprotected, and has an enabled policy and resources now. */
export interface VaultProtected extends Common {
  type: 'vault.protected';
}

/** The vault is frozen; said once a day. */
export interface VaultFrozen extends Common {
  type: 'vault.frozen';
}

/** What the owner of a vault is told (spec section 3.2, smn_notify). */
export type Notice =
  | ThresholdReached
  | BackupFailed
  | VaultNotBackedUp
  | AuditFindings
  | DisksAssociated
  | VaultUnprotected
  | VaultProtected
  | VaultFrozen;
