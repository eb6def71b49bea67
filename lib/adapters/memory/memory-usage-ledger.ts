import { dayOf, type UsageSample } from '../../model/usage-ledger.ts';
import type { UsageLedger } from '../../ports/usage-ledger.ts';
import { firstChange, isSampleToAdd } from '../catalog-rules/ledger-rules.ts';
import { copyOf, type MemoryCatalogState } from './memory-catalog-state.ts';

export const memoryUsageLedger = (state: MemoryCatalogState): UsageLedger => ({
  async *changes(projectId) {
    const own = state.vaultChanges.filter((one) => (projectId ?? one.projectId) === one.projectId);
    yield* copyOf(own).toSorted(
      (a, b) =>
        compare(a.projectId, b.projectId) ||
        compare(a.vaultId, b.vaultId) ||
        a.revision - b.revision,
    );
  },

  async begin(vault) {
    const isThere = state.vaultChanges.some(
      ({ vaultId, revision }) => vaultId === vault.id && revision === vault.revision,
    );
    if (!isThere) state.vaultChanges.push(copyOf(firstChange(vault)));
  },

  async removeChange({ vaultId, revision }) {
    state.vaultChanges = state.vaultChanges.filter(
      (one) => one.vaultId !== vaultId || one.revision !== revision,
    );
  },

  async addSample(sample) {
    const ofVault = state.samples.filter(({ vaultId }) => vaultId === sample.vaultId);
    if (isSampleToAdd(ofVault, sample)) state.samples.push(copyOf(sample));
  },

  async *samples(projectId, dayMs) {
    const ofDay = state.samples.filter(
      (one) => one.projectId === projectId && dayOf(one.atMs) === dayMs,
    );
    yield* copyOf(ofDay).toSorted(inOrder);
  },

  async removeSamples(projectId, dayMs) {
    state.samples = state.samples.filter(
      (one) => one.projectId !== projectId || dayOf(one.atMs) >= dayMs,
    );
  },
});

const inOrder = (a: UsageSample, b: UsageSample): number =>
  compare(a.vaultId, b.vaultId) || a.atMs - b.atMs;

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
