import type { AppliedPolicy } from './applied-policy.ts';
import type { Backup, Checkpoint } from './backup.ts';
import type { Disk } from './disk.ts';
import type { VaultId } from './ids.ts';
import type { OperationLog } from './operation-log.ts';
import type { Policy } from './policy.ts';
import type { Binding, Vault, VaultUsage } from './vault.ts';

/** What callers are shown of a thing, put together from several records. */

export interface ResourceDetails {
  binding: Binding;
  /** Backups of the disk in the vault that callers see. */
  backupCount: number;
  /** Bytes those backups added to the vault. */
  backupBytes: number;
}

export interface VaultDetails {
  vault: Vault;
  usage: VaultUsage;
  resources: ResourceDetails[];
}

export interface PolicyDetails {
  policy: Policy;
  applied: AppliedPolicy[];
}

export interface CheckpointDetails {
  checkpoint: Checkpoint;
  /** Those that callers still see, in the checkpoint's order; never empty. */
  backups: Backup[];
  /** Of the disks that are still in the vault. */
  resources: ResourceDetails[];
}

export interface TaskDetails {
  task: OperationLog;
  doneBytes: number;
}

export interface ProtectableDetails {
  disk: Disk;
  /** Why the disk cannot be bound to a vault; absent when it can. */
  refusal?: { code: string; reason: string };
  /** The vault it is in. */
  vaultId?: VaultId;
}

/** One page of a list. */
export interface Page<T> {
  items: T[];
  /** Items that match, on all pages. */
  count: number;
  limit: number;
  offset: number;
}
