import { hasEnded, OPERATION_TYPES } from '../../model/operation-log.ts';
import type { TaskCatalog } from '../../ports/catalog.ts';
import { inOrderOf, isEntryOf, taskEntryOf } from '../catalog-rules/list-rules.ts';
import {
  checkStart,
  isTaskToCreate,
  isTaskToEnd,
  isToCancel,
  ownTask,
} from '../catalog-rules/task-rules.ts';
import {
  copyOf,
  type MemoryCatalogState,
  newestFirst,
  oldestFirst,
} from './memory-catalog-state.ts';

export const memoryTasks = ({ tasks, progress, bindings }: MemoryCatalogState): TaskCatalog => {
  const own = (projectId: string, id: string) => ownTask(tasks.get(id) ?? null, projectId, id);

  return {
    async create(task) {
      if (isTaskToCreate(tasks.get(task.id) ?? null, task)) tasks.set(task.id, copyOf(task));
    },

    async get(projectId, id) {
      return copyOf(own(projectId, id));
    },

    async *entries(projectId, which) {
      const { types = OPERATION_TYPES } = which;
      const all = [...tasks.values()].filter(
        (task) =>
          task.projectId === projectId && types.includes(task.type) && isEntryOf(task, which),
      );
      yield* copyOf(all.map(taskEntryOf)).toSorted(newestFirst);
    },

    async getAll(entries) {
      return copyOf(inOrderOf(entries, [...tasks.values()]));
    },

    async *unfinished() {
      const all = [...tasks.values()].filter((task) => !hasEnded(task.status));
      yield* copyOf(all).toSorted(oldestFirst);
    },

    async start(projectId, id, change) {
      const { atMs, ...facts } = change;
      const task = own(projectId, id);
      checkStart(task);
      const startedAtMs = task.startedAtMs ?? atMs;
      tasks.set(id, { ...task, ...facts, status: 'running', startedAtMs, updatedAtMs: atMs });
      return copyOf(tasks.get(id)!);
    },

    async progress(projectId, id, { from, doneBytes, atMs }) {
      const task = own(projectId, id);
      if (hasEnded(task.status)) return { cancelRequested: true };
      task.updatedAtMs = Math.max(task.updatedAtMs, atMs);
      const ranges = progress.get(id) ?? new Map<number, number>();
      progress.set(id, ranges.set(from, Math.max(ranges.get(from) ?? 0, doneBytes)));
      return { cancelRequested: task.cancelRequested };
    },

    async doneBytes(projectId, id) {
      own(projectId, id);
      return [...(progress.get(id)?.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
    },

    async end(projectId, id, end) {
      const { atMs, outcome, ...facts } = end;
      const task = own(projectId, id);
      if (!isTaskToEnd(task, end.status)) return copyOf(task);
      const ended = { ...task, ...facts, endedAtMs: atMs, updatedAtMs: atMs };
      tasks.set(id, copyOf(outcome === undefined ? ended : { ...ended, outcome }));
      const binding = bindings.get(task.disk.id);
      if (binding?.protectingTaskId === id) {
        const { protectingTaskId: _, ...free } = binding;
        bindings.set(task.disk.id, free);
      }
      return copyOf(tasks.get(id)!);
    },

    async removeEnded(beforeMs, max) {
      const old = [...tasks.values()].filter((task) => (task.endedAtMs ?? beforeMs) < beforeMs);
      const removed = old.toSorted((a, b) => a.endedAtMs! - b.endedAtMs!).slice(0, max);
      for (const { id } of removed) {
        tasks.delete(id);
        progress.delete(id);
      }
      return removed.length;
    },

    async requestCancel(projectId, id, atMs) {
      const task = own(projectId, id);
      if (isToCancel(task)) {
        task.cancelRequested = true;
        task.updatedAtMs = Math.max(task.updatedAtMs, atMs);
      }
      return copyOf(task);
    },
  };
};
