import type { DiskId, KeyId, OperationLogId, ProjectId, VaultId } from './ids.ts';
import type { Transitions } from './state-table.ts';
import type { Tag } from './tag.ts';

/** Spec section 3.3. */
export type VaultStatus = 'available' | 'lock' | 'frozen' | 'deleting' | 'error';

/** Frozen: its operator keeps the data and refuses the rest. What is `deleting` goes. */
export const VAULT_TRANSITIONS: Transitions<VaultStatus> = {
  available: ['lock', 'frozen', 'deleting', 'error'],
  lock: ['available', 'error'],
  frozen: ['available', 'error'],
  deleting: [],
  error: ['available', 'deleting'],
};

/** The statuses in which a vault allows an operation (spec sections 3.3 and 3.4). */
export const VAULT_OPERATIONS = {
  associate: ['available'],
  applyPolicy: ['available'],
  backUp: ['available'],
  change: ['available'],
  migrate: ['available', 'lock'],
  dissociate: ['available', 'lock'],
  suspend: ['available', 'lock'],
  restore: ['available', 'lock'],
  deleteBackup: ['available', 'lock', 'error'],
  /** By its retention rules. */
  expire: ['available', 'lock', 'error'],
  delete: ['available', 'error'],
} satisfies Record<string, readonly VaultStatus[]>;

export type VaultOperation = keyof typeof VAULT_OPERATIONS;

export const allows = (status: VaultStatus, operation: VaultOperation): boolean =>
  (VAULT_OPERATIONS[operation] as readonly VaultStatus[]).includes(status);

export const GIBIBYTE = 2 ** 30;

/** Limits of spec section 3.9. */
export const VAULT_LIMITS = {
  resourcesMax: 256,
  tagsMax: 20,
  sizeGibMin: 10,
  sizeGibMax: 10_485_760,
};

export interface Vault {
  id: VaultId;
  projectId: ProjectId;
  name: string;
  description: string;
  status: VaultStatus;
  /** Capacity in GiB. CBR calls it GB. */
  sizeGib: number;
  chargingMode: 'post_paid';
  consistentLevel: 'crash_consistent';
  objectType: 'disk';
  protectType: 'backup';
  threshold: number;
  smnNotify: boolean;
  /** When its owner was told that the threshold is reached; absent while it is not. */
  thresholdReachedAtMs?: number;
  /** When its owner was told that nothing backs it up; absent while something does. */
  unprotectedToldAtMs?: number;
  /** When its owner was last told that it is frozen. */
  frozenToldAtMs?: number;
  autoExpand: boolean;
  /** `autoExpand` came when it was full: without effect until it has room again (spec FO5). */
  expandsNot?: true;
  autoBind: boolean;
  bindRules: { tags?: { key: string; value: string }[] };
  locked: boolean;
  tags: { key: string; value: string }[];
  enterpriseProjectId: string;
  backupNamePrefix?: string;
  userId: string;
  /** The vault's first key: blocks are sealed and indexed with keys derived from it. */
  keyId: KeyId;
  /** Bumped by every update: two updates at once cannot lose one another. */
  revision: number;
  createdAtMs: number;
  updatedAtMs: number;
}

/** What a vault is that was just made; the rest is the same for all of this release. */
export const newVault = (
  given: Omit<Vault, keyof typeof NEW_VAULT | 'revision' | 'updatedAtMs'>,
): Vault => ({ ...NEW_VAULT, ...given, revision: 1, updatedAtMs: given.createdAtMs });

const NEW_VAULT = {
  status: 'available',
  chargingMode: 'post_paid',
  consistentLevel: 'crash_consistent',
  objectType: 'disk',
  protectType: 'backup',
} as const satisfies Partial<Vault>;

/** Spec section 3.5: at least one of the rules' tags, when there are any. */
export const matchesBindRules = (
  tags: readonly Tag[],
  { tags: wanted }: Vault['bindRules'],
): boolean =>
  wanted === undefined ||
  wanted.length === 0 ||
  wanted.some(({ key, value }) => tags.some((tag) => tag.key === key && tag.value === value));

/** Spec section 3.6: a locked vault is not deleted with its backups. */
export const keepsBackups = (
  { locked }: Pick<Vault, 'locked'>,
  { backupCount }: Pick<VaultUsage, 'backupCount'>,
): boolean => locked && backupCount > 0;

/** Spec section 3.4: new backups fail. */
export const isFull = ({ sizeGib }: Pick<Vault, 'sizeGib'>, usedBytes: number): boolean =>
  usedBytes >= sizeGib * GIBIBYTE;

/** A vault key as it is stored: wrapped, never plain (docs/format/v1.md). */
export interface WrappedKey {
  vaultId: VaultId;
  keyId: KeyId;
  /** Who can unwrap it: `file` (a key file) or `kms`. */
  provider: string;
  wrapped: Uint8Array;
  createdAtMs: number;
}

/** A disk that a vault protects. A disk is in one vault at most (spec section 3.5). */
export interface Binding {
  projectId: ProjectId;
  vaultId: VaultId;
  diskId: DiskId;
  name: string;
  sizeBytes: number;
  /** The task that backs the disk up right now. */
  protectingTaskId?: OperationLogId;
  /** Backups leave the disk out until its protection is resumed. */
  suspended?: true;
  createdAtMs: number;
}

/** The backups of a disk in a vault that callers see, and the bytes they added to it. */
export interface BackupCount {
  diskId: DiskId;
  backupCount: number;
  backupBytes: number;
}

/** Bytes present in a vault's packs and segments, and how many backups it shows. */
export interface VaultUsage {
  usedBytes: number;
  backupCount: number;
}
