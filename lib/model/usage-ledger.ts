import { DAY_MS, HOUR_MS } from './duration.ts';
import type { ProjectId, VaultId } from './ids.ts';
import type { Tag } from './tag.ts';

/** What a vault is metered by, and what its costs are grouped by. */
export interface MeteredSpec {
  name: string;
  /** Capacity in GiB. CBR calls it GB. */
  sizeGib: number;
  tags: Tag[];
  enterpriseProjectId: string;
}

/**
 * A vault is something else from `atMs` on. Kept with the very change, so that capacity is computed
 * and never sampled: no outage loses an hour, and a resize splits it exactly (spec rows B4, BF1).
 */
export interface VaultChange {
  projectId: ProjectId;
  vaultId: VaultId;
  /** The vault's revision that it made; ascending is the order in which changes happened. */
  revision: number;
  atMs: number;
  /** Absent when metering ends: the vault was deleted. */
  spec?: MeteredSpec;
}

/** What a vault held when an hour was looked at. */
export interface UsageSample {
  projectId: ProjectId;
  vaultId: VaultId;
  atMs: number;
  /** Bytes of its packs and segments, without noncurrent versions. */
  usedBytes: number;
  backupCount: number;
}

/** `from` inclusive, `to` exclusive. */
export interface Period {
  fromMs: number;
  toMs: number;
}

/** A vault in an hour, or in the part of one between two changes (spec row B3). */
export interface LedgerRow extends Period {
  vaultId: VaultId;
  spec: MeteredSpec;
  usedBytes: number;
  backupCount: number;
  /** No sample of the hour: the one before it is taken on. */
  isCarried: boolean;
}

/** How long the ledger is kept unless configured: 13 months, to compare one with a year ago. */
export const LEDGER_MS = 400 * DAY_MS;

/** When the hour, or the day (UTC), of `atMs` began. */
export const hourOf = (atMs: number): number => Math.floor(atMs / HOUR_MS) * HOUR_MS;
export const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS) * DAY_MS;

/** A stretch of time in which one vault was the same. */
export interface MeteredStretch extends Period {
  vaultId: VaultId;
  spec: MeteredSpec;
}

/**
 * The stretches of one vault within the period, from all its changes in order of revision. The last
 * one goes on to the end of the period. Clocks of two functions differ: a change that seems older
 * than the one before it counts from that one's time.
 */
export const meteredStretches = (
  changes: readonly VaultChange[],
  { fromMs, toMs }: Period,
): MeteredStretch[] => {
  let latestMs = 0;
  const starts = changes.map(({ atMs }) => (latestMs = Math.max(latestMs, atMs)));
  return changes.flatMap(({ vaultId, spec }, n) => {
    if (spec === undefined) return [];
    const from = Math.max(fromMs, starts[n]!);
    const to = Math.min(toMs, starts[n + 1] ?? toMs);
    return from < to ? [{ vaultId, spec, fromMs: from, toMs: to }] : [];
  });
};

/**
 * The ledger of one vault: its stretches, cut at every full hour. A sample counts for its whole
 * hour and for those after it until there is another; a new vault holds nothing. `samples` may
 * begin before the period, in any order.
 */
export function* ledgerRows(
  changes: readonly VaultChange[],
  samples: readonly UsageSample[],
  period: Period,
): Generator<LedgerRow> {
  const inOrder = samples.toSorted((a, b) => a.atMs - b.atMs);
  let next = 0;
  let held: UsageSample | undefined;
  for (const { toMs, ...stretch } of meteredStretches(changes, period)) {
    let fromMs = stretch.fromMs;
    while (fromMs < toMs) {
      const hourMs = hourOf(fromMs);
      const endMs = Math.min(toMs, hourMs + HOUR_MS);
      while (next < inOrder.length && hourOf(inOrder[next]!.atMs) <= hourMs) held = inOrder[next++];
      yield {
        ...stretch,
        fromMs,
        toMs: endMs,
        usedBytes: held?.usedBytes ?? 0,
        backupCount: held?.backupCount ?? 0,
        isCarried: held === undefined || hourOf(held.atMs) !== hourMs,
      };
      fromMs = endMs;
    }
  }
}

/** Which changes of one vault nobody needs any more: others took their place before `beforeMs`. */
export const supersededChanges = (
  changes: readonly VaultChange[],
  beforeMs: number,
): VaultChange[] =>
  changes.filter(
    ({ spec, atMs }, n) => (changes[n + 1]?.atMs ?? (spec ? Infinity : atMs)) < beforeMs,
  );
