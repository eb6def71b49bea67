import { type Collected, collectGarbage } from '../engine/collect-garbage.ts';
import { GARBAGE_LIMITS, type GarbagePlan, planGarbage } from '../engine/plan-garbage.ts';
import { horizonOf, surveyVault } from '../engine/survey-vault.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { HoldfastError, isError } from '../errors.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import { hasEnded } from '../model/operation-log.ts';
import { isLeased } from '../model/session.ts';
import type { Vault } from '../model/vault.ts';
import type { DataPorts } from './data-ports.ts';
import { snapshotsOfRoots } from './drop-snapshot.ts';
import { hideAllBackups, removeEmptyVault } from './empty-vault.ts';
import { beginDeletionTask } from './log-vault-deletion.ts';

/** What a cycle needs of the world. */
export type CollectPorts = Pick<
  DataPorts,
  'catalog' | 'index' | 'objects' | 'keys' | 'disks' | 'clock' | 'ids' | 'probe' | 'settings'
>;

/** Whose request the deletion of a vault is, in the task log, when nobody else's is known. */
const REQUEST_ID = 'collector';

export interface VaultCollection {
  projectId: ProjectId;
  vaultId: VaultId;
}

/** What a cycle did and what it leaves. */
export interface CycleReport extends Collected {
  epoch: number;
  /** Why nothing was collected; somebody has to look. */
  blocked: string[];
  /** True when another cycle would find more to do right away. */
  hasMore: boolean;
}

/**
 * One cycle of the collector over one vault (rules R7 to R11, R14). It begins with a run of its own
 * and takes the vault away from any other: after a crash a new cycle reads everything anew.
 *
 * @param deadlineMs when this ends at the latest; what is left is for the next cycle
 */
export const collectVault = async (
  { projectId, vaultId }: VaultCollection,
  deadlineMs: number,
  ports: CollectPorts,
): Promise<CycleReport> => {
  const { catalog, clock, ids, probe } = ports;
  const vault = await catalog.vaults.get(projectId, vaultId);
  const isDeleted = vault.status === 'deleting';
  if (isDeleted) {
    // Whoever began the deletion may have died before it was logged.
    await beginDeletionTask(vault, REQUEST_ID, ports);
    await hideAllBackups(vault, ports);
  }
  await fenceForgotten({ projectId, vaultId }, ports);
  const limits = garbageLimits(vault, ports);
  const keys = vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys });
  const cycle = await catalog.garbage.begin(vaultId, ids.uuid());
  const nowMs = clock.nowMs();
  const surveying = { ...ports, projectId, vaultId, vaultKeys: keys };
  const { facts, usage } = await surveyVault(surveying, nowMs, async (running) => {
    const m0 = await catalog.garbage.setHorizon(cycle, horizonOf(running, cycle.epoch));
    return { epoch: cycle.epoch, m0 };
  });
  const isLate = () => clock.nowMs() >= deadlineMs - ports.settings.marginMs;
  const plan = planGarbage(facts, limits);
  if (plan.blocked.length > 0) reportBlocked(vaultId, plan, ports);
  const done = await collectGarbage(plan, {
    ...surveying,
    cycle,
    m0: facts.m0,
    indexKeyId: vault.keyId,
    hiddenBeforeMs: nowMs - limits.windowMs,
    release: snapshotsOfRoots(plan.roots, ports),
    isLate,
  });
  await catalog.garbage.setUsed(cycle, usage.usedBytes - done.freedBytes, usage.observed);
  const { epoch } = cycle;
  const isGone = isDeleted && (await removeEmptyVault(vault, cycle, ports));
  probe.note('vault.collected', { vaultId, epoch, m0: facts.m0, ...done });
  return { ...done, epoch, blocked: plan.blocked, hasMore: !isGone && (isLate() || hasMore(done)) };
};

/** What a cycle would do now. Reads alone: it takes the vault away from nobody. */
export const planCollection = async (
  { projectId, vaultId }: VaultCollection,
  ports: CollectPorts,
): Promise<GarbagePlan> => {
  const { catalog, clock } = ports;
  const vault = await catalog.vaults.get(projectId, vaultId);
  const keys = vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys });
  const surveying = { ...ports, projectId, vaultId, vaultKeys: keys };
  const { facts } = await surveyVault(surveying, clock.nowMs(), async (running) => {
    // Later than any: a cycle that begins now has the next epoch.
    const epoch = Number.MAX_SAFE_INTEGER;
    return { epoch, m0: horizonOf(running, epoch) };
  });
  return planGarbage(facts, garbageLimits(vault, ports));
};

/**
 * Fences sessions of tasks that have ended. The watchdog looks at the other tasks alone; a request
 * that came late may have opened one, and nothing would ever be collected again.
 */
const fenceForgotten = async (
  { projectId, vaultId }: VaultCollection,
  { catalog: { sessions, tasks }, clock, settings }: CollectPorts,
): Promise<void> => {
  for (const session of await sessions.listOpen(vaultId)) {
    if (isLeased(session, clock.nowMs(), settings.leaseMs)) continue;
    const isOver = await tasks.get(projectId, session.operationLogId).then(
      ({ status }) => hasEnded(status),
      (error: unknown) => {
        // So long over that it is no longer kept.
        if (isError(error, 'BackupService.6500')) return true;
        throw error;
      },
    );
    if (isOver) await sessions.end(vaultId, session.id, 'FENCED');
  }
};

/** Nobody takes a backup back of a vault that is being deleted, whatever clock it was hidden by. */
const garbageLimits = ({ status }: Vault, { settings }: CollectPorts) => {
  const limits = { ...GARBAGE_LIMITS, ...settings.garbage };
  return status === 'deleting' ? { ...limits, windowMs: Number.NEGATIVE_INFINITY } : limits;
};

const reportBlocked = (
  vaultId: VaultId,
  { blocked, isOutdated }: GarbagePlan,
  { probe }: CollectPorts,
): void => {
  const reason = `${blocked.length} finding(s), the first: ${blocked[0]}`;
  const code = isOutdated ? 'catalog.outdated' : 'collection.blocked';
  const error = new HoldfastError(code, { vaultId, reason });
  probe.problem('collection.blocked', error, { vaultId });
};

/** What was condemned can be deleted, and what a removed backup named can be condemned. */
const hasMore = ({ condemned, rootsRemoved, revived }: Collected): boolean =>
  condemned + rootsRemoved + revived > 0;
