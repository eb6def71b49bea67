import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { backupEntryOf, taskEntryOf } from '../../lib/adapters/catalog-rules/list-rules.ts';
import type { BackupStatus } from '../../lib/model/backup.ts';
import type { EntriesOf, TaskCatalog } from '../../lib/ports/catalog.ts';
import { all, eventually, many } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  givenBegun,
  givenCommitted,
  givenProtecting,
  givenVault,
  looseTask,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

/** Lists read entries of what they are of. */
export const listCases = (subject: Subject): void => {
  backupCases(subject);
  taskCases(subject);
};

const backupCases = (subject: Subject): void => {
  it("lists a project's backups, newest first, more than a page of them", async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const description = 'x'.repeat(12_000);
    await many(110, (n) =>
      givenBegun(catalog, vault, { description, createdAtMs: AT_MS + (n % 100) }),
    );
    const { backup: hidden } = await givenCommitted(catalog, vault);
    await catalog.backups.hide(vault.projectId, hidden.id, AT_MS);
    await eventually(async () => {
      const entries = await all(catalog.backups.entries(vault.projectId, {}));
      expect(new Set(entries.map(({ id }) => id)).size).toBe(111);
      const times = entries.map(({ createdAtMs }) => createdAtMs);
      expect(times).toStrictEqual(times.toSorted((a, b) => b - a));
      const backups = await catalog.backups.getAll(entries);
      expect(backups.map(({ id }) => id)).toStrictEqual(entries.map(({ id }) => id));
      expect(backups.find(({ id }) => id === hidden.id)).toMatchObject({ root: 'HIDDEN' });
      expect(await all(catalog.backups.entries(vault.projectId, { pageSize: 7 }))).toEqual(entries);
    });
    expect(await all(catalog.backups.entries(randomUUID(), {}))).toStrictEqual([]);
  }, 60_000);

  it('lists entries by vault, disk, status and time, and counts what callers see', async () => {
    const { catalog } = subject();
    const [one, two] = [await givenVault(catalog), await givenVault(catalog)];
    const { projectId } = one;
    const other = await givenVault(catalog, { projectId });
    const { backup } = await givenCommitted(catalog, one, { createdAtMs: AT_MS + 5 });
    const begun = await givenBegun(catalog, one, { createdAtMs: AT_MS + 6 });
    const failed = await givenProtecting(catalog, other, { createdAtMs: AT_MS + 7 });
    const [committed, broken] = [backup, failed.backup];
    await catalog.backups.setStatus(projectId, broken.id, 'error', { atMs: AT_MS + 9 });
    await catalog.backups.rename(projectId, committed.id, 'other', AT_MS + 10);
    const { backup: hidden } = await givenCommitted(catalog, one, { createdAtMs: AT_MS + 8 });
    await catalog.backups.hide(projectId, hidden.id, AT_MS + 11);
    await givenBegun(catalog, two);
    const ids = async (which: EntriesOf<BackupStatus>) =>
      (await all(catalog.backups.entries(projectId, which))).map(({ id }) => id);
    await eventually(async () => {
      expect(await ids({})).toEqual([hidden.id, broken.id, begun.backup.id, committed.id]);
      expect(await ids({ vaultId: one.id })).toEqual([hidden.id, begun.backup.id, committed.id]);
      expect(await ids({ diskId: broken.disk.id })).toEqual([broken.id]);
      expect(await ids({ diskId: broken.disk.id, vaultId: one.id })).toEqual([]);
      expect(await ids({ statuses: ['available', 'error'] })).toEqual([broken.id, committed.id]);
      expect(await ids({ statuses: ['deleted'], vaultId: one.id })).toEqual([hidden.id]);
      expect(await ids({ statuses: ['deleted'] })).toEqual([hidden.id]);
      expect(await ids({ createdFromMs: AT_MS + 6, createdToMs: AT_MS + 7 })).toEqual([
        broken.id,
        begun.backup.id,
      ]);
      expect(await ids({ vaultId: one.id, statuses: [] })).toEqual([]);
      expect(await ids({ createdFromMs: AT_MS + 7, createdToMs: AT_MS + 6 })).toEqual([]);
      expect(await ids({ createdFromMs: -(10 ** 12), createdToMs: -1 })).toEqual([]);
      expect(await ids({ createdFromMs: -1, diskId: broken.disk.id })).toEqual([broken.id]);
      expect(await catalog.backups.counts(projectId)).toMatchObject({
        available: 1,
        waiting_protect: 1,
        error: 1,
      });
      const foreign = await catalog.backups.counts(randomUUID(), one.id);
      expect(Object.values(foreign).filter((count) => count > 0)).toEqual([]);
      const { available, error, protecting } = await catalog.backups.counts(projectId, other.id);
      expect([available ?? 0, error, protecting ?? 0]).toEqual([0, 1, 0]);
    });
    const entries = await all(catalog.backups.entries(projectId, { statuses: ['available'] }));
    const stored = await catalog.backups.get(projectId, committed.id);
    expect(entries).toStrictEqual([backupEntryOf(stored)]);
    expect(entries[0]).toMatchObject({ name: 'other', completedAtMs: stored.completedAtMs });
    expect(await catalog.backups.getAll([...entries, { ...entries[0]!, id: 'gone' }])).toEqual([
      stored,
    ]);
    await catalog.garbage.undelete(projectId, hidden.id, AT_MS + 12);
    await eventually(async () => {
      expect(await ids({ statuses: ['available'] })).toEqual([hidden.id, committed.id]);
      expect(await catalog.backups.counts(projectId, one.id)).toMatchObject({ available: 2 });
    });
  });
};

const taskCases = (subject: Subject): void => {
  it("lists a project's tasks, newest first, more than a page of them", async () => {
    const { tasks } = subject().catalog;
    const projectId = randomUUID();
    const vaultName = 'x'.repeat(12_000);
    await many(110, (n) =>
      tasks.create(looseTask({ projectId, vaultName, createdAtMs: AT_MS + (n % 100) })),
    );
    await eventually(async () => {
      const listed = await all(tasks.entries(projectId, {}));
      expect(new Set(listed.map(({ id }) => id)).size).toBe(110);
      const times = listed.map(({ createdAtMs }) => createdAtMs);
      expect(times).toStrictEqual(times.toSorted((a, b) => b - a));
    });
  }, 60_000);

  it('lists entries by vault, disk, type, status and time', async () => {
    const { tasks } = subject().catalog;
    const projectId = randomUUID();
    const [one, two, three] = [
      looseTask({ projectId, type: 'restore' }),
      looseTask({ projectId, type: 'verify', createdAtMs: AT_MS + 1 }),
      looseTask({ projectId, type: 'verify', createdAtMs: AT_MS + 2 }),
    ] as const;
    for (const task of [one, two, three, looseTask()]) await tasks.create(task);
    await tasks.start(projectId, two.id, { atMs: AT_MS + 3, totalBytes: 1 });
    const ended = await tasks.end(projectId, three.id, { status: 'failed', atMs: AT_MS + 4 });
    const ids = async (which: Parameters<TaskCatalog['entries']>[1]) =>
      (await all(tasks.entries(projectId, which))).map(({ id }) => id);
    await eventually(async () => {
      expect(await ids({})).toEqual([three.id, two.id, one.id]);
      expect(await ids({ vaultId: one.vaultId })).toEqual([one.id]);
      expect(await ids({ diskId: two.disk.id })).toEqual([two.id]);
      expect(await ids({ diskId: two.disk.id, vaultId: one.vaultId })).toEqual([]);
      expect(await ids({ types: ['verify'] })).toEqual([three.id, two.id]);
      expect(await ids({ types: ['verify'], vaultId: one.vaultId })).toEqual([]);
      expect(await ids({ statuses: ['running'] })).toEqual([two.id]);
      expect(await ids({ statuses: ['waiting', 'failed'] })).toEqual([three.id, one.id]);
      expect(await ids({ createdFromMs: AT_MS + 1, createdToMs: AT_MS + 1 })).toEqual([two.id]);
      expect((await all(tasks.entries(projectId, {})))[0]).toStrictEqual(taskEntryOf(ended));
    });
    const entries = await all(tasks.entries(projectId, { statuses: ['failed'] }));
    expect(await tasks.getAll([{ ...entries[0]!, id: 'gone' }, ...entries])).toEqual([ended]);
  });
};
