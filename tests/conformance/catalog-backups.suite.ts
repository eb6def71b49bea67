import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import type { BackupStatus } from '../../lib/model/backup.ts';
import { all, expectCode, many, race } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  givenBegun,
  givenBinding,
  givenCommitted,
  givenProtecting,
  givenVault,
  someBackup,
  someBinding,
  someCheckpoint,
  someSession,
  someTask,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

export const backupCases = (subject: Subject): void => {
  checkpointCases(subject);
  beginCases(subject);
  listCases(subject);
  statusCases(subject);
  hideCases(subject);
};

const checkpointCases = (subject: Subject): void => {
  it('keeps a restore point for its project', async () => {
    const { catalog } = subject();
    const checkpoint = someCheckpoint(await givenVault(catalog));
    const { backups } = catalog;
    await backups.putCheckpoint(checkpoint);
    await backups.putCheckpoint(checkpoint);
    expect(await backups.checkpoint(checkpoint.projectId, checkpoint.id)).toStrictEqual(checkpoint);
    await expectCode(backups.checkpoint(randomUUID(), checkpoint.id), 'BackupService.6217');
    await expectCode(backups.checkpoint(checkpoint.projectId, randomUUID()), 'BackupService.6217');
    await expectCode(backups.putCheckpoint({ ...checkpoint, name: 'b' }), 'catalog.conflict');
    expect(await backups.checkpoint(checkpoint.projectId, checkpoint.id)).toStrictEqual(checkpoint);
  });
};

const beginCases = (subject: Subject): void => {
  it('begins a backup: it, its task and the protection of its disk', async () => {
    const { catalog } = subject();
    const binding = await givenBinding(catalog, await givenVault(catalog));
    const backup = someBackup(binding, {
      autoTrigger: true,
      policyId: randomUUID(),
      retention: {
        maxBackups: 3,
        durationDays: 30,
        dayBackups: 1,
        weekBackups: 2,
        monthBackups: 3,
        yearBackups: 4,
        timezone: 'UTC+01:00',
      },
      expiresAtMs: AT_MS + 1,
      sinceFull: { fullAtMs: AT_MS, incrementals: 3 },
    });
    const task = someTask(backup);
    await catalog.backups.begin(backup, task);
    const { projectId } = backup;
    expect(await catalog.backups.get(projectId, backup.id)).toStrictEqual(backup);
    expect(await catalog.tasks.get(projectId, task.id)).toStrictEqual(task);
    expect(await catalog.vaults.binding(projectId, binding.diskId)).toStrictEqual({
      ...binding,
      protectingTaskId: task.id,
    });
    await expectCode(catalog.backups.get(randomUUID(), backup.id), 'BackupService.6200');
    await expectCode(catalog.backups.get(projectId, randomUUID()), 'BackupService.6200');
  });

  it('repeats a beginning without a change, also when the backup has moved on', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, task } = await givenCommitted(catalog, vault);
    await catalog.tasks.end(backup.projectId, task.id, { status: 'success', atMs: AT_MS });
    await catalog.backups.begin(backup, task);
    expect(await catalog.backups.get(backup.projectId, backup.id)).toMatchObject({
      status: 'available',
    });
    const binding = await catalog.vaults.binding(backup.projectId, backup.disk.id);
    expect(binding).not.toHaveProperty('protectingTaskId');
  });

  it('lets one of many beginnings of a disk win', async () => {
    const { catalog } = subject();
    const binding = await givenBinding(catalog, await givenVault(catalog));
    const backups = Array.from({ length: 8 }, () => someBackup(binding));
    const { winners, codes } = await race(
      backups.map((backup) => () => catalog.backups.begin(backup, someTask(backup))),
    );
    expect(winners).toBe(1);
    expect(new Set(codes)).toStrictEqual(new Set(['BackupService.6125']));
    const stored = await race(
      backups.map((backup) => () => catalog.backups.get(backup.projectId, backup.id)),
    );
    expect(stored.winners).toBe(1);
    const tasks = await race(
      backups.map((backup) => () => catalog.tasks.get(backup.projectId, backup.operationLogId)),
    );
    expect(tasks.winners).toBe(1);
  });

  it('begins backups of many disks of a vault at once', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const bindings = await Promise.all(
      Array.from({ length: 12 }, () => givenBinding(catalog, vault)),
    );
    const backups = bindings.map((binding) => someBackup(binding));
    const { winners } = await race(
      backups.map((backup) => () => catalog.backups.begin(backup, someTask(backup))),
    );
    expect(winners).toBe(12);
  });

  it('refuses a disk that is not bound to the vault', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const other = await givenVault(catalog, { projectId: vault.projectId });
    const bound = await givenBinding(catalog, other);
    const elsewhere = someBackup({ ...bound, vaultId: vault.id });
    const unbound = someBackup(someBinding(vault));
    const foreign = someBackup({ ...bound, projectId: randomUUID() });
    for (const backup of [elsewhere, unbound, foreign]) {
      await expectCode(catalog.backups.begin(backup, someTask(backup)), 'BackupService.6135');
      await expectCode(catalog.backups.get(backup.projectId, backup.id), 'BackupService.6200');
      await expectCode(
        catalog.tasks.get(backup.projectId, backup.operationLogId),
        'BackupService.6500',
      );
    }
  });

  it('refuses ids that are taken', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, task } = await givenBegun(catalog, vault);
    const binding = await givenBinding(catalog, vault);
    const sameBackup = someBackup(binding, { id: backup.id });
    await expectCode(catalog.backups.begin(sameBackup, someTask(sameBackup)), 'catalog.conflict');
    const sameTask = someBackup(binding, { operationLogId: task.id });
    await expectCode(catalog.backups.begin(sameTask, someTask(sameTask)), 'catalog.conflict');
    expect(await catalog.vaults.binding(vault.projectId, binding.diskId)).toStrictEqual(binding);
  });
};

const listCases = (subject: Subject): void => {
  it('lists the roots of a vault, oldest first, without those that have no manifest; and what it shows', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const description = 'x'.repeat(12_000);
    await many(100, (n) =>
      givenCommitted(catalog, vault, { description, createdAtMs: AT_MS - n * 1000 }),
    );
    await givenBegun(catalog, vault);
    await givenCommitted(catalog, await givenVault(catalog, { projectId: vault.projectId }));
    const { backup: hidden } = await givenCommitted(catalog, vault, { createdAtMs: AT_MS + 1 });
    await catalog.backups.hide(vault.projectId, hidden.id, AT_MS);
    const shown = await all(catalog.backups.ofVault(vault.id));
    expect(shown.map(({ root }) => root).toSorted()).toStrictEqual([
      'NONE',
      ...Array<string>(100).fill('VISIBLE'),
    ]);
    const madeAt = shown.map(({ createdAtMs }) => createdAtMs);
    expect(madeAt).toStrictEqual(madeAt.toSorted((a, b) => a - b));
    const roots = await all(catalog.backups.roots(vault.id));
    expect(new Set(roots.map(({ id }) => id)).size).toBe(101);
    const times = roots.map(({ createdAtMs }) => createdAtMs);
    expect(times).toStrictEqual(times.toSorted((a, b) => a - b));
    expect(roots.at(-1)).toMatchObject({ id: hidden.id, root: 'HIDDEN' });
    expect(new Set(roots.map(({ root }) => root))).toStrictEqual(new Set(['VISIBLE', 'HIDDEN']));
  }, 60_000);
};

const statusCases = (subject: Subject): void => {
  it('renames a backup of the project', async () => {
    const { catalog } = subject();
    const { backup } = await givenBegun(catalog, await givenVault(catalog));
    const { projectId, id } = backup;
    const renamed = { ...backup, name: 'new', updatedAtMs: AT_MS + 7 };
    expect(await catalog.backups.rename(projectId, id, 'new', AT_MS + 7)).toStrictEqual(renamed);
    expect(await catalog.backups.get(projectId, id)).toStrictEqual(renamed);
    const foreign = catalog.backups.rename(randomUUID(), id, 'no', AT_MS);
    await expectCode(foreign, 'BackupService.6200');
    expect(await catalog.backups.get(projectId, id)).toStrictEqual(renamed);
  });

  it('moves the status with its facts, sets the failure and clears it', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup } = await givenCommitted(catalog, vault);
    const { projectId, id } = backup;
    const { backups } = catalog;
    const failure = { code: 'backup.damaged', message: 'pack' };
    const failed = await backups.setStatus(projectId, id, 'error', { atMs: AT_MS + 8, failure });
    expect(failed).toMatchObject({ status: 'error', failure, updatedAtMs: AT_MS + 8 });
    expect(await backups.get(projectId, id)).toStrictEqual(failed);
    const healed = await backups.setStatus(projectId, id, 'available', { atMs: AT_MS + 9 });
    expect(healed).not.toHaveProperty('failure');
    expect(await backups.get(projectId, id)).toStrictEqual(healed);
  });

  it('moves it out of the statuses that are named, and out of no other', async () => {
    const { catalog } = subject();
    const { backup } = await givenCommitted(catalog, await givenVault(catalog));
    const { projectId, id } = backup;
    const set = (status: BackupStatus, ...from: BackupStatus[]) =>
      catalog.backups.setStatus(projectId, id, status, { atMs: AT_MS + 8, from });
    const before = await catalog.backups.get(projectId, id);
    expect(await set('error', 'waiting_protect', 'protecting')).toStrictEqual(before);
    expect(await set('protecting', 'waiting_protect')).toStrictEqual(before);
    expect(await catalog.backups.get(projectId, id)).toStrictEqual(before);
    const moved = { status: 'waiting_restore', updatedAtMs: AT_MS + 8 };
    expect(await set('waiting_restore', 'error', 'available')).toStrictEqual({
      ...before,
      ...moved,
    });
  });

  it('keeps the snapshot and the parent it was given', async () => {
    const { catalog } = subject();
    const { backup } = await givenBegun(catalog, await givenVault(catalog));
    const { projectId, id } = backup;
    const facts = { snapshotId: 'snap-1' };
    const change = { atMs: AT_MS + 1, ...facts };
    await catalog.backups.setStatus(projectId, id, 'protecting', change);
    await catalog.backups.setStatus(projectId, id, 'error', { atMs: AT_MS + 2 });
    expect(await catalog.backups.get(projectId, id)).toMatchObject(facts);
  });

  it('changes nothing when the status is there already', async () => {
    const { catalog } = subject();
    const { backup } = await givenProtecting(catalog, await givenVault(catalog));
    const { projectId, id } = backup;
    const before = await catalog.backups.get(projectId, id);
    const change = { atMs: AT_MS + 99, snapshotId: 'other' };
    const after = await catalog.backups.setStatus(projectId, id, 'protecting', change);
    expect(after).toStrictEqual(before);
    expect(await catalog.backups.get(projectId, id)).toStrictEqual(before);
  });

  it('refuses what the state table does not allow, and half a backup', async () => {
    const { catalog } = subject();
    const { backups } = catalog;
    const { backup } = await givenBegun(catalog, await givenVault(catalog));
    const { projectId, id } = backup;
    const change = { atMs: AT_MS + 1 };
    const set = (status: 'available' | 'restoring' | 'deleted') =>
      backups.setStatus(projectId, id, status, change);
    await expectCode(set('available'), 'catalog.conflict');
    await expectCode(set('restoring'), 'catalog.conflict');
    await backups.setStatus(projectId, id, 'protecting', change);
    await expectCode(set('available'), 'catalog.conflict');
    await backups.setStatus(projectId, id, 'error', change);
    await expectCode(set('available'), 'catalog.conflict');
    await expectCode(set('deleted'), 'catalog.conflict');
    expect(await backups.get(projectId, id)).toMatchObject({ status: 'error', root: 'NONE' });
    const foreign = backups.setStatus(randomUUID(), id, 'error', change);
    await expectCode(foreign, 'BackupService.6200');
  });

  it('lets one of two ways out of a status win', async () => {
    const { catalog } = subject();
    const { backup } = await givenCommitted(catalog, await givenVault(catalog));
    const { projectId, id } = backup;
    const { winners, codes } = await race([
      () => catalog.backups.setStatus(projectId, id, 'waiting_restore', { atMs: AT_MS }),
      () => catalog.backups.hide(projectId, id, AT_MS),
    ]);
    expect(winners).toBe(1);
    expect(['catalog.conflict', 'BackupService.6201']).toContain(codes[0]);
  });
};

const hideCases = (subject: Subject): void => {
  it('hides a backup at the epoch of its vault, once', async () => {
    const { catalog, setEpoch } = subject();
    const vault = await givenVault(catalog);
    const { backup } = await givenCommitted(catalog, vault);
    await givenCommitted(catalog, vault);
    const { projectId, id } = backup;
    await setEpoch(vault.id, 6);
    const before = await catalog.backups.get(projectId, id);
    await catalog.backups.hide(projectId, id, AT_MS + 50);
    await setEpoch(vault.id, 7);
    await catalog.backups.hide(projectId, id, AT_MS + 60);
    expect(await catalog.backups.get(projectId, id)).toStrictEqual({
      ...before,
      status: 'deleted',
      root: 'HIDDEN',
      deletedEpoch: 6,
      hiddenAtMs: AT_MS + 50,
      updatedAtMs: AT_MS + 50,
    });
    expect(await catalog.vaults.usage(vault.id)).toStrictEqual({
      usedBytes: 2048,
      backupCount: 1,
    });
  });

  it('hides a failed backup that never was a root, without counting it', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup } = await givenProtecting(catalog, vault);
    const { projectId, id } = backup;
    await catalog.backups.setStatus(projectId, id, 'error', { atMs: AT_MS });
    await catalog.backups.hide(projectId, id, AT_MS);
    expect(await catalog.backups.get(projectId, id)).toMatchObject({ root: 'HIDDEN' });
    expect(await catalog.vaults.usage(vault.id)).toMatchObject({ backupCount: 0 });
  });

  it('refuses while the status forbids it, and for other projects', async () => {
    const { catalog } = subject();
    const { backup } = await givenProtecting(catalog, await givenVault(catalog));
    const { projectId, id } = backup;
    await expectCode(catalog.backups.hide(projectId, id, AT_MS), 'BackupService.6201');
    await expectCode(catalog.backups.hide(randomUUID(), id, AT_MS), 'BackupService.6200');
    expect(await catalog.backups.get(projectId, id)).toMatchObject({ root: 'NONE' });
  });

  it('counts many deletions at once exactly', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const given = await Promise.all(
      Array.from({ length: 6 }, () => givenCommitted(catalog, vault)),
    );
    const twice = [...given, ...given];
    const { winners } = await race(
      twice.map(
        ({ backup }) =>
          () =>
            catalog.backups.hide(backup.projectId, backup.id, AT_MS),
      ),
    );
    expect(winners).toBe(12);
    expect(await catalog.vaults.usage(vault.id)).toMatchObject({ backupCount: 0 });
  });

  it('pins a parent before it is hidden or not at all', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    for (let round = 0; round < 8; round++) {
      const { backup: parent } = await givenCommitted(catalog, vault);
      const { backup: child } = await givenBegun(catalog, vault);
      const session = await catalog.sessions.open(someSession(child));
      const [pinned] = await Promise.all([
        catalog.sessions.pinParent(vault.id, session.id, parent.id),
        catalog.backups.hide(parent.projectId, parent.id, AT_MS),
      ]);
      const { parentBackupId } = await catalog.sessions.get(vault.id, session.id);
      expect(parentBackupId).toBe(pinned ? parent.id : undefined);
      expect(await catalog.backups.get(parent.projectId, parent.id)).toMatchObject({
        root: 'HIDDEN',
      });
    }
  });
};
