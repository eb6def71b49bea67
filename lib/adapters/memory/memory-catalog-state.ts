import { HoldfastError } from '../../errors.ts';
import type { AppliedPolicy } from '../../model/applied-policy.ts';
import type { Backup, Checkpoint } from '../../model/backup.ts';
import type { CollectorRun } from '../../model/collector-run.ts';
import type { AccessKey, Credential, IssuedToken } from '../../model/credential.ts';
import type { EpochState } from '../../model/epoch.ts';
import type {
  BackupId,
  CheckpointId,
  DiskId,
  OperationLogId,
  PolicyId,
  VaultId,
} from '../../model/ids.ts';
import type { OperationLog } from '../../model/operation-log.ts';
import type { Pack } from '../../model/pack.ts';
import type { Policy } from '../../model/policy.ts';
import type { FinishedRange, Session } from '../../model/session.ts';
import type { UsageSample, VaultChange } from '../../model/usage-ledger.ts';
import type { Binding, Vault, VaultUsage, WrappedKey } from '../../model/vault.ts';

/** Everything a catalog knows. Tests may look at it and change it, as the collector would. */
export interface MemoryCatalogState {
  vaults: Map<VaultId, Vault>;
  /** By `<vaultId>/<keyId>`. */
  keys: Map<string, WrappedKey>;
  epochs: Map<VaultId, number>;
  /** OPEN when it is not there. */
  epochStates: Map<VaultId, EpochState>;
  /** The collector's run of a vault, once there was one. */
  runs: Map<VaultId, CollectorRun>;
  usage: Map<VaultId, VaultUsage>;
  /** The usage ledger, which outlives the vaults. */
  vaultChanges: VaultChange[];
  samples: UsageSample[];
  bindings: Map<DiskId, Binding>;
  policies: Map<PolicyId, Policy>;
  /** By `<vaultId>/<type>`. */
  applied: Map<string, AppliedPolicy>;
  checkpoints: Map<CheckpointId, Checkpoint>;
  backups: Map<BackupId, Backup>;
  /** By `<vaultId>/<sessionId>`. */
  sessions: Map<string, Session>;
  /** By `<vaultId>/<sessionId>`, then by `from`. */
  ranges: Map<string, Map<number, FinishedRange>>;
  /** By `<vaultId>/<packId>`. */
  packs: Map<string, Pack>;
  tasks: Map<OperationLogId, OperationLog>;
  /** Bytes done, by task, then by `from`. */
  progress: Map<OperationLogId, Map<number, number>>;
  credentials: Map<string, Credential>;
  accessKeys: Map<string, AccessKey>;
  issuedTokens: Map<string, IssuedToken>;
  /** By `<accessKeyId>/<signature>`: the request that came with it first. */
  signatures: Map<string, string>;
  /** By `<credentialId>/<second>`. */
  requestCounts: Map<string, number>;
}

export const memoryCatalogState = (): MemoryCatalogState => ({
  vaults: new Map(),
  keys: new Map(),
  epochs: new Map(),
  epochStates: new Map(),
  runs: new Map(),
  usage: new Map(),
  vaultChanges: [],
  samples: [],
  bindings: new Map(),
  policies: new Map(),
  applied: new Map(),
  checkpoints: new Map(),
  backups: new Map(),
  sessions: new Map(),
  ranges: new Map(),
  packs: new Map(),
  tasks: new Map(),
  progress: new Map(),
  credentials: new Map(),
  accessKeys: new Map(),
  issuedTokens: new Map(),
  signatures: new Map(),
  requestCounts: new Map(),
});

/** The key of what belongs to a vault. */
export const inVault = (vaultId: VaultId, id: string): string => `${vaultId}/${id}`;

/** The vault's epoch and usage; `BackupService.6105` when there never was such a vault. */
export const epochOf = (state: MemoryCatalogState, id: VaultId): number =>
  state.epochs.get(id) ?? missingVault(id);

export const epochStateOf = (state: MemoryCatalogState, id: VaultId): EpochState =>
  state.epochStates.get(id) ?? 'OPEN';

export const usageOf = (state: MemoryCatalogState, id: VaultId): VaultUsage =>
  state.usage.get(id) ?? missingVault(id);

export const isDeletingVault = (state: MemoryCatalogState, id: VaultId): boolean =>
  state.vaults.get(id)?.status === 'deleting';

const missingVault = (id: VaultId): never => {
  throw new HoldfastError('BackupService.6105', { id });
};

/** A deep copy of plain data: callers and the catalog never share an object. */
export const copyOf = <T>(value: T): T => copyAny(value) as T;

const copyAny = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(copyAny);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, copyAny(field)]));
};

interface Dated {
  id: string;
  createdAtMs: number;
}

export const newestFirst = (a: Dated, b: Dated): number => -oldestFirst(a, b);

export const oldestFirst = (a: Dated, b: Dated): number =>
  a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : Number(a.id > b.id));
