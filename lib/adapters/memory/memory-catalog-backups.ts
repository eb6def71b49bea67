import type { BackupCounts } from '../../model/backup.ts';
import type { BackupCatalog } from '../../ports/catalog.ts';
import {
  isCheckpointToPut,
  isStatusToSet,
  isToBegin,
  isToHide,
  ownBackup,
  ownCheckpoint,
} from '../catalog-rules/backup-rules.ts';
import { backupEntryOf, inOrderOf, isEntryOf } from '../catalog-rules/list-rules.ts';
import {
  copyOf,
  epochOf,
  type MemoryCatalogState,
  newestFirst,
  oldestFirst,
  usageOf,
} from './memory-catalog-state.ts';

export const memoryBackups = (state: MemoryCatalogState): BackupCatalog => {
  const { backups, checkpoints, bindings, tasks } = state;
  const own = (projectId: string, id: string) => ownBackup(backups.get(id) ?? null, projectId, id);

  return {
    async putCheckpoint(checkpoint) {
      if (isCheckpointToPut(checkpoints.get(checkpoint.id) ?? null, checkpoint))
        checkpoints.set(checkpoint.id, copyOf(checkpoint));
    },

    async checkpoint(projectId, id) {
      return copyOf(ownCheckpoint(checkpoints.get(id) ?? null, projectId, id));
    },

    async begin(backup, task) {
      const bound = bindings.get(backup.disk.id);
      const binding = bound?.vaultId === backup.vaultId ? bound : null;
      const found = {
        backup: backups.get(backup.id) ?? null,
        task: tasks.get(task.id) ?? null,
        binding,
      };
      if (!isToBegin(found, backup, task)) return;
      bindings.set(backup.disk.id, { ...binding!, protectingTaskId: task.id });
      backups.set(backup.id, copyOf(backup));
      tasks.set(task.id, copyOf(task));
    },

    async get(projectId, id) {
      return copyOf(own(projectId, id));
    },

    async *entries(projectId, which) {
      const all = [...backups.values()].filter(
        (backup) => backup.projectId === projectId && isEntryOf(backup, which),
      );
      yield* copyOf(all.map(backupEntryOf)).toSorted(newestFirst);
    },

    async getAll(entries) {
      return copyOf(inOrderOf(entries, [...backups.values()]));
    },

    async counts(projectId, vaultId) {
      const counts: BackupCounts = {};
      for (const backup of backups.values()) {
        if (backup.projectId !== projectId || backup.status === 'deleted') continue;
        if ((vaultId ?? backup.vaultId) !== backup.vaultId) continue;
        counts[backup.status] = (counts[backup.status] ?? 0) + 1;
      }
      return counts;
    },

    async *ofVault(vaultId) {
      const own = [...backups.values()].filter((b) => b.vaultId === vaultId && b.root !== 'HIDDEN');
      yield* copyOf(own).toSorted(oldestFirst);
    },

    async *roots(vaultId) {
      const roots = [...backups.values()].filter((b) => b.vaultId === vaultId && b.root !== 'NONE');
      yield* copyOf(roots).toSorted(oldestFirst);
    },

    async rename(projectId, id, name, atMs) {
      const renamed = { ...own(projectId, id), name, updatedAtMs: atMs };
      backups.set(id, renamed);
      return copyOf(renamed);
    },

    async setStatus(projectId, id, status, { from, ...change }) {
      const stored = own(projectId, id);
      if (!isStatusToSet(stored, status, from)) return copyOf(stored);
      const { failure: _, ...rest } = stored;
      const { atMs, ...facts } = change;
      backups.set(id, copyOf({ ...rest, ...facts, status, updatedAtMs: atMs }));
      return copyOf(backups.get(id)!);
    },

    async hide(projectId, id, atMs) {
      const stored = own(projectId, id);
      if (!isToHide(stored)) return;
      if (stored.root === 'VISIBLE') usageOf(state, stored.vaultId).backupCount -= 1;
      const deletedEpoch = epochOf(state, stored.vaultId);
      backups.set(id, {
        ...stored,
        status: 'deleted',
        root: 'HIDDEN',
        deletedEpoch,
        hiddenAtMs: atMs,
        updatedAtMs: atMs,
      });
    },
  };
};
