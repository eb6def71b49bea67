import { HoldfastError, isError } from '../errors.ts';
import {
  type CostGroup,
  type CostReport,
  type CountedBackup,
  costGroups,
  FORECAST,
  forecastCosts,
  type LedgerFacts,
  totalUsage,
} from '../model/cost-report.ts';
import { DAY_MS } from '../model/duration.ts';
import type { DiskId, ProjectId } from '../model/ids.ts';
import { dayOf, type UsageSample } from '../model/usage-ledger.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listAll } from './list-page.ts';
import { mapLimited } from './map-limited.ts';

export interface ReportCostsCommand {
  /** Default: 30 days before the end. */
  fromMs?: number | undefined;
  /** Default, and at most: now. */
  toMs?: number | undefined;
  /** Grouped by the values of this tag; absent = by vault. */
  tagKey?: string | undefined;
  limit: number;
  offset: number;
}

type Ports = Pick<ApiPorts, 'catalog' | 'disks' | 'clock'>;

/** A month of 1,400 vaults; more do not fit into the memory of a function. */
const SAMPLES_MAX = 1_000_000;

/**
 * What the project's vaults have used in a period and what they will (spec rows B4, B7, B10), from
 * the ledger; vaults that are deleted since are in it. `Holdfast.ListTooLong` when the period has
 * too much for one answer: ask for a shorter one.
 */
export async function reportCosts(
  command: ReportCostsCommand,
  { projectId }: Caller,
  ports: Ports,
): Promise<CostReport> {
  const { tagKey, limit, offset } = command;
  const toMs = Math.min(command.toMs ?? Infinity, ports.clock.nowMs());
  const fromMs = command.fromMs ?? toMs - FORECAST.daysMax * DAY_MS;
  if (fromMs >= toMs) {
    const reason = 'must be before the end of the report, which is not after now';
    throw new HoldfastError('BackupService.9900', { field: 'from', reason });
  }
  // Nothing of before the period's first day: a shorter one must always be answered.
  const facts = await readFacts(projectId, dayOf(fromMs), toMs, ports);
  const groups = costGroups(facts, { fromMs, toMs }, tagKey).toSorted(dearestFirst);
  return {
    fromMs,
    toMs,
    by: tagKey === undefined ? 'vault' : `tag:${tagKey}`,
    groups: groups.slice(offset, offset + limit),
    count: groups.length,
    limit,
    offset,
    total: totalUsage(groups.map(({ usage }) => usage)),
    forecast: forecastCosts(facts, { fromMs, toMs }),
    idle: await idleVaults(facts, ports),
  };
}

const dearestFirst = (a: CostGroup, b: CostGroup): number =>
  compare(b.usage.storedByteMs, a.usage.storedByteMs) ||
  compare(b.usage.capacityGibMs, a.usage.capacityGibMs) ||
  compare(a.key ?? '', b.key ?? '');

const compare = <T extends bigint | string>(a: T, b: T): number => (a < b ? -1 : Number(a > b));

async function readFacts(
  projectId: ProjectId,
  /** When a day began. */
  sinceMs: number,
  toMs: number,
  { catalog }: Ports,
): Promise<LedgerFacts> {
  const changes = await listAll(catalog.ledger.changes(projectId));
  // A day more: what was held when the period began.
  const firstDayMs = Math.max(0, sinceMs - DAY_MS);
  const createdMs = Math.min(toMs, ...changes.map(({ atMs }) => atMs));
  const days: number[] = [];
  for (let dayMs = Math.max(firstDayMs, dayOf(createdMs)); dayMs < toMs; dayMs += DAY_MS)
    days.push(dayMs);
  const samples: UsageSample[] = [];
  await mapLimited(days, async (dayMs) => {
    for await (const sample of catalog.ledger.samples(projectId, dayMs)) samples.push(sample);
    if (samples.length > SAMPLES_MAX)
      throw new HoldfastError('Holdfast.ListTooLong', { max: SAMPLES_MAX });
  });
  return {
    changes: Map.groupBy(changes, ({ vaultId }) => vaultId),
    samples: Map.groupBy(samples, ({ vaultId }) => vaultId),
    backups: await countedBackups(projectId, sinceMs, toMs, catalog),
  };
}

async function countedBackups(
  projectId: ProjectId,
  createdFromMs: number,
  createdToMs: number,
  { tasks }: Ports['catalog'],
): Promise<CountedBackup[]> {
  const backups: CountedBackup[] = [];
  const types = ['backup'] as const;
  const which = { types, createdFromMs, createdToMs };
  const entries = await listAll(tasks.entries(projectId, which));
  for (const { outcome, vaultId, totalBytes, createdAtMs } of await tasks.getAll(entries)) {
    if (outcome === undefined) continue;
    const bytes = (name: string): number => Number(outcome[name] ?? 0);
    backups.push({
      vaultId,
      atMs: createdAtMs,
      totalBytes,
      storedBytes: bytes('storedBytes'),
      newBytes: bytes('newBytes'),
      deduplicatedBytes: bytes('deduplicatedBytes'),
    });
  }
  return backups;
}

async function idleVaults({ changes }: LedgerFacts, ports: Ports): Promise<CostReport['idle']> {
  const latest = [...changes.values()].map((ofVault) => ofVault.at(-1)!);
  const found = await mapLimited(latest, async ({ vaultId, spec }) => {
    if (spec === undefined) return [];
    const bindings = await ports.catalog.vaults.bindings(vaultId);
    for (const { diskId } of bindings) if (await isThere(diskId, ports)) return [];
    return [{ vaultId, name: spec.name }];
  });
  return found.flat();
}

async function isThere(diskId: DiskId, { disks }: Ports): Promise<boolean> {
  try {
    await disks.describe(diskId);
    return true;
  } catch (error) {
    if (isError(error, 'disk.missing')) return false;
    throw error;
  }
}
