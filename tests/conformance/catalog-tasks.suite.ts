import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import type { OperationLog } from '../../lib/model/operation-log.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { all, expectCode, many, race } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  givenBegun,
  givenVault,
  looseTask,
  someBackup,
  someTask,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

export const taskCases = (subject: Subject): void => {
  creationCases(subject);
  progressCases(subject);
  endCases(subject);
  cancelCases(subject);
  removalCases(subject);
};

const creationCases = (subject: Subject): void => {
  it('gives back a task of the project as it was put', async () => {
    const { tasks } = subject().catalog;
    const task = looseTask({
      type: 'restore',
      target: { diskId: randomUUID(), name: 'new', isNew: true, sizeBytes: 512 },
      percent: 50,
      outcome: { damaged: ['a', 'b'], blocks: 7, note: 'text' },
      failure: { code: 'bug', message: 'no' },
    });
    await tasks.create(task);
    await tasks.create(task);
    expect(await tasks.get(task.projectId, task.id)).toStrictEqual(task);
    await expectCode(tasks.get(randomUUID(), task.id), 'BackupService.6500');
    await expectCode(tasks.get(task.projectId, randomUUID()), 'BackupService.6500');
    await expectCode(tasks.create({ ...task, backupId: randomUUID() }), 'catalog.conflict');
    expect(await tasks.get(task.projectId, task.id)).toStrictEqual(task);
  });

  it('creates a task again without a change when it has moved on', async () => {
    const { tasks } = subject().catalog;
    const task = await givenTask(subject().catalog);
    const ended = await tasks.end(task.projectId, task.id, { status: 'failed', atMs: AT_MS });
    await tasks.create(task);
    expect(await tasks.get(task.projectId, task.id)).toStrictEqual(ended);
    expect(await unfinishedIds(subject().catalog)).not.toContain(task.id);
  });

  it('shows the unfinished tasks of all projects, more than a page of them', async () => {
    const { catalog } = subject();
    const given: OperationLog[] = [];
    await many(120, async (n) => {
      const task = looseTask({ vaultName: 'x'.repeat(10_000), createdAtMs: AT_MS - n });
      await catalog.tasks.create(task);
      if (n % 10 === 0) {
        const end = { status: 'success', atMs: AT_MS } as const;
        await catalog.tasks.end(task.projectId, task.id, end);
      } else given.push(task);
    });
    const skipped = looseTask({ status: 'skipped' });
    await catalog.tasks.create(skipped);
    const { task: begun } = await givenBegun(catalog, await givenVault(catalog));
    const ids = await unfinishedIds(catalog);
    expect(ids).toEqual(expect.arrayContaining([...given.map(({ id }) => id), begun.id]));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).not.toContain(skipped.id);
    for (const task of await all(catalog.tasks.unfinished()))
      expect(['waiting', 'running']).toContain(task.status);
  }, 60_000);
};

const progressCases = (subject: Subject): void => {
  it('starts a task, and takes the facts of a restart', async () => {
    const { tasks } = subject().catalog;
    const task = await givenTask(subject().catalog);
    const { projectId, id } = task;
    const start = { atMs: AT_MS + 5, totalBytes: 4096 };
    const running = {
      ...task,
      status: 'running',
      totalBytes: 4096,
      startedAtMs: AT_MS + 5,
      updatedAtMs: AT_MS + 5,
    };
    expect(await tasks.start(projectId, id, start)).toStrictEqual(running);
    expect(await tasks.start(projectId, id, start)).toStrictEqual(running);
    const restart = { atMs: AT_MS + 9, totalBytes: 8192, restarts: 1 };
    expect(await tasks.start(projectId, id, restart)).toStrictEqual({
      ...running,
      totalBytes: 8192,
      restarts: 1,
      updatedAtMs: AT_MS + 9,
    });
    await expectCode(tasks.start(randomUUID(), id, start), 'BackupService.6500');
    const ended = await tasks.end(projectId, id, { status: 'success', atMs: AT_MS });
    await expectCode(tasks.start(projectId, id, start), 'catalog.conflict');
    expect(await tasks.get(projectId, id)).toStrictEqual(ended);
  });

  it('adds up the largest progress of each range', async () => {
    const { tasks } = subject().catalog;
    const { projectId, id } = await givenTask(subject().catalog);
    const report = (from: number, doneBytes: number, atMs = AT_MS) =>
      tasks.progress(projectId, id, { from, doneBytes, atMs });
    expect(await tasks.doneBytes(projectId, id)).toBe(0);
    expect(await report(0, 100, AT_MS + 20)).toStrictEqual({ cancelRequested: false });
    await report(64, 1000, AT_MS + 10);
    await report(0, 300);
    await report(0, 200);
    await report(0, 300);
    expect(await tasks.doneBytes(projectId, id)).toBe(1300);
    expect(await tasks.get(projectId, id)).toMatchObject({ updatedAtMs: AT_MS + 20 });
    const foreign = tasks.progress(randomUUID(), id, { from: 0, doneBytes: 9999, atMs: AT_MS });
    await expectCode(foreign, 'BackupService.6500');
    await expectCode(tasks.doneBytes(randomUUID(), id), 'BackupService.6500');
    await expectCode(tasks.doneBytes(projectId, randomUUID()), 'BackupService.6500');
    expect(await tasks.doneBytes(projectId, id)).toBe(1300);
  });

  it('takes many reports at once', async () => {
    const { tasks } = subject().catalog;
    const { projectId, id } = await givenTask(subject().catalog);
    await many(128, (n) =>
      tasks.progress(projectId, id, { from: (n % 4) * 64, doneBytes: n, atMs: AT_MS + n }),
    );
    expect(await tasks.doneBytes(projectId, id)).toBe(124 + 125 + 126 + 127);
    expect(await tasks.get(projectId, id)).toMatchObject({ updatedAtMs: AT_MS + 127 });
  });

  it('answers a report to an ended task with cancel, and changes nothing', async () => {
    const { tasks } = subject().catalog;
    const { projectId, id } = await givenTask(subject().catalog);
    await tasks.progress(projectId, id, { from: 0, doneBytes: 5, atMs: AT_MS });
    const ended = await tasks.end(projectId, id, { status: 'timeout', atMs: AT_MS + 1 });
    const late = await tasks.progress(projectId, id, { from: 0, doneBytes: 9, atMs: AT_MS + 2 });
    expect(late).toStrictEqual({ cancelRequested: true });
    expect(await tasks.doneBytes(projectId, id)).toBe(5);
    expect(await tasks.get(projectId, id)).toStrictEqual(ended);
  });
};

const endCases = (subject: Subject): void => {
  it('ends a task with its result and frees its disk', async () => {
    const { catalog } = subject();
    const { backup, task } = await givenBegun(catalog, await givenVault(catalog));
    const { projectId, disk } = backup;
    const end = {
      status: 'failed',
      atMs: AT_MS + 70,
      failure: { code: 'disk.unavailable', message: 'gone' },
      outcome: { newBytes: 12, packs: ['a'] },
    } as const;
    const ended = {
      ...task,
      ...end,
      outcome: { newBytes: 12, packs: ['a'] },
      endedAtMs: AT_MS + 70,
      updatedAtMs: AT_MS + 70,
    };
    const { atMs: _, ...expected } = ended;
    const given = { ...end, outcome: { newBytes: 12, packs: ['a'] } };
    expect(await catalog.tasks.end(projectId, task.id, given)).toStrictEqual(expected);
    const binding = await catalog.vaults.binding(projectId, disk.id);
    expect(binding).not.toBeNull();
    expect(binding).not.toHaveProperty('protectingTaskId');
    expect(await unfinishedIds(catalog)).not.toContain(task.id);
  });

  it('does not free the disk of a later task when it is ended again', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, task } = await givenBegun(catalog, vault);
    const { projectId, disk } = backup;
    const end = { status: 'success', atMs: AT_MS + 1 } as const;
    const ended = await catalog.tasks.end(projectId, task.id, end);
    const binding = (await catalog.vaults.binding(projectId, disk.id))!;
    const next = someBackup(binding);
    await catalog.backups.begin(next, someTask(next));
    const again = await catalog.tasks.end(projectId, task.id, { ...end, atMs: AT_MS + 2 });
    expect(again).toStrictEqual(ended);
    await expectCode(
      catalog.tasks.end(projectId, task.id, { status: 'failed', atMs: AT_MS }),
      'catalog.conflict',
    );
    expect(await catalog.vaults.binding(projectId, disk.id)).toMatchObject({
      protectingTaskId: next.operationLogId,
    });
  });

  it('lets one of many ends win', async () => {
    const { catalog } = subject();
    const { task } = await givenBegun(catalog, await givenVault(catalog));
    const ways = ['success', 'failed', 'timeout', 'skipped'] as const;
    const { winners, codes } = await race(
      ways.map((status) => () => catalog.tasks.end(task.projectId, task.id, { status, atMs: 1 })),
    );
    expect(winners).toBe(1);
    expect(codes).toStrictEqual(['catalog.conflict', 'catalog.conflict', 'catalog.conflict']);
  });

  it('refuses to skip what runs, and a task of another project', async () => {
    const { tasks } = subject().catalog;
    const { projectId, id } = await givenTask(subject().catalog);
    const running = await tasks.start(projectId, id, { atMs: AT_MS, totalBytes: 1 });
    const end = { status: 'skipped', atMs: AT_MS } as const;
    await expectCode(tasks.end(projectId, id, end), 'catalog.conflict');
    await expectCode(tasks.end(randomUUID(), id, end), 'BackupService.6500');
    expect(await tasks.get(projectId, id)).toStrictEqual(running);
  });
};

const removalCases = (subject: Subject): void => {
  it('removes the tasks that ended first, with their progress, and no others', async () => {
    const { tasks } = subject().catalog;
    // What other cases left.
    await tasks.removeEnded(5, 1000);
    const given = [3, 1, 2].map((n) => looseTask({ createdAtMs: n }));
    const record = looseTask({ type: 'delete', status: 'success', createdAtMs: 4, endedAtMs: 4 });
    const running = looseTask({ createdAtMs: 1 });
    for (const task of [...given, record, running]) await tasks.create(task);
    for (const { projectId, id, createdAtMs } of given) {
      await tasks.progress(projectId, id, { from: 0, doneBytes: 7, atMs: createdAtMs });
      await tasks.end(projectId, id, { status: 'success', atMs: createdAtMs });
    }
    const left = async () => {
      const all = await Promise.allSettled(
        [...given, record, running].map(({ projectId, id }) => tasks.get(projectId, id)),
      );
      return all.map(({ status }) => status === 'fulfilled');
    };
    expect(await tasks.removeEnded(4, 1)).toBe(1);
    expect(await left()).toEqual([true, false, true, true, true]);
    expect(await tasks.removeEnded(4, 10)).toBe(2);
    expect(await left()).toEqual([false, false, false, true, true]);
    expect(await tasks.removeEnded(5, 10)).toBe(1);
    expect(await left()).toEqual([false, false, false, false, true]);
    expect(await tasks.removeEnded(5, 10)).toBe(0);
    const [{ projectId, id }] = given as [OperationLog];
    expect(await all(tasks.entries(projectId, {}))).toEqual([]);
    await tasks.create(given[0]!);
    expect(await tasks.doneBytes(projectId, id)).toBe(0);
  });
};

const cancelCases = (subject: Subject): void => {
  it('tells a task to stop', async () => {
    const { tasks } = subject().catalog;
    const task = await givenTask(subject().catalog);
    const { projectId, id } = task;
    const asked = { ...task, cancelRequested: true, updatedAtMs: AT_MS + 3 };
    expect(await tasks.requestCancel(projectId, id, AT_MS + 3)).toStrictEqual(asked);
    expect(await tasks.requestCancel(projectId, id, AT_MS + 4)).toStrictEqual(asked);
    const report = { from: 0, doneBytes: 1, atMs: AT_MS };
    expect(await tasks.progress(projectId, id, report)).toStrictEqual({ cancelRequested: true });
    await expectCode(tasks.requestCancel(randomUUID(), id, AT_MS), 'BackupService.6500');
    await tasks.end(projectId, id, { status: 'failed', atMs: AT_MS + 5 });
    await expectCode(tasks.requestCancel(projectId, id, AT_MS), 'Holdfast.NotCancellable');
  });

  it('lets the deletion of a vault go on', async () => {
    const { tasks } = subject().catalog;
    const task = looseTask({ type: 'vault_delete', status: 'running' });
    const { projectId, id } = task;
    await tasks.create(task);
    await expectCode(tasks.requestCancel(projectId, id, AT_MS + 3), 'Holdfast.NotCancellable');
    expect(await tasks.get(projectId, id)).toStrictEqual(task);
  });
};

const givenTask = async (catalog: Catalog): Promise<OperationLog> => {
  const task = looseTask();
  await catalog.tasks.create(task);
  return task;
};

const unfinishedIds = async (catalog: Catalog): Promise<string[]> =>
  (await all(catalog.tasks.unfinished())).map(({ id }) => id);
