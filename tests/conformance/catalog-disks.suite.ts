import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { expectCode, many, race } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  givenBegun,
  givenBinding,
  givenVault,
  someBackup,
  someBinding,
  someTask,
  someVault,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

export const diskCases = (subject: Subject): void => {
  bindingCases(subject);
  rebindingCases(subject);
  suspensionCases(subject);
};

const bindingCases = (subject: Subject): void => {
  it('binds a disk and shows it in its vault and project alone', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const binding = await givenBinding(catalog, vault);
    expect(await catalog.vaults.bindings(vault.id)).toStrictEqual([binding]);
    expect(await catalog.vaults.binding(vault.projectId, binding.diskId)).toStrictEqual(binding);
    expect(await catalog.vaults.binding(randomUUID(), binding.diskId)).toBeNull();
    expect(await catalog.vaults.binding(vault.projectId, randomUUID())).toBeNull();
    expect(await catalog.vaults.isOthers(vault.projectId, binding.diskId)).toBe(false);
    expect(await catalog.vaults.isOthers(randomUUID(), binding.diskId)).toBe(true);
    expect(await catalog.vaults.isOthers(randomUUID(), randomUUID())).toBe(false);
    expect(await catalog.vaults.bindings(randomUUID())).toStrictEqual([]);
  });

  it('repeats a binding without a change, also while a task protects the disk', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const binding = await givenBinding(catalog, vault);
    const backup = someBackup(binding);
    await catalog.backups.begin(backup, someTask(backup));
    await catalog.vaults.bind(binding);
    expect(await catalog.vaults.bindings(vault.id)).toStrictEqual([
      { ...binding, protectingTaskId: backup.operationLogId },
    ]);
  });

  it('refuses a disk that is bound already, and a vault that is not there', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { diskId } = await givenBinding(catalog, vault);
    const again = someBinding(vault, { diskId, createdAtMs: AT_MS + 1 });
    await expectCode(catalog.vaults.bind(again), 'BackupService.7006');
    const elsewhere = someBinding(await givenVault(catalog), { diskId });
    await expectCode(catalog.vaults.bind(elsewhere), 'BackupService.7006');
    await expectCode(catalog.vaults.bind(someBinding(someVault())), 'BackupService.6105');
    const foreign = someBinding(vault, { projectId: randomUUID() });
    await expectCode(catalog.vaults.bind(foreign), 'BackupService.6105');
    expect(await catalog.vaults.bindings(vault.id)).toHaveLength(1);
  });

  it('binds a disk to one of many vaults at once', async () => {
    const { catalog } = subject();
    const projectId = randomUUID();
    const diskId = randomUUID();
    const vaults = await Promise.all(
      Array.from({ length: 8 }, () => givenVault(catalog, { projectId })),
    );
    const { winners, codes } = await race(
      vaults.map((vault) => () => catalog.vaults.bind(someBinding(vault, { diskId }))),
    );
    expect(winners).toBe(1);
    expect(new Set(codes)).toStrictEqual(new Set(['BackupService.7006']));
    const bound = await Promise.all(vaults.map((vault) => catalog.vaults.bindings(vault.id)));
    expect(bound.flat()).toHaveLength(1);
  });

  it('takes 256 disks, lists them by id, and refuses the next', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    await many(250, () => givenBinding(catalog, vault));
    const { winners, codes } = await race(
      Array.from({ length: 8 }, () => () => givenBinding(catalog, vault)),
    );
    expect(winners).toBe(6);
    expect(codes).toStrictEqual(['BackupService.6100', 'BackupService.6100']);
    const bindings = await catalog.vaults.bindings(vault.id);
    const ids = bindings.map(({ diskId }) => diskId);
    expect(ids).toHaveLength(256);
    expect(ids).toStrictEqual(ids.toSorted());
    await catalog.vaults.unbind(bindings[0]!);
    await givenBinding(catalog, vault);
  }, 60_000);

  it('unbinds a disk, idempotently, only for its project, and only from the vault it is in', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const binding = await givenBinding(catalog, vault);
    const { diskId } = binding;
    const { id: elsewhere } = await givenVault(catalog, { projectId: vault.projectId });
    await catalog.vaults.unbind({ ...binding, projectId: randomUUID() });
    await catalog.vaults.unbind({ ...binding, vaultId: elsewhere });
    expect(await catalog.vaults.bindings(vault.id)).toHaveLength(1);
    await catalog.vaults.unbind(binding);
    await catalog.vaults.unbind(binding);
    expect(await catalog.vaults.binding(vault.projectId, diskId)).toBeNull();
    await catalog.vaults.bind(someBinding(vault, { diskId, createdAtMs: AT_MS + 9 }));
  });

  it('does not unbind a disk while a task protects it', async () => {
    const { catalog } = subject();
    const { backup, task } = await givenBegun(catalog, await givenVault(catalog));
    const { projectId, vaultId, disk } = backup;
    const bound = { projectId, vaultId, diskId: disk.id };
    await expectCode(catalog.vaults.unbind(bound), 'catalog.conflict');
    expect(await catalog.vaults.binding(projectId, disk.id)).not.toBeNull();
    await catalog.tasks.end(projectId, task.id, { status: 'failed', atMs: AT_MS });
    await catalog.vaults.unbind(bound);
    expect(await catalog.vaults.binding(projectId, disk.id)).toBeNull();
  });
};

const rebindingCases = (subject: Subject): void => {
  it('takes a disk to another vault at once, with its suspension, and again without a change', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { id: toVaultId } = await givenVault(catalog, { projectId: vault.projectId });
    const [moved, suspended] = [
      await givenBinding(catalog, vault),
      await givenBinding(catalog, vault),
    ];
    await catalog.vaults.setSuspended(suspended, true);
    const move = { fromVaultId: vault.id, toVaultId, atMs: AT_MS + 7 };
    for (const disk of [moved, suspended, moved]) await catalog.vaults.rebind(disk, move);
    const bound = { vaultId: toVaultId, createdAtMs: AT_MS + 7 };
    for (const [disk, own] of [
      [moved, bound],
      [suspended, { ...bound, suspended: true }],
    ] as const)
      expect(await catalog.vaults.binding(vault.projectId, disk.diskId)).toStrictEqual({
        ...disk,
        ...own,
      });
    expect(await catalog.vaults.bindings(toVaultId)).toHaveLength(2);
    await catalog.vaults.delete(vault.projectId, vault.id);
    await expectCode(catalog.vaults.delete(vault.projectId, toVaultId), 'catalog.conflict');
  });

  it('takes no disk to another vault that is not in the one, is protected, or may not join', async () => {
    const { catalog } = subject();
    const { backup, task } = await givenBegun(catalog, await givenVault(catalog));
    const { projectId, vaultId } = backup;
    const disk = { projectId, diskId: backup.disk.id };
    const { id: toVaultId } = await givenVault(catalog, { projectId });
    const foreign = await givenVault(catalog);
    const move = { fromVaultId: vaultId, toVaultId, atMs: AT_MS + 7 };
    const rebind = (change: Partial<typeof move>, whose: Partial<typeof disk> = {}) =>
      catalog.vaults.rebind({ ...disk, ...whose }, { ...move, ...change });
    await expectCode(rebind({}), 'catalog.conflict');
    await catalog.tasks.end(projectId, task.id, { status: 'failed', atMs: AT_MS });
    await expectCode(rebind({ fromVaultId: foreign.id }), 'catalog.conflict');
    await expectCode(rebind({}, { diskId: randomUUID() }), 'catalog.conflict');
    await expectCode(rebind({}, { projectId: foreign.projectId }), 'catalog.conflict');
    await expectCode(rebind({ toVaultId: foreign.id }), 'BackupService.6105');
    await catalog.garbage.startDeletingVault(projectId, toVaultId, AT_MS);
    await expectCode(rebind({}), 'BackupService.6112');
    expect(await catalog.vaults.binding(projectId, disk.diskId)).toMatchObject({ vaultId });
  });
};

const suspensionCases = (subject: Subject): void => {
  it('suspends and resumes the protection of a disk, again without a change', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const binding = await givenBinding(catalog, vault);
    const other = await givenBinding(catalog, vault);
    for (const suspended of [true, true, false, false]) {
      await catalog.vaults.setSuspended(binding, suspended);
      expect(await catalog.vaults.binding(vault.projectId, binding.diskId)).toStrictEqual(
        suspended ? { ...binding, suspended } : binding,
      );
    }
    expect(await catalog.vaults.binding(vault.projectId, other.diskId)).toStrictEqual(other);
  });

  it('suspends a disk while a task protects it, and keeps both marks apart', async () => {
    const { catalog } = subject();
    const { backup, task } = await givenBegun(catalog, await givenVault(catalog));
    const { projectId, vaultId, disk, operationLogId } = backup;
    await catalog.vaults.setSuspended({ projectId, vaultId, diskId: disk.id }, true);
    expect(await catalog.vaults.binding(projectId, disk.id)).toMatchObject({
      suspended: true,
      protectingTaskId: operationLogId,
    });
    await catalog.tasks.end(projectId, task.id, { status: 'failed', atMs: AT_MS });
    const binding = await catalog.vaults.binding(projectId, disk.id);
    expect(binding?.suspended).toBe(true);
    expect(binding).not.toHaveProperty('protectingTaskId');
  });

  it('suspends no disk of another vault or project', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const binding = await givenBinding(catalog, vault);
    const elsewhere = [
      { vaultId: (await givenVault(catalog)).id },
      { projectId: randomUUID() },
      { diskId: randomUUID() },
    ];
    for (const wrong of elsewhere) {
      const call = catalog.vaults.setSuspended({ ...binding, ...wrong }, true);
      await expectCode(call, 'BackupService.6135');
    }
    expect(await catalog.vaults.bindings(vault.id)).toStrictEqual([binding]);
  });
};
