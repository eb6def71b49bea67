import type { GARBAGE_LIMITS } from '../engine/plan-garbage.ts';
import type { BlockPool } from '../engine/pool/block-pool.ts';
import type { STORE_LIMITS } from '../engine/store-blocks.ts';
import type { BlockIndex } from '../ports/block-index.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disks } from '../ports/disks.ts';
import type { Ids } from '../ports/ids.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { KeyProvider } from '../ports/key-provider.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Probe } from '../ports/probe.ts';

/** What jobs and data workers need of the world. */
export interface DataPorts {
  catalog: Catalog;
  index: BlockIndex;
  objects: ObjectStore;
  keys: KeyProvider;
  disks: Disks;
  jobs: Jobs;
  notifier: Notifier;
  pool: BlockPool;
  clock: Clock;
  ids: Ids;
  probe: Probe;
  settings: DataSettings;
}

export interface DataSettings {
  /** A session's lease: longer than a worker's time-out and its wait in a queue (rule R1). */
  leaseMs: number;
  /** Segments (GiB) that one worker invocation is given. */
  rangeSegments: number;
  /** Workers of one task at the same time. */
  workers: number;
  /** A worker stops before its deadline by this much and says where to go on. */
  marginMs: number;
  /** How long the usage ledger is kept. */
  ledgerMs?: number;
  /** How long a task is kept after it ended. */
  taskKeptMs: number;
  /** The collector's: when packs shrink, how long a deleted backup can be taken back. */
  garbage?: Partial<typeof GARBAGE_LIMITS>;
  /** Limits of packs and chunks; a test crosses every one of them with a small disk. */
  store?: typeof STORE_LIMITS;
}

/** What a data worker is asked to do: segments `from` to `to` of a backup, under a session. */
export interface RangeRequest {
  projectId: string;
  vaultId: string;
  backupId: string;
  operationLogId: string;
  sessionId: string;
  from: number;
  to: number;
}

/** A data worker's answer: where to go on (`null` = all done), or that somebody asked to stop. */
export type RangeAnswer<T = object> = ({ next: number | null } & T) | { cancelled: true };
