import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { all, expectCode } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  givenBegun,
  givenCommitted,
  givenVault,
  someCheckpoint,
  someSession,
} from '../support/catalog-records.ts';
import { givenCycle, givenHidden } from '../support/garbage-records.ts';
import type { Subject } from './catalog.suite.ts';

const LATER_MS = AT_MS + 7000;

export const garbageRootCases = (subject: Subject): void => {
  removeCases(subject);
  undeleteCases(subject);
  readerCases(subject);
};

const removeCases = (subject: Subject): void => {
  it('removes a root that was hidden before the horizon and the window (R11)', async () => {
    const { catalog } = subject();
    const { garbage, backups } = catalog;
    const vault = await givenVault(catalog);
    const backup = await givenHidden(catalog, vault);
    expect([backup.deletedEpoch, backup.hiddenAtMs]).toStrictEqual([1, AT_MS + 6000]);
    const held = await givenCycle(catalog, vault.id, 1);
    const removing = { m0: held.m0, hiddenBeforeMs: LATER_MS };
    expect(await garbage.removeRoot(held.cycle, backup, removing)).toBe(false);

    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    const inWindow = { m0, hiddenBeforeMs: AT_MS + 6000 };
    expect(await garbage.removeRoot(cycle, backup, inWindow)).toBe(false);
    const after = { m0, hiddenBeforeMs: LATER_MS };
    const stranger = { ...backup, projectId: randomUUID() };
    expect(await garbage.removeRoot(cycle, stranger, after)).toBe(true);
    expect((await backups.get(backup.projectId, backup.id)).root).toBe('HIDDEN');
    for (let n = 0; n < 2; n++) expect(await garbage.removeRoot(cycle, backup, after)).toBe(true);
    await expectCode(backups.get(backup.projectId, backup.id), 'BackupService.6200');
    expect(await all(backups.roots(vault.id))).toStrictEqual([]);
  });

  it('removes no visible root, and one that never was whole', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup: visible } = await givenCommitted(catalog, vault);
    const { backup: failed } = await givenBegun(catalog, vault);
    const { projectId } = vault;
    await catalog.backups.setStatus(projectId, failed.id, 'error', { atMs: AT_MS });
    await catalog.backups.hide(projectId, failed.id, AT_MS);
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    const when = { m0, hiddenBeforeMs: LATER_MS };
    expect(await catalog.garbage.removeRoot(cycle, visible, when)).toBe(false);
    expect(await catalog.garbage.removeRoot(cycle, failed, when)).toBe(true);
    expect((await all(catalog.backups.roots(vault.id))).map(({ id }) => id)).toEqual([visible.id]);
  });

  it('removes the restore point with its last backup', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const checkpointId = randomUUID();
    const given = [
      (await givenCommitted(catalog, vault, { checkpointId })).backup,
      (await givenCommitted(catalog, vault, { checkpointId })).backup,
    ];
    const { projectId } = vault;
    const named = given.map(({ id, disk }) => ({
      backupId: id,
      diskId: disk.id,
      diskName: 'disk',
      sizeBytes: 1,
    }));
    await catalog.backups.putCheckpoint(
      someCheckpoint(vault, { id: checkpointId, backups: named }),
    );
    for (const { id } of given) await catalog.backups.hide(projectId, id, AT_MS);
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    const when = { m0, hiddenBeforeMs: LATER_MS };
    await catalog.garbage.removeRoot(cycle, given[0]!, when);
    expect((await catalog.backups.checkpoint(projectId, checkpointId)).id).toBe(checkpointId);
    await catalog.garbage.removeRoot(cycle, given[1]!, when);
    await expectCode(catalog.backups.checkpoint(projectId, checkpointId), 'BackupService.6217');
  });
};

const undeleteCases = (subject: Subject): void => {
  it('undeletes a hidden backup, once (R12)', async () => {
    const { catalog } = subject();
    const { garbage, backups, vaults } = catalog;
    const vault = await givenVault(catalog);
    const { projectId, id } = (await givenCommitted(catalog, vault)).backup;
    const before = await backups.get(projectId, id);
    const counts = await vaults.backupCounts(vault.id);
    expect(counts).toMatchObject([{ backupCount: 1, backupBytes: 1024 }]);
    await backups.hide(projectId, id, AT_MS + 6000);
    const since = { undeletedAtMs: LATER_MS, updatedAtMs: LATER_MS };
    for (let n = 0; n < 2; n++) {
      const undeleted = await garbage.undelete(projectId, id, LATER_MS);
      expect(undeleted).toStrictEqual({ ...before, ...since });
    }
    expect(await backups.get(projectId, id)).toStrictEqual({ ...before, ...since });
    expect((await vaults.usage(vault.id)).backupCount).toBe(1);
    expect(await vaults.backupCounts(vault.id)).toStrictEqual(counts);
    const { cycle, m0 } = await givenCycle(catalog, vault.id);
    const when = { m0, hiddenBeforeMs: LATER_MS };
    expect(await garbage.removeRoot(cycle, { projectId, id }, when)).toBe(false);
    // Counted as held again: its vault cannot be deleted.
    await backups.hide(projectId, id, LATER_MS);
    expect((await vaults.usage(vault.id)).backupCount).toBe(0);
  });

  it('undeletes a damaged backup as a damaged one', async () => {
    const { catalog } = subject();
    const { projectId, id } = (await givenCommitted(catalog, await givenVault(catalog))).backup;
    const failure = { code: 'Holdfast.Damaged', message: 'slot 4' };
    await catalog.backups.setStatus(projectId, id, 'error', { atMs: AT_MS, failure });
    await catalog.backups.hide(projectId, id, AT_MS);
    const backup = await catalog.garbage.undelete(projectId, id, LATER_MS);
    expect(backup).toMatchObject({ status: 'error', root: 'VISIBLE', failure });
  });

  it('undeletes nothing that is gone, foreign, never was whole, or in a deleted vault', async () => {
    const { catalog } = subject();
    const { garbage } = catalog;
    const vault = await givenVault(catalog);
    const { projectId } = vault;
    const { backup: failed } = await givenBegun(catalog, vault);
    await catalog.backups.setStatus(projectId, failed.id, 'error', { atMs: AT_MS });
    await catalog.backups.hide(projectId, failed.id, AT_MS);
    const hidden = await givenHidden(catalog, vault);
    const missing = [
      [projectId, randomUUID()],
      [projectId, failed.id],
      [randomUUID(), hidden.id],
    ] as const;
    for (const [project, id] of missing)
      await expectCode(garbage.undelete(project, id, LATER_MS), 'BackupService.6200');
    for (const { diskId } of await catalog.vaults.bindings(vault.id)) {
      const task = (await catalog.vaults.binding(projectId, diskId))!.protectingTaskId!;
      await catalog.tasks.end(projectId, task, { status: 'success', atMs: AT_MS });
      await catalog.vaults.unbind({ projectId, vaultId: vault.id, diskId });
    }
    await garbage.startDeletingVault(projectId, vault.id, LATER_MS);
    await expectCode(garbage.undelete(projectId, hidden.id, LATER_MS), 'BackupService.6112');
    expect((await catalog.backups.get(projectId, hidden.id)).root).toBe('HIDDEN');
  });
};

const readerCases = (subject: Subject): void => {
  it('opens no reader of a root that the running cycle may remove (R13)', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const hidden = await givenHidden(catalog, vault);
    const early = someSession(hidden, { kind: 'read' });
    await catalog.sessions.open(early);
    await givenCycle(catalog, vault.id);
    const late = someSession(hidden, { kind: 'read' });
    await expectCode(catalog.sessions.open(late), 'catalog.conflict');
    expect((await catalog.sessions.listOpen(vault.id)).map(({ id }) => id)).toEqual([early.id]);
  });
};
