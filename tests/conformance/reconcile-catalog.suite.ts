import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { all, expectCode } from '../support/catalog-assertions.ts';
import { AT_MS, givenVault, someKey, someSession, someVault } from '../support/catalog-records.ts';
import { givenCycle } from '../support/garbage-records.ts';
import {
  endedSession,
  givenReconciling,
  RECONCILE_WRITES,
  shownBackup,
} from '../support/reconcile-world.ts';
import type { CatalogUnderTest, Subject } from './catalog.suite.ts';

/** The promises of `lib/ports/reconcile-catalog.ts`. */
export const reconcileCatalogSuite = (
  name: string,
  start: () => Promise<CatalogUnderTest>,
): void => {
  describe(`reconciling catalog: ${name}`, () => {
    let subject: CatalogUnderTest;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(async () => {
      await subject.close();
    });
    const get: Subject = () => subject;

    describe('runs', () => runCases(get));
    describe('packs', () => packCases(get));
    describe('backups', () => backupCases(get));
  });
};

const given = (subject: Subject) => givenReconciling(subject().catalog, randomUUID());

const runCases = (subject: Subject): void => {
  it('lets no session open and no cycle begin until it has ended', async () => {
    const { catalog } = subject();
    const { garbage, reconciling, sessions } = catalog;
    const { vault, visible, run } = await given(subject);
    const reader = someSession(visible, { kind: 'read' });
    expect(await reconciling.state(vault.id)).toBe('RECONCILING');
    await expectCode(sessions.open(reader), 'BackupService.6112');
    await expectCode(garbage.begin(vault.id, 'cycle'), 'vault.reconciling');
    for (let n = 0; n < 2; n++) await reconciling.end(run);
    expect(await reconciling.state(vault.id)).toBe('OPEN');
    expect((await sessions.open(reader)).startEpoch).toBe(run.epoch);
    expect((await garbage.begin(vault.id, 'cycle')).epoch).toBe(run.epoch + 1);
  });

  it('raises the epoch, supersedes the cycle of before, and begins a run once', async () => {
    const { catalog } = subject();
    const { id: vaultId } = await givenVault(catalog);
    const { cycle } = await givenCycle(catalog, vaultId);
    const run = await catalog.reconciling.begin(vaultId, 'run');
    expect(run).toStrictEqual({ vaultId, runId: 'run', epoch: cycle.epoch + 1 });
    expect(await catalog.reconciling.begin(vaultId, 'run')).toStrictEqual(run);
    await expectCode(catalog.garbage.horizon(cycle), 'cycle.superseded');
    await catalog.reconciling.end(run);
    expect((await catalog.reconciling.begin(vaultId, 'run')).epoch).toBe(run.epoch + 1);
    await expectCode(catalog.reconciling.begin(randomUUID(), 'run'), 'BackupService.6105');
  });

  it('refuses every write of a run that was taken over, or has ended', async () => {
    const { catalog } = subject();
    const world = await given(subject);
    const refused = async (run: typeof world.run, ...but: string[]) => {
      for (const [name, write] of Object.entries(RECONCILE_WRITES))
        if (!['reconciling.createVault', 'reconciling.begin', ...but].includes(name))
          await expectCode(write(catalog, { ...world, run }), 'cycle.superseded');
    };
    const next = await catalog.reconciling.begin(world.vault.id, randomUUID());
    await refused(world.run);
    await catalog.reconciling.end(next);
    await refused(next, 'reconciling.end');
  });

  it('puts a vault that was lost, RECONCILING, once', async () => {
    const { catalog } = subject();
    const vault = someVault();
    const keys = [someKey(vault), { ...someKey(vault), keyId: randomUUID() }];
    for (let n = 0; n < 2; n++) await catalog.reconciling.createVault(vault, keys);
    expect(await catalog.vaults.get(vault.projectId, vault.id)).toStrictEqual(vault);
    for (const key of keys)
      expect(await catalog.vaults.key(vault.id, key.keyId)).toStrictEqual(key);
    expect(await catalog.reconciling.state(vault.id)).toBe('RECONCILING');
    expect(await catalog.vaults.usage(vault.id)).toStrictEqual({ usedBytes: 0, backupCount: 0 });
    const other = { ...vault, keyId: randomUUID() };
    await expectCode(catalog.reconciling.createVault(other, keys), 'catalog.conflict');
  });
};

const packCases = (subject: Subject): void => {
  it('puts packs as their objects show them, and never takes a reference back', async () => {
    const { catalog } = subject();
    const { vault, pack, condemned, run } = await given(subject);
    const { reconciling, packs } = catalog;
    for (let n = 0; n < 2; n++) expect(await reconciling.putPack(run, pack)).toBe(true);
    expect(await packs.get(vault.id, pack.id)).toStrictEqual(pack);
    const older = { ...pack, lastRefEpoch: 1, present: Uint8Array.of(1) };
    await reconciling.putPack(run, older);
    expect(await packs.get(vault.id, pack.id)).toStrictEqual({ ...older, lastRefEpoch: 2 });
    const { condemnedEpoch: _, ...revived } = (await packs.get(vault.id, condemned))!;
    await reconciling.putPack(run, { ...revived, state: 'SEALED' });
    expect(await packs.get(vault.id, condemned)).toStrictEqual({ ...revived, state: 'SEALED' });
  });

  it('quarantines packs that are damaged, and no session pins them', async () => {
    const { catalog } = subject();
    const { vault, pack, run } = await given(subject);
    const damaged = { ...pack, state: 'QUARANTINED' as const, reason: 'gone' };
    await catalog.reconciling.putPack(run, damaged);
    expect(await catalog.packs.quarantined(vault.id)).toStrictEqual([pack.id]);
    expect(await catalog.packs.pin(vault.id, pack.id, 9)).toBeNull();
    expect(await catalog.reconciling.putPack(run, pack)).toBe(false);
    expect(await catalog.reconciling.dropPack(run, pack.id)).toBe(true);
    expect(await catalog.packs.quarantined(vault.id)).toStrictEqual([]);
  });

  it('touches no pack that is being deleted, and drops others', async () => {
    const { catalog, setPackState } = subject();
    const { vault, pack, run } = await given(subject);
    const { reconciling, packs } = catalog;
    await reconciling.putPack(run, pack);
    await setPackState(vault.id, pack.id, 'DELETING');
    expect(await reconciling.putPack(run, pack)).toBe(false);
    expect(await reconciling.dropPack(run, pack.id)).toBe(false);
    await setPackState(vault.id, pack.id, 'CONDEMNED');
    for (let n = 0; n < 2; n++) expect(await reconciling.dropPack(run, pack.id)).toBe(true);
    expect(await packs.get(vault.id, pack.id)).toBeNull();
  });
};

const backupCases = (subject: Subject): void => {
  it('brings back a backup that the catalog does not know, and counts it once', async () => {
    const { catalog } = subject();
    const { vault, unknown, unknownSessionId, run } = await given(subject);
    const before = await catalog.vaults.usage(vault.id);
    const backup = shownBackup(unknown, unknownSessionId);
    const session = endedSession(unknown, unknownSessionId);
    for (let n = 0; n < 2; n++)
      expect(await catalog.reconciling.bringBack(run, backup, session)).toBe(true);
    expect(await catalog.backups.get(vault.projectId, backup.id)).toStrictEqual(backup);
    expect(await catalog.sessions.get(vault.id, session.id)).toStrictEqual(session);
    const { backupCount } = await catalog.vaults.usage(vault.id);
    expect(backupCount).toBe(before.backupCount + 1);
    const counts = await catalog.vaults.backupCounts(vault.id);
    expect(counts.find(({ diskId }) => diskId === backup.disk.id)?.backupCount).toBe(1);
    expect(await catalog.backups.counts(vault.projectId)).toMatchObject({ available: 2 });
    const other = shownBackup(unknown, randomUUID());
    expect(await catalog.reconciling.bringBack(run, other, session)).toBe(false);
    await catalog.backups.hide(vault.projectId, backup.id, AT_MS);
    expect((await catalog.vaults.usage(vault.id)).backupCount).toBe(before.backupCount);
  });

  it('commits a backup that was running, and keeps what is known of it', async () => {
    const { catalog } = subject();
    const { vault, begun, session, run } = await given(subject);
    const renamed = { name: 'of the manifest', description: 'x', autoTrigger: true };
    const backup = shownBackup({ ...begun, ...renamed }, session.id);
    const ended = endedSession(begun, session.id);
    expect(await catalog.reconciling.bringBack(run, backup, ended)).toBe(true);
    expect(await catalog.sessions.listOpen(vault.id)).toStrictEqual([]);
    expect((await catalog.sessions.get(vault.id, session.id)).state).toBe('COMMITTED');
    const stored = await catalog.backups.get(vault.projectId, begun.id);
    const { name, description, autoTrigger } = begun;
    expect(stored).toStrictEqual({ ...backup, name, description, autoTrigger });
  });

  it('brings back nothing of a session that ended without a commit', async () => {
    const { catalog } = subject();
    const { vault, begun, session, run } = await given(subject);
    await catalog.sessions.end(vault.id, session.id, 'FENCED');
    const backup = shownBackup(begun, session.id);
    const ended = endedSession(begun, session.id);
    expect(await catalog.reconciling.bringBack(run, backup, ended)).toBe(false);
    expect((await catalog.backups.get(vault.projectId, begun.id)).root).toBe('NONE');
  });

  it('gives up roots without a manifest, and starts the window of deleted ones anew', async () => {
    const { catalog } = subject();
    const { vault, visible, hidden, run } = await given(subject);
    const { backups, reconciling, vaults } = catalog;
    const failure = { code: 'Holdfast.Damaged', message: 'gone' };
    const before = await vaults.usage(vault.id);
    for (let n = 0; n < 2; n++) await reconciling.giveUp(run, visible, failure, AT_MS + 9000);
    const gone = await backups.get(vault.projectId, visible.id);
    expect(gone).toMatchObject({ root: 'NONE', status: 'error', failure });
    expect(gone.manifest).toBeUndefined();
    const { available = 0, error } = await backups.counts(vault.projectId);
    expect([available, error]).toEqual([0, 1]);
    expect((await vaults.usage(vault.id)).backupCount).toBe(before.backupCount - 1);

    await reconciling.hideAnew(run, { ...hidden, failure }, AT_MS + 9000);
    await reconciling.hideAnew(run, hidden, AT_MS + 9999);
    const anew = { root: 'HIDDEN', deletedEpoch: run.epoch, hiddenAtMs: AT_MS + 9000, failure };
    expect(await backups.get(vault.projectId, hidden.id)).toMatchObject(anew);
    await reconciling.giveUp(run, hidden, failure, AT_MS + 9000);
    expect((await backups.get(vault.projectId, hidden.id)).manifest).toBeUndefined();
    expect(await all(backups.roots(vault.id))).toHaveLength(1);
    expect((await vaults.usage(vault.id)).backupCount).toBe(before.backupCount - 1);
  });

  it('counts a damaged backup that it gives up as before: its state is the same', async () => {
    const { catalog } = subject();
    const { vault, visible, run } = await given(subject);
    const failure = { code: 'Holdfast.Damaged', message: 'gone' };
    await catalog.backups.setStatus(vault.projectId, visible.id, 'error', { atMs: AT_MS, failure });
    const before = await catalog.backups.counts(vault.projectId);
    expect(before).toMatchObject({ error: 1 });
    await catalog.reconciling.giveUp(run, visible, failure, AT_MS + 9000);
    expect(await catalog.backups.counts(vault.projectId)).toEqual(before);
  });

  it('puts sessions that are not there, and believes that one has committed', async () => {
    const { catalog } = subject();
    const { vault, begun, session, unknown, unknownSessionId, run } = await given(subject);
    const { reconciling, sessions } = catalog;
    const fenced = { ...endedSession(unknown, unknownSessionId), state: 'FENCED' as const };
    for (let n = 0; n < 2; n++) await reconciling.putSession(run, fenced);
    expect(await sessions.get(vault.id, fenced.id)).toStrictEqual(fenced);
    await reconciling.putSession(run, { ...fenced, state: 'COMMITTED', startEpoch: 9 });
    await reconciling.putSession(run, fenced);
    const committed = { ...fenced, state: 'COMMITTED' as const };
    expect(await sessions.get(vault.id, fenced.id)).toStrictEqual(committed);
    const ended = endedSession(begun, session.id);
    await reconciling.putSession(run, { ...ended, state: 'FENCED' });
    expect(await sessions.get(vault.id, session.id)).toStrictEqual(session);
    await reconciling.putSession(run, ended);
    expect(await sessions.get(vault.id, session.id)).toStrictEqual({
      ...session,
      state: 'COMMITTED',
    });
    expect(await sessions.listOpen(vault.id)).toStrictEqual([]);
    const backup = shownBackup(begun, session.id);
    expect(await reconciling.bringBack(run, backup, ended)).toBe(true);
  });

  it('puts restore points that are not there, and no others', async () => {
    const { catalog } = subject();
    const { vault, checkpoint, run } = await given(subject);
    const { reconciling, backups } = catalog;
    await reconciling.putCheckpoint(run, checkpoint);
    await reconciling.putCheckpoint(run, { ...checkpoint, name: 'another' });
    expect(await backups.checkpoint(vault.projectId, checkpoint.id)).toStrictEqual(checkpoint);
  });
};
