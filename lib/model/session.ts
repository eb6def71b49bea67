import type { BackupId, OperationLogId, PackId, SessionId, VaultId } from './ids.ts';
import type { Transitions } from './state-table.ts';

export type SessionState = 'OPEN' | 'COMMITTED' | 'ABORTED' | 'FENCED';

export const SESSION_TRANSITIONS: Transitions<SessionState> = {
  OPEN: ['COMMITTED', 'ABORTED', 'FENCED'],
  COMMITTED: [],
  ABORTED: [],
  FENCED: [],
};

/**
 * What a reconciliation may make of an item: a commit that the objects prove counts, whatever has
 * become of the session in a catalog of an earlier time. The watchdog may have fenced it since.
 */
export const SESSION_RECONCILIATIONS: Transitions<SessionState> = {
  OPEN: ['COMMITTED'],
  COMMITTED: [],
  ABORTED: ['COMMITTED'],
  FENCED: ['COMMITTED'],
};

/**
 * The right of one disk backup to write into a vault (`write`), or of a reader to keep what it
 * reads (`read`). ARCHITECTURE.md, rules R1 and R13.
 */
export interface Session {
  vaultId: VaultId;
  id: SessionId;
  kind: 'write' | 'read';
  state: SessionState;
  /** The vault's epoch when the session was opened. */
  startEpoch: number;
  /** The backup that is written, or read. */
  backupId: BackupId;
  operationLogId: OperationLogId;
  /** The backup whose entries are inherited (R4); absent until pinned. */
  parentBackupId?: BackupId;
  /** Packs that were QUARANTINED when the session was opened, sorted. */
  quarantined: PackId[];
  /** Liveness only: after this a watchdog may fence the session. */
  leaseUntilMs: number;
  createdAtMs: number;
}

/**
 * Whether its owner may be at work still. A lease that ends later than any that is given now was
 * given by a clock that was wrong: it would keep the vault from its collector until then.
 *
 * @param leaseMs how long a lease is
 */
export const isLeased = (
  { leaseUntilMs }: Pick<Session, 'leaseUntilMs'>,
  nowMs: number,
  leaseMs: number,
): boolean => leaseUntilMs > nowMs && leaseUntilMs <= nowMs + 2 * leaseMs;

/** Where the map of 1 GiB of a disk is stored, and its SHA-256; `null` = all zeros, no object. */
export type SegmentReference = { sessionId: SessionId; random: string; sha256: string } | null;

/** What a backup read, found and stored, in bytes of disk except `storedBytes`. */
export interface BackupStats {
  /** Blocks read from the disk. */
  readBytes: number;
  /** Blocks that were zero. */
  zeroBytes: number;
  /** Blocks taken over from the parent without reading, or found equal to it. */
  unchangedBytes: number;
  /** Blocks found elsewhere in the vault. */
  deduplicatedBytes: number;
  /** Blocks stored by this backup. */
  newBytes: number;
  /** Bytes of objects written: packs and segments. */
  storedBytes: number;
}

export const NO_STATS: BackupStats = {
  readBytes: 0,
  zeroBytes: 0,
  unchangedBytes: 0,
  deduplicatedBytes: 0,
  newBytes: 0,
  storedBytes: 0,
};

export const addStats = (a: BackupStats, b: BackupStats): BackupStats => ({
  readBytes: a.readBytes + b.readBytes,
  zeroBytes: a.zeroBytes + b.zeroBytes,
  unchangedBytes: a.unchangedBytes + b.unchangedBytes,
  deduplicatedBytes: a.deduplicatedBytes + b.deduplicatedBytes,
  newBytes: a.newBytes + b.newBytes,
  storedBytes: a.storedBytes + b.storedBytes,
});

/** A run of whole segments that a worker has made durable: `from` inclusive, `to` exclusive. */
export interface FinishedRange {
  from: number;
  to: number;
  /** One reference per segment, in order. */
  segments: SegmentReference[];
  stats: BackupStats;
}
