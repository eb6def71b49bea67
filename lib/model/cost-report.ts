import { BLOCK_BYTES, SEGMENT_BYTES } from './block.ts';
import { DAY_MS, HOUR_MS } from './duration.ts';
import type { VaultId } from './ids.ts';
import { PACK_TARGET_BYTES } from './pack.ts';
import type { Prices } from './prices.ts';
import type { BackupStats } from './session.ts';
import {
  dayOf,
  ledgerRows,
  type MeteredSpec,
  meteredStretches,
  type Period,
  type UsageSample,
  type VaultChange,
} from './usage-ledger.ts';
import { GIBIBYTE } from './vault.ts';

/**
 * What was used. Whole numbers, so that the sum of any parts is exactly the whole: a large vault
 * times a year in milliseconds is beyond what a float holds.
 */
export interface Usage {
  /** Capacity times time: what CBR bills (spec row B1). */
  capacityGibMs: bigint;
  /** Stored bytes times time. */
  storedByteMs: bigint;
  /** The part of the time for which the stored bytes were taken over from an earlier hour. */
  carriedMs: number;
  requests: RequestCounts;
}

/** Requests of backups, estimated from what their tasks count. */
export interface RequestCounts {
  /** PUTs of packs, segments, manifests and markers. */
  objectPuts: number;
  /** Writes of the dedup index, one a new block: a write request unit each. */
  indexWrites: number;
  /** Lookups in the dedup index, one a block that changed: half a read request unit each. */
  indexReads: number;
}

/** A completed backup, as far as its requests are estimated. */
export interface CountedBackup extends Pick<BackupStats, 'storedBytes' | 'newBytes'> {
  vaultId: VaultId;
  atMs: number;
  deduplicatedBytes: number;
  /** Bytes of the disk. */
  totalBytes: number;
}

/** One line of a report: a vault, or all that has the same value of a tag. */
export interface CostGroup {
  /** The vault's id, or the tag's value; null for what has no such tag. */
  key: string | null;
  /** The latest name of a vault; null for a tag. */
  name: string | null;
  vaultIds: VaultId[];
  usage: Usage;
}

export interface CostForecast {
  days: number;
  /** Whole days that the line was laid through. */
  basedOnDays: number;
  usage: Usage;
  /** Stored bytes at the end of it. */
  storedBytes: number;
}

/** The answer to what vaults have used in a period. */
export interface CostReport {
  fromMs: number;
  toMs: number;
  /** What it is grouped by: `vault`, or `tag:` and the key. */
  by: string;
  /** The ones that cost most first; a page of them. */
  groups: CostGroup[];
  count: number;
  limit: number;
  offset: number;
  /** Of all groups. */
  total: Usage;
  forecast: CostForecast | null;
  /** Vaults that are paid for and protect no resource that still exists (spec row BF15). */
  idle: { vaultId: VaultId; name: string }[];
}

/** What a project has used, from its ledger and the tasks that are kept. */
export interface LedgerFacts {
  /** By vault, each in order of revision. */
  changes: ReadonlyMap<VaultId, readonly VaultChange[]>;
  samples: ReadonlyMap<VaultId, readonly UsageSample[]>;
  backups: readonly CountedBackup[];
}

/** Days of a forecast, and of what it is made from: at most and at least. */
export const FORECAST = { days: 30, daysMax: 30, daysMin: 7 };

const NO_REQUESTS: RequestCounts = { objectPuts: 0, indexWrites: 0, indexReads: 0 };

/**
 * PUTs: the packs that its stored bytes fill, a segment for each GiB of the disk at most, manifest
 * and marker. Index: each new block is written, each new or deduplicated one was looked up.
 */
export const requestsOf = (backup: Omit<CountedBackup, 'vaultId' | 'atMs'>): RequestCounts => ({
  objectPuts:
    Math.ceil(backup.storedBytes / PACK_TARGET_BYTES) +
    Math.ceil(backup.totalBytes / SEGMENT_BYTES) +
    2,
  indexWrites: Math.ceil(backup.newBytes / BLOCK_BYTES),
  indexReads: Math.ceil((backup.newBytes + backup.deduplicatedBytes) / BLOCK_BYTES),
});

/** The lines of a report, by vault or by the value of a tag that a vault had at the time. */
export const costGroups = (
  facts: LedgerFacts,
  period: Period,
  tagKey: string | undefined,
): CostGroup[] => {
  type Growing = Omit<CostGroup, 'vaultIds'> & { vaultIds: Set<VaultId> };
  const groups = new Map<string | null, Growing>();
  const groupOf = (vaultId: VaultId, spec: MeteredSpec): Growing => {
    const key = tagKey === undefined ? vaultId : tagValue(spec, tagKey);
    const group = groups.get(key) ?? { key, name: null, vaultIds: new Set(), usage: nothing() };
    groups.set(key, group);
    if (tagKey === undefined) group.name = spec.name;
    group.vaultIds.add(vaultId);
    return group;
  };
  for (const [vaultId, changes] of facts.changes)
    for (const row of ledgerRows(changes, facts.samples.get(vaultId) ?? [], period)) {
      const { usage } = groupOf(vaultId, row.spec);
      const ms = row.toMs - row.fromMs;
      usage.capacityGibMs += BigInt(row.spec.sizeGib) * BigInt(ms);
      usage.storedByteMs += BigInt(row.usedBytes) * BigInt(ms);
      if (row.isCarried) usage.carriedMs += ms;
    }
  for (const backup of within(facts.backups, period)) {
    const spec = specAt(facts.changes.get(backup.vaultId) ?? [], backup.atMs);
    if (spec === undefined) continue;
    const { usage } = groupOf(backup.vaultId, spec);
    usage.requests = addRequests(usage.requests, requestsOf(backup));
  }
  return [...groups.values()].map((group) => ({ ...group, vaultIds: [...group.vaultIds] }));
};

/** All lines together. */
export const totalUsage = (usages: readonly Usage[]): Usage =>
  usages.reduce(
    (sum, usage) => ({
      capacityGibMs: sum.capacityGibMs + usage.capacityGibMs,
      storedByteMs: sum.storedByteMs + usage.storedByteMs,
      carriedMs: sum.carriedMs + usage.carriedMs,
      requests: addRequests(sum.requests, usage.requests),
    }),
    nothing(),
  );

/** What a usage costs, in the prices' currency. Capacity is what CBR bills; AWS does not. */
export const costOf = (
  { storedByteMs, requests }: Usage,
  prices: Prices,
): { storage: number; requests: number } => ({
  storage: (gibHours(storedByteMs) / prices.monthHours) * prices.storageGibMonth,
  requests:
    (requests.objectPuts / 1000) * prices.thousandPuts +
    (requests.indexWrites / 1e6) * prices.millionWrites +
    (requests.indexReads / 2 / 1e6) * prices.millionReads,
});

/** Bytes times milliseconds as GiB times hours. */
export const gibHours = (byteMs: bigint): number =>
  // The whole part on its own: as a float the product would lose it.
  Number(byteMs / BYTE_MS) + Number(byteMs % BYTE_MS) / Number(BYTE_MS);

const BYTE_MS = BigInt(GIBIBYTE) * BigInt(HOUR_MS);

/** GiB times milliseconds as GiB times hours. */
export const capacityHours = (gibMs: bigint): number => gibHours(gibMs * BigInt(GIBIBYTE));

/**
 * The next 30 days after a period: stored bytes go on along the straight line (least squares)
 * through the averages of its last whole days (UTC), 7 to 30 of them, of which `facts` must tell;
 * capacity stays as it is; requests go on at their average. Null when there is no vault,
 * or less than 7 whole days of any.
 */
export const forecastCosts = (
  facts: LedgerFacts,
  { fromMs, toMs: atMs }: Period,
): CostForecast | null => {
  const capacityGib = [...facts.changes.values()]
    .flatMap((changes) => meteredStretches(changes, { fromMs: atMs - 1, toMs: atMs }))
    .filter(({ toMs }) => toMs === atMs)
    .reduce((sum, { spec }) => sum + spec.sizeGib, 0);
  const begunMs = Math.min(...[...facts.changes.values()].map(([first]) => first?.atMs ?? atMs));
  const firstMs = Math.max(begunMs, dayOf(fromMs));
  const endMs = dayOf(atMs);
  const wholeDays = Math.floor((endMs - firstMs) / DAY_MS);
  const basedOnDays = Math.min(FORECAST.daysMax, wholeDays);
  if (capacityGib === 0 || basedOnDays < FORECAST.daysMin) return null;

  const window = { fromMs: endMs - basedOnDays * DAY_MS, toMs: endMs };
  const line = lineThrough(dailyBytes(facts, window));
  const ahead = Array.from({ length: FORECAST.days }, (_, n) =>
    Math.max(0, Math.round(line(basedOnDays + n))),
  );
  const requests = within(facts.backups, window).map(requestsOf).reduce(addRequests, NO_REQUESTS);
  const share = FORECAST.days / basedOnDays;
  return {
    days: FORECAST.days,
    basedOnDays,
    storedBytes: ahead.at(-1) ?? 0,
    usage: {
      capacityGibMs: BigInt(capacityGib) * BigInt(FORECAST.days * DAY_MS),
      storedByteMs: ahead.reduce((sum, bytes) => sum + BigInt(bytes) * BigInt(DAY_MS), 0n),
      carriedMs: 0,
      requests: {
        objectPuts: Math.round(requests.objectPuts * share),
        indexWrites: Math.round(requests.indexWrites * share),
        indexReads: Math.round(requests.indexReads * share),
      },
    },
  };
};

/** Stored bytes of each whole day of the window, on average. */
const dailyBytes = ({ changes, samples }: LedgerFacts, window: Period): number[] => {
  const byteMs: bigint[] = Array.from({ length: (window.toMs - window.fromMs) / DAY_MS }, () => 0n);
  for (const [vaultId, ofVault] of changes)
    for (const { fromMs, toMs, usedBytes } of ledgerRows(
      ofVault,
      samples.get(vaultId) ?? [],
      window,
    ))
      byteMs[Math.floor((fromMs - window.fromMs) / DAY_MS)]! +=
        BigInt(usedBytes) * BigInt(toMs - fromMs);
  return byteMs.map((sum) => Number(sum / BigInt(DAY_MS)));
};

/** The line of least squares through (0, values[0]), (1, values[1]) and so on. */
const lineThrough = (values: readonly number[]): ((x: number) => number) => {
  const count = values.length;
  const meanX = (count - 1) / 2;
  const meanY = values.reduce((sum, y) => sum + y / count, 0);
  const spread = values.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
  const slope = values.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0) / spread;
  return (x) => meanY + slope * (x - meanX);
};

const nothing = (): Usage => ({
  capacityGibMs: 0n,
  storedByteMs: 0n,
  carriedMs: 0,
  requests: NO_REQUESTS,
});

const addRequests = (a: RequestCounts, b: RequestCounts): RequestCounts => ({
  objectPuts: a.objectPuts + b.objectPuts,
  indexWrites: a.indexWrites + b.indexWrites,
  indexReads: a.indexReads + b.indexReads,
});

const within = (backups: readonly CountedBackup[], { fromMs, toMs }: Period): CountedBackup[] =>
  backups.filter(({ atMs }) => fromMs <= atMs && atMs < toMs);

const tagValue = ({ tags }: MeteredSpec, key: string): string | null =>
  tags.find((tag) => tag.key === key)?.value ?? null;

/** What a vault was at a time: a backup may have begun just before its change was stamped. */
const specAt = (changes: readonly VaultChange[], atMs: number): MeteredSpec | undefined =>
  (changes.findLast((change) => change.spec !== undefined && change.atMs <= atMs) ?? changes[0])
    ?.spec;
