import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import type { Backup } from '../../lib/model/backup.ts';
import { all, eventually, expectCode, many, race } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  commitOf,
  givenBegun,
  givenBinding,
  givenCommitted,
  givenVault,
  someBackup,
  someBinding,
  someKey,
  someSession,
  someTask,
  someVault,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

export const vaultCases = (subject: Subject): void => {
  creationCases(subject);
  updateCases(subject);
  deletionCases(subject);
  countCases(subject);
};

const creationCases = (subject: Subject): void => {
  it('gives back a vault, its key and its usage as they were put', async () => {
    const { vaults } = subject().catalog;
    const vault = someVault();
    const key = someKey(vault);
    await vaults.create(vault, key);
    expect(await vaults.get(vault.projectId, vault.id)).toStrictEqual(vault);
    expect(await vaults.key(vault.id, vault.keyId)).toStrictEqual(key);
    expect(await vaults.usage(vault.id)).toStrictEqual({ usedBytes: 0, backupCount: 0 });
  });

  it('keeps optional fields absent', async () => {
    const { vaults } = subject().catalog;
    const { backupNamePrefix: _, ...rest } = someVault({ bindRules: {}, tags: [] });
    await vaults.create(rest, someKey(rest));
    expect(await vaults.get(rest.projectId, rest.id)).toStrictEqual(rest);
  });

  it('shares no object with its caller', async () => {
    const { vaults } = subject().catalog;
    const vault = someVault();
    const key = someKey(vault);
    await vaults.create(vault, key);
    vault.tags.push({ key: 'late', value: '' });
    key.wrapped.fill(0);
    const stored = await vaults.get(vault.projectId, vault.id);
    stored.tags.push({ key: 'later', value: '' });
    expect((await vaults.get(vault.projectId, vault.id)).tags).toHaveLength(1);
    expect((await vaults.key(vault.id, vault.keyId)).wrapped).toStrictEqual(
      Uint8Array.of(1, 2, 3, 255),
    );
  });

  it('creates a vault once: a repetition changes nothing, another is refused', async () => {
    const { vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    await vaults.update({ ...vault, name: 'renamed' });
    await vaults.create(vault, someKey(vault));
    expect((await vaults.get(vault.projectId, vault.id)).name).toBe('renamed');
    const other = someVault({ id: vault.id });
    await expectCode(vaults.create(other, someKey(other)), 'catalog.conflict');
    await expectCode(vaults.get(other.projectId, vault.id), 'BackupService.6105');
  });

  it('opens a new vault at epoch 1', async () => {
    const { catalog } = subject();
    const backup = someBackup(someBinding(await givenVault(catalog)));
    expect(await catalog.sessions.open(someSession(backup))).toMatchObject({ startEpoch: 1 });
  });

  it('names what is missing', async () => {
    const { vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    await expectCode(vaults.get(randomUUID(), vault.id), 'BackupService.6105');
    await expectCode(vaults.get(vault.projectId, randomUUID()), 'BackupService.6105');
    await expectCode(vaults.usage(randomUUID()), 'BackupService.6105');
    await expectCode(vaults.key(vault.id, randomUUID()), 'key.missing');
    await expectCode(vaults.key(randomUUID(), vault.keyId), 'key.missing');
  });

  it("lists a project's vaults, newest first, more than a page of them", async () => {
    const { catalog } = subject();
    const projectId = randomUUID();
    const description = 'x'.repeat(12_000);
    await many(110, (n) =>
      givenVault(catalog, { projectId, description, createdAtMs: AT_MS + (n % 100) }),
    );
    await givenVault(catalog);
    await eventually(async () => {
      const vaults = await all(catalog.vaults.list(projectId));
      expect(vaults).toHaveLength(110);
      expect(new Set(vaults.map(({ id }) => id)).size).toBe(110);
      const times = vaults.map(({ createdAtMs }) => createdAtMs);
      expect(times).toStrictEqual(times.toSorted((a, b) => b - a));
    });
  });
};

const updateCases = (subject: Subject): void => {
  it('replaces a vault and counts its revision', async () => {
    const { vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const { backupNamePrefix: _, ...changed } = { ...vault, name: 'new', sizeGib: 200 };
    const updated = await vaults.update(changed);
    expect(updated).toStrictEqual({ ...changed, revision: 2 });
    expect(await vaults.get(vault.projectId, vault.id)).toStrictEqual(updated);
    expect(await vaults.update(changed)).toStrictEqual(updated);
    expect(await vaults.get(vault.projectId, vault.id)).toStrictEqual(updated);
  });

  it('lets one of many updates at once win', async () => {
    const { vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const { winners, codes } = await race(
      names.map((name) => () => vaults.update({ ...vault, name })),
    );
    expect(winners).toBe(1);
    expect(new Set(codes)).toStrictEqual(new Set(['catalog.conflict']));
    expect(await vaults.get(vault.projectId, vault.id)).toMatchObject({ revision: 2 });
  });

  it('refuses to update what the project does not have', async () => {
    const { vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    await expectCode(vaults.update(someVault()), 'BackupService.6105');
    await expectCode(vaults.update({ ...vault, projectId: randomUUID() }), 'BackupService.6105');
    expect(await vaults.get(vault.projectId, vault.id)).toStrictEqual(vault);
  });
};

const deletionCases = (subject: Subject): void => {
  it('deletes an empty vault; again is no error; its key stays', async () => {
    const { vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    await expectCode(vaults.delete(randomUUID(), vault.id), 'BackupService.6105');
    await vaults.delete(vault.projectId, vault.id);
    await vaults.delete(vault.projectId, vault.id);
    await expectCode(vaults.get(vault.projectId, vault.id), 'BackupService.6105');
    await expectCode(vaults.usage(vault.id), 'BackupService.6105');
    expect(await vaults.key(vault.id, vault.keyId)).toStrictEqual(someKey(vault));
  });

  it('uses the id of a deleted vault for no other', async () => {
    const { vaults } = subject().catalog;
    const vault = await givenVault(subject().catalog);
    await vaults.delete(vault.projectId, vault.id);
    await expectCode(vaults.create(vault, someKey(vault)), 'catalog.conflict');
  });

  it('keeps a vault while it has a binding', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const binding = await givenBinding(catalog, vault);
    await expectCode(catalog.vaults.delete(vault.projectId, vault.id), 'catalog.conflict');
    await catalog.vaults.unbind(binding);
    await catalog.vaults.delete(vault.projectId, vault.id);
  });

  it.each(['available', 'error'] as const)(
    'keeps a vault while it has an %s backup',
    async (is) => {
      const { catalog } = subject();
      const vault = await givenVault(catalog);
      const given = is === 'available' ? givenCommitted : givenBegun;
      const { backup, task } = await given(catalog, vault);
      const { projectId, id } = backup;
      if (is === 'error') await catalog.backups.setStatus(projectId, id, 'error', { atMs: AT_MS });
      await catalog.tasks.end(projectId, task.id, { status: 'failed', atMs: AT_MS });
      await catalog.vaults.unbind({ projectId, vaultId: vault.id, diskId: backup.disk.id });
      await expectCode(catalog.vaults.delete(projectId, vault.id), 'catalog.conflict');
      await catalog.backups.hide(projectId, id, AT_MS);
      await catalog.vaults.delete(projectId, vault.id);
    },
  );

  it('either binds a disk or deletes the vault, never both', async () => {
    const { catalog } = subject();
    for (let round = 0; round < 5; round++) {
      const vault = await givenVault(catalog);
      const binding = someBinding(vault);
      const { winners } = await race([
        () => catalog.vaults.bind(binding),
        () => catalog.vaults.delete(vault.projectId, vault.id),
      ]);
      expect(winners).toBe(1);
      const bound = await catalog.vaults.binding(vault.projectId, binding.diskId);
      const kept = await race([() => catalog.vaults.get(vault.projectId, vault.id)]);
      expect(bound !== null).toBe(kept.winners === 1);
    }
  });
};

const countCases = (subject: Subject): void => {
  it('counts the VISIBLE backups of each disk and their bytes', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    expect(await catalog.vaults.backupCounts(vault.id)).toStrictEqual([]);
    const { backup } = await givenCommitted(catalog, vault);
    const other = await givenCommitted(catalog, vault);
    await givenBegun(catalog, vault);
    const count = (diskId: string) => ({ diskId, backupCount: 1, backupBytes: 1024 });
    const counts = async () =>
      (await catalog.vaults.backupCounts(vault.id)).toSorted((a, b) =>
        a.diskId < b.diskId ? -1 : 1,
      );
    const ids = [backup.disk.id, other.backup.disk.id].toSorted();
    expect(await counts()).toStrictEqual(ids.map(count));
    for (let time = 0; time < 2; time++) {
      await catalog.backups.hide(backup.projectId, backup.id, AT_MS);
      expect(await counts()).toStrictEqual([count(other.backup.disk.id)]);
    }
  });

  it('counts a second backup of a disk, and none that was never whole', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, task } = await givenCommitted(catalog, vault);
    const { projectId, disk } = backup;
    await catalog.tasks.end(projectId, task.id, { status: 'success', atMs: AT_MS });
    const [second, failed] = [AT_MS + 10, AT_MS + 20].map((createdAtMs) =>
      someBackup(someBinding(vault, { diskId: disk.id }), { createdAtMs }),
    ) as [Backup, Backup];
    for (const one of [second, failed]) {
      const begun = someTask(one);
      await catalog.backups.begin(one, begun);
      await catalog.backups.setStatus(projectId, one.id, 'protecting', { atMs: AT_MS });
      if (one === second) {
        const session = await catalog.sessions.open(someSession(one));
        await catalog.sessions.commit(commitOf(one, session.id));
      }
      await catalog.tasks.end(projectId, begun.id, { status: 'failed', atMs: AT_MS });
    }
    await catalog.backups.setStatus(projectId, failed.id, 'error', { atMs: AT_MS });
    await catalog.backups.hide(projectId, failed.id, AT_MS);
    expect(await catalog.vaults.backupCounts(vault.id)).toStrictEqual([
      { diskId: disk.id, backupCount: 2, backupBytes: 2048 },
    ]);
  });
};
