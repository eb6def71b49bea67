import type { Cycle } from '../../ports/garbage-catalog.ts';
import type { ReconcileCatalog } from '../../ports/reconcile-catalog.ts';
import { type RunningEpoch } from '../catalog-rules/garbage-rules.ts';
import {
  bringingBack,
  broughtBack,
  checkReconciling,
  dropping,
  givenUp,
  isToHideAnew,
  isToReconcile,
  isToReopen,
  ownReconciliation,
  puttingSession,
  replacing,
} from '../catalog-rules/reconcile-rules.ts';
import { isVaultToCreate } from '../catalog-rules/vault-rules.ts';
import {
  copyOf,
  epochOf,
  epochStateOf,
  inVault,
  type MemoryCatalogState,
  usageOf,
} from './memory-catalog-state.ts';
import { putVault } from './memory-catalog-vaults.ts';

export const memoryReconciling = (state: MemoryCatalogState): ReconcileCatalog => {
  const { vaults, epochs, epochStates, runs, packs, backups, sessions, checkpoints } = state;

  const running = (vaultId: string): RunningEpoch | null => {
    const epoch = epochs.get(vaultId);
    const run = runs.get(vaultId);
    return epoch === undefined ? null : { epoch, ...(run && { run }) };
  };
  const check = (run: Cycle) =>
    checkReconciling(running(run.vaultId), epochStateOf(state, run.vaultId), run);

  return {
    async state(vaultId) {
      epochOf(state, vaultId);
      return epochStateOf(state, vaultId);
    },

    async createVault(vault, keys) {
      if (!isVaultToCreate(vaults.get(vault.id) ?? null, epochs.has(vault.id), vault)) return;
      putVault(state, vault, keys);
      epochStates.set(vault.id, 'RECONCILING');
    },

    async begin(vaultId, runId) {
      const epoch = epochOf(state, vaultId);
      if (!isToReconcile(running(vaultId)!, epochStateOf(state, vaultId), runId))
        return { vaultId, runId, epoch };
      epochs.set(vaultId, epoch + 1);
      epochStates.set(vaultId, 'RECONCILING');
      runs.set(vaultId, { runId });
      return { vaultId, runId, epoch: epoch + 1 };
    },

    async putSession(run, session) {
      check(run);
      const key = inVault(run.vaultId, session.id);
      const stored = sessions.get(key) ?? null;
      if (puttingSession(stored, session) === 'write')
        sessions.set(key, copyOf({ ...(stored ?? session), state: session.state }));
    },

    async putPack(run, pack) {
      check(run);
      const key = inVault(run.vaultId, pack.id);
      const verdict = replacing(packs.get(key) ?? null, pack);
      if (typeof verdict === 'object') packs.set(key, copyOf(verdict.put));
      return verdict !== 'no';
    },

    async dropPack(run, packId) {
      check(run);
      const key = inVault(run.vaultId, packId);
      const verdict = dropping(packs.get(key) ?? null);
      if (verdict === 'write') packs.delete(key);
      return verdict !== 'no';
    },

    async putCheckpoint(run, checkpoint) {
      check(run);
      if (!checkpoints.has(checkpoint.id)) checkpoints.set(checkpoint.id, copyOf(checkpoint));
    },

    async bringBack(run, backup, session) {
      check(run);
      const key = inVault(run.vaultId, session.id);
      const known = sessions.get(key) ?? null;
      const stored = backups.get(backup.id) ?? null;
      const verdict = bringingBack(stored, known, backup);
      if (verdict === 'write') {
        sessions.set(key, copyOf({ ...(known ?? session), state: 'COMMITTED' }));
        backups.set(backup.id, copyOf(broughtBack(stored, backup)));
        usageOf(state, run.vaultId).backupCount += 1;
      }
      return verdict !== 'no';
    },

    async giveUp(run, { id }, failure, atMs) {
      check(run);
      const stored = backups.get(id);
      if (stored?.manifest === undefined) return;
      if (stored.root === 'VISIBLE') usageOf(state, run.vaultId).backupCount -= 1;
      backups.set(id, givenUp(stored, failure, atMs));
    },

    async hideAnew(run, { id, failure }, atMs) {
      check(run);
      const stored = backups.get(id) ?? null;
      if (!isToHideAnew(stored, run)) return;
      const anew = { deletedEpoch: run.epoch, hiddenAtMs: atMs, ...(failure && { failure }) };
      backups.set(id, { ...stored, ...anew });
    },

    async end(run) {
      const { vaultId } = run;
      if (isToReopen(ownReconciliation(running(vaultId), epochStateOf(state, vaultId), run)))
        epochStates.set(vaultId, 'OPEN');
    },
  };
};
