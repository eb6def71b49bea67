import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { all, eventually, expectCode } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  commitOf,
  givenBinding,
  givenCommitted,
  givenProtecting,
  givenVault,
  someBinding,
  someSession,
  someStats,
} from '../support/catalog-records.ts';
import { givenCycle, givenHidden, givenSealedPack } from '../support/garbage-records.ts';
import { appliedOf, givenPolicy } from '../support/policy-records.ts';
import type { Subject } from './catalog.suite.ts';

export const garbageVaultCases = (subject: Subject): void => {
  sessionCases(subject);
  usageCases(subject);
  countedCases(subject);
  closingCases(subject);
  endCases(subject);
};

const sessionCases = (subject: Subject): void => {
  it('lists and removes sessions that have ended, with their ranges', async () => {
    const { catalog } = subject();
    const { garbage, sessions } = catalog;
    const vault = await givenVault(catalog);
    const open = await givenProtecting(catalog, vault);
    const ended = await givenProtecting(catalog, vault);
    const range = { from: 0, to: 1, segments: [null], stats: someStats() };
    for (const { session } of [open, ended]) await sessions.putRange(vault.id, session.id, range);
    const fenced = await sessions.end(vault.id, ended.session.id, 'FENCED');
    expect(await all(garbage.endedSessions(vault.id))).toStrictEqual([fenced]);
    const { cycle } = await givenCycle(catalog, vault.id);
    await expectCode(garbage.removeSession(cycle, open.session.id), 'catalog.conflict');
    expect(await sessions.ranges(vault.id, open.session.id)).toStrictEqual([range]);
    for (let n = 0; n < 2; n++) await garbage.removeSession(cycle, fenced.id);
    await expectCode(sessions.get(vault.id, fenced.id), 'catalog.conflict');
    expect(await sessions.ranges(vault.id, fenced.id)).toStrictEqual([]);
    expect(await all(garbage.endedSessions(vault.id))).toStrictEqual([]);
  });
};

const usageCases = (subject: Subject): void => {
  it('sets the used bytes without losing what a commit adds meanwhile', async () => {
    const { catalog } = subject();
    const { garbage, vaults } = catalog;
    const vault = await givenVault(catalog);
    const first = await givenCommitted(catalog, vault);
    const { backup, session } = await givenProtecting(catalog, vault);
    const { cycle } = await givenCycle(catalog, vault.id);
    const observed = await garbage.observeUsage(vault.id);
    expect(observed).toStrictEqual({
      usedBytes: 1024,
      endedSessions: [first.session.id],
    });
    await catalog.sessions.commit(commitOf(backup, session.id));
    for (let n = 0; n < 2; n++) await garbage.setUsed(cycle, 400, observed);
    expect(await vaults.usage(vault.id)).toStrictEqual({ usedBytes: 1424, backupCount: 2 });
    const next = await givenCycle(catalog, vault.id);
    const again = await garbage.observeUsage(vault.id);
    expect(again).toStrictEqual({
      usedBytes: 1424,
      endedSessions: [first.session.id, session.id].toSorted(),
    });
    await garbage.setUsed(next.cycle, 0, again);
    expect((await vaults.usage(vault.id)).usedBytes).toBe(0);
  });
};

const countedCases = (subject: Subject): void => {
  it('says up to which sessions the used bytes are exact', async () => {
    const { catalog } = subject();
    const { garbage } = catalog;
    const { id } = await givenVault(catalog);
    expect(await garbage.countedUsage(id)).toStrictEqual({ epoch: 1, m0: 0 });
    const { cycle } = await givenCycle(catalog, id, 1);
    expect(await garbage.countedUsage(id)).toStrictEqual({ epoch: 2, m0: null });
    await garbage.setUsed(cycle, 0, await garbage.observeUsage(id));
    expect(await garbage.countedUsage(id)).toStrictEqual({ epoch: 2, m0: 1 });
    await expectCode(garbage.countedUsage(randomUUID()), 'BackupService.6105');
  });
};

const closingCases = (subject: Subject): void => {
  it('closes a vault: no session, no binding, no update', async () => {
    const { catalog } = subject();
    const { garbage, vaults, sessions } = catalog;
    const vault = await givenVault(catalog);
    const { projectId, id } = vault;
    const binding = await givenBinding(catalog, vault);
    await expectCode(garbage.startDeletingVault(projectId, id, AT_MS), 'BackupService.6111');
    await vaults.unbind(binding);
    const { backup } = await givenProtecting(catalog, await givenVault(catalog));
    const closed = { ...vault, status: 'deleting', revision: 2, updatedAtMs: AT_MS + 9 };
    for (let n = 0; n < 2; n++)
      expect(await garbage.startDeletingVault(projectId, id, AT_MS + 9)).toStrictEqual(closed);
    expect(await vaults.get(projectId, id)).toStrictEqual(closed);
    const session = someSession({ ...backup, vaultId: id });
    await expectCode(sessions.open(session), 'BackupService.6112');
    await expectCode(vaults.bind(someBinding(vault)), 'BackupService.6112');
    const reopened = { ...vault, revision: 2 };
    await expectCode(vaults.update(reopened), 'BackupService.6110');
    expect((await garbage.begin(id, 'run')).epoch).toBe(2);
  });

  it('closes no vault that is locked and shows a backup', async () => {
    const { catalog } = subject();
    const { garbage, vaults, tasks } = catalog;
    const vault = await givenVault(catalog, { locked: true });
    const { projectId, id } = vault;
    const { backup, task } = await givenCommitted(catalog, vault);
    await tasks.end(projectId, task.id, { status: 'success', atMs: AT_MS });
    await vaults.unbind({ projectId, vaultId: id, diskId: backup.disk.id });
    await expectCode(garbage.startDeletingVault(projectId, id, AT_MS), 'BackupService.6111');
    expect((await vaults.get(projectId, id)).status).toBe('available');
    await catalog.backups.hide(projectId, backup.id, AT_MS);
    for (let n = 0; n < 2; n++)
      expect(await garbage.startDeletingVault(projectId, id, AT_MS)).toMatchObject({
        status: 'deleting',
      });
  });

  it('closes no vault that is frozen, foreign or missing', async () => {
    const { catalog } = subject();
    const frozen = await givenVault(catalog, { status: 'frozen' });
    const { garbage } = catalog;
    const close = (projectId: string) => garbage.startDeletingVault(projectId, frozen.id, AT_MS);
    await expectCode(close(frozen.projectId), 'BackupService.6111');
    await expectCode(close('another'), 'BackupService.6105');
  });
};

const endCases = (subject: Subject): void => {
  it('removes every item of a deleted vault, which had to be empty', async () => {
    const { catalog, itemsOf } = subject();
    const { garbage, vaults } = catalog;
    const vault = await givenVault(catalog);
    const { projectId, id } = vault;
    const hidden = await givenHidden(catalog, vault);
    const packId = await givenSealedPack(catalog, vault);
    await catalog.policies.apply(appliedOf(vault, await givenPolicy(catalog, { projectId })));
    for (const { diskId, protectingTaskId } of await vaults.bindings(id)) {
      await catalog.tasks.end(projectId, protectingTaskId!, { status: 'success', atMs: AT_MS });
      await vaults.unbind({ projectId, vaultId: id, diskId });
    }
    const first = await givenCycle(catalog, id);
    await expectCode(garbage.removeVaultItems(first.cycle), 'catalog.conflict');
    await garbage.startDeletingVault(projectId, id, AT_MS);
    await expectCode(garbage.removeVaultItems(first.cycle), 'catalog.conflict');
    await garbage.removeRoot(first.cycle, hidden, { m0: first.m0, hiddenBeforeMs: AT_MS + 7000 });
    await expectCode(garbage.removeVaultItems(first.cycle), 'catalog.conflict');
    await garbage.condemn(first.cycle, packId, first.m0);
    const { cycle, m0 } = await givenCycle(catalog, id);
    await garbage.startDeleting(cycle, packId, m0);
    await expectCode(garbage.removeVaultItems(cycle), 'catalog.conflict');
    await garbage.removePack(cycle, packId);
    expect(await itemsOf(id)).not.toBe(0);
    for (let n = 0; n < 2; n++) await garbage.removeVaultItems(cycle);
    expect(await itemsOf(id)).toBe(0);
    await expectCode(vaults.get(projectId, id), 'BackupService.6105');
    await expectCode(garbage.begin(id, 'run'), 'BackupService.6105');
    await eventually(async () => expect(await all(vaults.list(projectId))).toStrictEqual([]));
  });

  it('names every vault there is, as long as it is there', async () => {
    const { catalog } = subject();
    const { garbage, vaults } = catalog;
    const [kept, deleted] = [await givenVault(catalog), await givenVault(catalog)];
    await vaults.delete(deleted.projectId, deleted.id);
    const found = await all(garbage.vaultIds());
    expect(found).toContainEqual({ projectId: kept.projectId, vaultId: kept.id });
    expect(found.map(({ vaultId }) => vaultId)).not.toContain(deleted.id);
  });
};
