import {
  hasEnded,
  OPERATION_TRANSITIONS,
  type OperationStatus,
} from '../../../model/operation-log.ts';
import { statesBefore } from '../../../model/state-table.ts';
import type { TaskCatalog } from '../../../ports/catalog.ts';
import { inOrderOf } from '../../catalog-rules/list-rules.ts';
import {
  checkStart,
  isTaskToCreate,
  isTaskToEnd,
  isToCancel,
  ownTask,
} from '../../catalog-rules/task-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import {
  bindingCodec,
  endedTaskCodec,
  progressCodec,
  taskCodec,
  taskItems,
  unfinishedTaskCodec,
} from './codecs.ts';
import { taskChange, taskEntries } from './entries.ts';
import type { Write } from './expression.ts';
import { keys, prefixes } from './keys.ts';
import { isConditionFailed, reading, settle } from './settle.ts';

const UNFINISHED = (Object.keys(OPERATION_TRANSITIONS) as OperationStatus[]).filter(
  (status) => !hasEnded(status),
);

export const dynamoTasks = (table: CatalogTable): TaskCatalog => {
  const read = (id: string) => table.get(taskCodec, keys.task(id));
  const own = async (projectId: string, id: string) => ownTask(await read(id), projectId, id);

  return {
    async create(task) {
      await settle('tasks.create', table.limits, async () => {
        if (!isTaskToCreate(await read(task.id), task)) return { done: undefined };
        const writes = taskItems(task).map((put) => ({ put, when: { exists: false } }));
        return { write: () => table.transact(writes) };
      });
    },

    get: own,

    entries: (projectId, which) => taskEntries(table, projectId, which),

    async getAll(entries) {
      const found = await table.getAll(
        taskCodec,
        entries.map(({ id }) => keys.task(id)),
      );
      return inOrderOf(entries, found);
    },

    async *unfinished() {
      for await (const items of table.pages(prefixes.unfinishedTasks())) {
        const ids = items.map((item) => unfinishedTaskCodec.decode(item).id);
        const tasks = await table.getAll(taskCodec, ids.map(keys.task));
        yield* tasks
          .filter((task) => !hasEnded(task.status))
          .toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
      }
    },

    async start(projectId, id, change) {
      const { atMs, ...facts } = change;
      const status = ['running', ...statesBefore(OPERATION_TRANSITIONS, 'running')];
      return settle('tasks.start', table.limits, async () => {
        const task = await own(projectId, id);
        checkStart(task);
        const set = { ...facts, ...taskChange(task, { status: 'running' }), updatedAtMs: atMs };
        const changed = { set, setOnce: { startedAtMs: atMs } };
        const when = { equal: { projectId }, oneOf: { status } };
        return {
          write: async () => taskCodec.decode(await table.update(keys.task(id), changed, when)),
        };
      });
    },

    async progress(projectId, id, progress) {
      return settle('tasks.progress', table.limits, async () => ({
        write: () => recordProgress(table, projectId, id, progress),
      }));
    },

    async doneBytes(projectId, id) {
      let doneBytes = 0;
      let task = null;
      for await (const items of table.pages(prefixes.taskAndProgress(id)))
        for (const item of items)
          if (item['sk'] === keys.task(id).sk) task = taskCodec.decode(item);
          else doneBytes += progressCodec.decode(item).doneBytes;
      ownTask(task, projectId, id);
      return doneBytes;
    },

    async end(projectId, id, end) {
      return settle('tasks.end', table.limits, async () => {
        const task = await own(projectId, id);
        if (!isTaskToEnd(task, end.status)) return { done: task };
        const binding = await table.get(bindingCodec, keys.binding(task.vaultId, task.disk.id));
        const { atMs, status, ...facts } = end;
        const changed = taskChange(task, { status, endedAtMs: atMs });
        const writes: Write[] = [
          {
            update: keys.task(id),
            change: { set: { ...facts, ...changed, updatedAtMs: atMs } },
            when: { oneOf: { status: statesBefore(OPERATION_TRANSITIONS, status) } },
          },
          { remove: keys.unfinishedTask(task.createdAtMs, id) },
          { put: endedTaskCodec.encode({ id, endedAtMs: atMs }) },
        ];
        // Only `begin` sets it, together with the task: if it is not there now, it never will be.
        if (binding?.protectingTaskId === id)
          writes.push({
            update: keys.binding(task.vaultId, task.disk.id),
            change: { remove: ['protectingTaskId'] },
            when: { equal: { protectingTaskId: id } },
          });
        return { write: () => table.transact(writes).then(() => own(projectId, id)) };
      });
    },

    async removeEnded(beforeMs, max) {
      let removed = 0;
      for await (const items of table.pages(prefixes.endedTasks()))
        for (const { id, endedAtMs } of items.map((item) => endedTaskCodec.decode(item))) {
          if (endedAtMs >= beforeMs || removed >= max) return removed;
          // The mark goes last: a run that is cut off is gone on with.
          await reading('tasks.removeEnded', () => table.removeAll(prefixes.taskAndProgress(id)));
          await reading('tasks.removeEnded', () => table.remove(keys.endedTask(endedAtMs, id)));
          removed++;
        }
      return removed;
    },

    async requestCancel(projectId, id, atMs) {
      return settle('tasks.requestCancel', table.limits, async () => {
        const task = await own(projectId, id);
        if (!isToCancel(task)) return { done: task };
        const set = { cancelRequested: true, updatedAtMs: Math.max(task.updatedAtMs, atMs) };
        const when = { oneOf: { status: UNFINISHED } };
        return {
          write: async () => taskCodec.decode(await table.update(keys.task(id), { set }, when)),
        };
      });
    },
  };
};

/**
 * Two small writes, no transaction: workers of one task report at once and would contend. Both only
 * ever grow, so they may be repeated; a count that lands just after the task's end is never shown.
 */
const recordProgress = async (
  table: CatalogTable,
  projectId: string,
  id: string,
  { from, doneBytes, atMs }: Parameters<TaskCatalog['progress']>[2],
): Promise<{ cancelRequested: boolean }> => {
  const when = { equal: { projectId }, oneOf: { status: UNFINISHED } };
  const set = { updatedAtMs: atMs };
  const later = { ...when, below: set };
  const updated = await unlessConditionFails(table.update(keys.task(id), { set }, later));
  const stored = updated ? taskCodec.decode(updated) : await table.get(taskCodec, keys.task(id));
  const task = ownTask(stored, projectId, id);
  if (hasEnded(task.status)) return { cancelRequested: true };
  const change = { set: { id, from, doneBytes } };
  await unlessConditionFails(
    table.update(keys.progress(id, from), change, { below: { doneBytes } }),
  );
  return { cancelRequested: task.cancelRequested };
};

/** The item, or `null` when the condition does not hold. */
const unlessConditionFails = async <T>(write: Promise<T>): Promise<T | null> => {
  try {
    return await write;
  } catch (error) {
    if (isConditionFailed(error)) return null;
    throw error;
  }
};
