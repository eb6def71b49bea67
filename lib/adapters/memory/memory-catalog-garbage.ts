import type { Backup } from '../../model/backup.ts';
import { commonSlots, type Pack, type PackState } from '../../model/pack.ts';
import type { Cycle, GarbageCatalog } from '../../ports/garbage-catalog.ts';
import {
  checkHorizon,
  condemning,
  countedBy,
  deleting,
  deletingOrphan,
  isHorizonToSet,
  isPackToRemove,
  isSessionToRemove,
  isToUndelete,
  orphanOf,
  ownRun,
  quarantiningShrinking,
  removingRoot,
  resealing,
  revivedState,
  reviving,
  shrinking,
  undeleted,
  type Verdict,
} from '../catalog-rules/garbage-rules.ts';
import { lastChange } from '../catalog-rules/ledger-rules.ts';
import { checkCollecting } from '../catalog-rules/reconcile-rules.ts';
import { refuse } from '../catalog-rules/refusal.ts';
import { checkVaultIsEmpty, isToStartDeleting, ownVault } from '../catalog-rules/vault-rules.ts';
import {
  copyOf,
  epochOf,
  epochStateOf,
  inVault,
  isDeletingVault,
  type MemoryCatalogState,
  usageOf,
} from './memory-catalog-state.ts';

export const memoryGarbage = (state: MemoryCatalogState): GarbageCatalog => {
  const { vaults, epochs, runs, packs, backups, sessions, ranges, checkpoints, bindings } = state;

  const runningEpoch = (vaultId: string, epoch: number) => {
    const run = runs.get(vaultId);
    return { epoch, ...(run && { run }) };
  };
  const current = (cycle: Cycle) => {
    const epoch = epochs.get(cycle.vaultId);
    return ownRun(epoch === undefined ? null : runningEpoch(cycle.vaultId, epoch), cycle);
  };
  const under = (cycle: Cycle, m0: number) => checkHorizon(current(cycle), m0);
  const packOf = ({ vaultId }: Cycle, id: string) => packs.get(inVault(vaultId, id)) ?? null;

  /** Changes the pack when the verdict says so. */
  const move = (pack: Pack | null, verdict: Verdict, to: PackState, change: Partial<Pack> = {}) => {
    if (pack !== null && verdict === 'write') {
      const { condemnedEpoch: _, ...rest } = pack;
      packs.set(inVault(pack.vaultId, pack.id), copyOf({ ...rest, ...change, state: to }));
    }
    return verdict !== 'no';
  };

  const sessionsOf = (vaultId: string) =>
    [...sessions.values()].filter((session) => session.vaultId === vaultId);

  return {
    async *vaultIds() {
      for (const { projectId, id } of vaults.values()) yield { projectId, vaultId: id };
    },

    async begin(vaultId, runId) {
      checkCollecting(vaultId, epochStateOf(state, vaultId));
      if (runs.get(vaultId)?.runId !== runId) {
        epochs.set(vaultId, epochOf(state, vaultId) + 1);
        runs.set(vaultId, { runId });
      }
      return { vaultId, runId, epoch: epochOf(state, vaultId) };
    },

    async setHorizon(cycle, m0) {
      const run = current(cycle);
      if (isHorizonToSet(run, cycle, m0)) run.horizon = m0;
      return run.horizon!;
    },

    async horizon(cycle) {
      return current(cycle).horizon ?? null;
    },

    async *packs(vaultId) {
      const own = [...packs.values()].filter((pack) => pack.vaultId === vaultId);
      yield* copyOf(own).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },

    async condemn(cycle, packId, m0) {
      under(cycle, m0);
      const pack = packOf(cycle, packId);
      const condemnedEpoch = cycle.epoch;
      return move(pack, condemning(pack, cycle, m0), 'CONDEMNED', { condemnedEpoch });
    },

    async revive(cycle, packId) {
      current(cycle);
      const pack = packOf(cycle, packId);
      return move(pack, reviving(pack), pack ? revivedState(pack) : 'GONE');
    },

    async startDeleting(cycle, packId, m0) {
      under(cycle, m0);
      const pack = packOf(cycle, packId);
      const session = pack && sessions.get(inVault(cycle.vaultId, pack.sessionId));
      return move(pack, deleting(pack, session ?? null, m0), 'DELETING');
    },

    async startDeletingOrphan(cycle, packId) {
      current(cycle);
      const verdict = deletingOrphan(packOf(cycle, packId));
      if (verdict === 'write')
        packs.set(inVault(cycle.vaultId, packId), orphanOf(cycle.vaultId, packId));
      return verdict !== 'no';
    },

    async removePack(cycle, packId) {
      current(cycle);
      if (isPackToRemove(packOf(cycle, packId), packId))
        packs.delete(inVault(cycle.vaultId, packId));
    },

    async startShrinking(cycle, packId, m0) {
      under(cycle, m0);
      const pack = packOf(cycle, packId);
      return move(pack, shrinking(pack, m0), 'SHRINKING');
    },

    async finishShrinking(cycle, packId, shrunk) {
      current(cycle);
      const pack = packOf(cycle, packId);
      return move(pack, resealing(pack, shrunk), 'SEALED', shrunk);
    },

    async quarantineShrinking(cycle, packId, { live, reason }) {
      current(cycle);
      const pack = packOf(cycle, packId);
      const present = commonSlots(pack?.present ?? live, live);
      return move(pack, quarantiningShrinking(pack), 'QUARANTINED', { present, reason });
    },

    async removeRoot(cycle, { projectId, id }, when) {
      under(cycle, when.m0);
      const stored = backups.get(id);
      const backup = stored?.projectId === projectId ? stored : null;
      const verdict = removingRoot(backup, when);
      if (backup !== null && verdict === 'write') {
        backups.delete(id);
        const { checkpointId } = backup;
        const named = checkpoints.get(checkpointId)?.backups ?? [];
        if (!named.some(({ backupId }) => backups.has(backupId))) checkpoints.delete(checkpointId);
      }
      return verdict !== 'no';
    },

    async undelete(projectId, backupId, atMs) {
      const stored = backups.get(backupId) ?? null;
      const isDeleting = stored !== null && isDeletingVault(state, stored.vaultId);
      if (isToUndelete(stored, projectId, backupId, isDeleting)) {
        const backup: Backup = undeleted(stored!, atMs);
        usageOf(state, backup.vaultId).backupCount += 1;
        backups.set(backupId, backup);
      }
      return copyOf(backups.get(backupId)!);
    },

    async *endedSessions(vaultId) {
      const ended = sessionsOf(vaultId).filter((session) => session.state !== 'OPEN');
      yield* copyOf(ended).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    },

    async removeSession(cycle, sessionId) {
      current(cycle);
      const key = inVault(cycle.vaultId, sessionId);
      if (!isSessionToRemove(sessions.get(key) ?? null)) return;
      ranges.delete(key);
      sessions.delete(key);
    },

    async observeUsage(vaultId) {
      const { usedBytes } = usageOf(state, vaultId);
      const ended = sessionsOf(vaultId).filter((session) => session.state !== 'OPEN');
      return { usedBytes, endedSessions: ended.map(({ id }) => id).toSorted() };
    },

    async countedUsage(vaultId) {
      return countedBy(runningEpoch(vaultId, epochOf(state, vaultId)));
    },

    async setUsed(cycle, usedBytes, observed) {
      const run = current(cycle);
      if (run.hasCounted) return;
      run.hasCounted = true;
      usageOf(state, cycle.vaultId).usedBytes += usedBytes - observed.usedBytes;
    },

    async startDeletingVault(projectId, vaultId, atMs) {
      const vault = ownVault(vaults.get(vaultId) ?? null, projectId, vaultId);
      const bound = [...bindings.values()].filter((binding) => binding.vaultId === vaultId);
      const { backupCount } = usageOf(state, vaultId);
      if (isToStartDeleting(vault, { bindingCount: bound.length, backupCount })) {
        const revision = vault.revision + 1;
        vaults.set(vaultId, { ...vault, status: 'deleting', revision, updatedAtMs: atMs });
        state.vaultChanges.push(lastChange(vault, atMs));
      }
      return copyOf(vaults.get(vaultId)!);
    },

    async removeVaultItems(cycle) {
      const { vaultId } = cycle;
      if (!epochs.has(vaultId)) return;
      current(cycle);
      const own = (record: { vaultId: string }) => record.vaultId === vaultId;
      if (!isDeletingVault(state, vaultId)) refuse(`vault ${vaultId}`, 'it is not being deleted');
      checkVaultIsEmpty(vaultId, {
        hasPacks: [...packs.values()].some(own),
        hasBackups: [...backups.values()].some(own),
        hasOpenSessions: sessionsOf(vaultId).some((session) => session.state === 'OPEN'),
      });
      for (const { id } of sessionsOf(vaultId)) {
        ranges.delete(inVault(vaultId, id));
        sessions.delete(inVault(vaultId, id));
      }
      for (const [name, key] of state.keys) if (own(key)) state.keys.delete(name);
      for (const [name, applied] of state.applied) if (own(applied)) state.applied.delete(name);
      for (const kept of [runs, epochs, state.epochStates, state.usage, vaults])
        kept.delete(vaultId);
    },
  };
};
