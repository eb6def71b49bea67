import type { GarbagePlan } from '../lib/engine/plan-garbage.ts';
import { type CycleReport, collectVault, planCollection } from '../lib/service/collect-vault.ts';
import { CYCLES_MAX } from '../lib/service/run-collect-job.ts';
import { openLocalStores } from './local-stores.ts';

const CYCLE_MS = 10 * 60_000;
const DAY_MS = 86_400_000;
/** A command has no deadline to stay away from, and no workers. */
const UNHURRIED = { leaseMs: 0, rangeSegments: 1, workers: 1, taskKeptMs: Infinity, marginMs: 0 };

/**
 * Collects a vault of the running local mode now; `dryRun`: says what a cycle would do and does
 * none of it. `undeleteDays`: how long deleted backups are kept; that of local mode if undefined.
 */
export const collectNow = async (
  home: string,
  vaultId: string,
  { dryRun, undeleteDays }: { dryRun: boolean; undeleteDays: number },
): Promise<object> => {
  const { ports: stores, projectId, close } = await openLocalStores(home);
  const garbage = { windowMs: undeleteDays * DAY_MS };
  const ports = { ...stores, settings: { ...UNHURRIED, garbage } };
  try {
    const vault = { projectId, vaultId };
    if (dryRun) return shownPlan(await planCollection(vault, ports));
    const cycles: CycleReport[] = [];
    do cycles.push(await collectVault(vault, ports.clock.nowMs() + CYCLE_MS, ports));
    while (cycles.at(-1)?.hasMore && cycles.length < CYCLES_MAX);
    return shownCycles(cycles);
  } finally {
    close();
  }
};

const shownPlan = ({ blocked, steps, roots, leftovers, sessions }: GarbagePlan): object => ({
  ...(blocked.length > 0 ? { blocked: blocked.join('; ') } : {}),
  ...Object.fromEntries(
    steps.map(({ kind, packId, freedBytes }) => [
      `pack ${packId}`,
      `${kind}, frees ${freedBytes} bytes`,
    ]),
  ),
  ...Object.fromEntries(roots.map(({ id, name }) => [`backup ${id}`, `${name}: forget`])),
  ...Object.fromEntries(leftovers.map(({ key, sizeBytes }) => [key, `delete ${sizeBytes} bytes`])),
  sessionsToForget: sessions.length,
  freedBytes:
    steps.reduce((sum, { freedBytes }) => sum + freedBytes, 0) +
    leftovers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
});

const shownCycles = (cycles: CycleReport[]): object => {
  const blocked = cycles.flatMap((cycle) => cycle.blocked);
  const sum = (name: 'condemned' | 'revived' | 'deleted' | 'shrunk' | 'rootsRemoved') =>
    cycles.reduce((total, cycle) => total + cycle[name], 0);
  return {
    ...(blocked.length > 0 ? { blocked: blocked.join('; ') } : {}),
    cycles: cycles.length,
    condemned: sum('condemned'),
    revived: sum('revived'),
    deleted: sum('deleted'),
    shrunk: sum('shrunk'),
    backupsForgotten: sum('rootsRemoved'),
    freedBytes: cycles.reduce((total, { freedBytes }) => total + freedBytes, 0),
  };
};
