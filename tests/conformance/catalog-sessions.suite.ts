import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import type { FinishedRange } from '../../lib/model/session.ts';
import { expectCode, many, race } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  commitOf,
  givenBegun,
  givenCommitted,
  givenProtecting,
  givenVault,
  someBackup,
  someBinding,
  somePackId,
  someSession,
  someStats,
  someVault,
} from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

export const sessionCases = (subject: Subject): void => {
  openingCases(subject);
  leaseCases(subject);
  rangeCases(subject);
  commitCases(subject);
  endCases(subject);
};

const openingCases = (subject: Subject): void => {
  it('opens a session at the epoch of its vault; the same id is the same session', async () => {
    const { catalog, setEpoch } = subject();
    const vault = await givenVault(catalog);
    const { backup } = await givenBegun(catalog, vault);
    const wanted = someSession(backup, { quarantined: [somePackId(), somePackId()].toSorted() });
    await setEpoch(vault.id, 4);
    const session = await catalog.sessions.open(wanted);
    expect(session).toStrictEqual({ ...wanted, startEpoch: 4, state: 'OPEN' });
    await setEpoch(vault.id, 5);
    expect(await catalog.sessions.open({ ...wanted, leaseUntilMs: 1 })).toStrictEqual(session);
    await catalog.sessions.end(vault.id, session.id, 'FENCED');
    const ended = { ...session, state: 'FENCED' };
    expect(await catalog.sessions.open(wanted)).toStrictEqual(ended);
    expect(await catalog.sessions.get(vault.id, session.id)).toStrictEqual(ended);
  });

  it('opens one session for many openings of it at once', async () => {
    const { catalog } = subject();
    const { backup } = await givenBegun(catalog, await givenVault(catalog));
    const wanted = someSession(backup);
    const sessions = await Promise.all(
      Array.from({ length: 6 }, () => catalog.sessions.open(wanted)),
    );
    for (const session of sessions) expect(session).toStrictEqual(sessions[0]);
    expect(await catalog.sessions.listOpen(backup.vaultId)).toHaveLength(1);
  });

  it('opens every session at an epoch that was current then', async () => {
    const { catalog, setEpoch } = subject();
    const vault = await givenVault(catalog);
    const { backup } = await givenBegun(catalog, vault);
    for (let epoch = 2; epoch < 8; epoch++) {
      const [session] = await Promise.all([
        catalog.sessions.open(someSession(backup)),
        setEpoch(vault.id, epoch),
      ]);
      expect([epoch - 1, epoch]).toContain(session.startEpoch);
    }
  });

  it('refuses a vault that is not there', async () => {
    const { sessions } = subject().catalog;
    const session = someSession(someBackup(someBinding(someVault())));
    await expectCode(sessions.open(session), 'BackupService.6105');
    await expectCode(sessions.get(session.vaultId, session.id), 'catalog.conflict');
    expect(await sessions.listOpen(session.vaultId)).toStrictEqual([]);
  });

  it('opens a reader of a VISIBLE or HIDDEN backup of the vault alone', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const open = (backup: Parameters<typeof someSession>[0], vaultId = vault.id) =>
      catalog.sessions.open(someSession(backup, { kind: 'read', vaultId }));
    const { backup } = await givenCommitted(catalog, vault);
    expect(await open(backup)).toMatchObject({ kind: 'read', state: 'OPEN', startEpoch: 1 });
    await catalog.backups.hide(backup.projectId, backup.id, AT_MS);
    expect(await open(backup)).toMatchObject({ state: 'OPEN' });
    const { backup: begun } = await givenProtecting(catalog, vault);
    await expectCode(open(begun), 'catalog.conflict');
    await expectCode(open(someBackup(someBinding(vault))), 'catalog.conflict');
    const other = await givenVault(catalog);
    await expectCode(open(backup, other.id), 'catalog.conflict');
    expect(await catalog.sessions.listOpen(other.id)).toStrictEqual([]);
  });

  it('lists the OPEN sessions of a vault, more than a page of them', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup } = await givenBegun(catalog, vault);
    const quarantined = Array.from({ length: 300 }, somePackId);
    const ids: string[] = [];
    await many(120, async (n) => {
      const session = someSession(backup, { quarantined, createdAtMs: AT_MS + n });
      const { id } = await catalog.sessions.open(session);
      if (n % 12 === 0) await catalog.sessions.end(vault.id, id, 'ABORTED');
      else ids[n] = id;
    });
    const open = await catalog.sessions.listOpen(vault.id);
    expect(open.map(({ id }) => id)).toStrictEqual(ids.filter(Boolean));
    expect(open[0]!.quarantined).toStrictEqual(quarantined);
  }, 60_000);
};

const leaseCases = (subject: Subject): void => {
  it('extends a lease and never shortens it', async () => {
    const { catalog } = subject();
    const { session } = await givenProtecting(catalog, await givenVault(catalog));
    const { vaultId, id } = session;
    for (const leaseUntilMs of [AT_MS + 90_000, AT_MS + 90_000, AT_MS + 70_000])
      await catalog.sessions.renew(vaultId, id, leaseUntilMs);
    const renewed = { ...session, leaseUntilMs: AT_MS + 90_000 };
    expect(await catalog.sessions.get(vaultId, id)).toStrictEqual(renewed);
    expect(await catalog.sessions.listOpen(vaultId)).toStrictEqual([renewed]);
  });

  it('refuses every change of a session that has ended, and of none', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup: parent } = await givenCommitted(catalog, vault);
    const { session } = await givenProtecting(catalog, vault);
    await catalog.sessions.end(vault.id, session.id, 'FENCED');
    const changes = (id: string) => [
      catalog.sessions.renew(vault.id, id, AT_MS + 99_000),
      catalog.sessions.pinParent(vault.id, id, parent.id),
      catalog.sessions.putRange(vault.id, id, someRange(0)),
    ];
    for (const change of changes(session.id)) await expectCode(change, 'session.not-open');
    for (const change of changes(randomUUID())) await expectCode(change, 'catalog.conflict');
    const ended = { ...session, state: 'FENCED' };
    expect(await catalog.sessions.get(vault.id, session.id)).toStrictEqual(ended);
    expect(await catalog.sessions.ranges(vault.id, session.id)).toStrictEqual([]);
  });

  it('pins one parent, VISIBLE and of the vault', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup: parent } = await givenCommitted(catalog, vault);
    const { backup: hidden } = await givenCommitted(catalog, vault);
    await catalog.backups.hide(hidden.projectId, hidden.id, AT_MS);
    const { backup: foreign } = await givenCommitted(catalog, await givenVault(catalog));
    const { backup: begun, session } = await givenProtecting(catalog, vault);
    const pin = (id: string) => catalog.sessions.pinParent(vault.id, session.id, id);
    for (const id of [hidden.id, foreign.id, begun.id, randomUUID()])
      expect(await pin(id)).toBe(false);
    expect(await catalog.sessions.get(vault.id, session.id)).toStrictEqual(session);
    expect(await pin(parent.id)).toBe(true);
    await catalog.backups.hide(parent.projectId, parent.id, AT_MS);
    expect(await pin(parent.id)).toBe(true);
    const { backup: late } = await givenCommitted(catalog, vault);
    await expectCode(pin(late.id), 'catalog.conflict');
    expect(await catalog.sessions.get(vault.id, session.id)).toStrictEqual({
      ...session,
      parentBackupId: parent.id,
    });
  });
};

const rangeCases = (subject: Subject): void => {
  it('keeps the first range put for a start, in order', async () => {
    const { catalog } = subject();
    const { session } = await givenProtecting(catalog, await givenVault(catalog));
    const { vaultId, id } = session;
    const { sessions } = catalog;
    const ranges = [someRange(0), someRange(9), someRange(10), someRange(65_000)];
    for (const n of [2, 0, 3, 1]) await sessions.putRange(vaultId, id, ranges[n]!);
    await sessions.putRange(vaultId, id, ranges[1]!);
    await sessions.putRange(vaultId, id, { ...someRange(9), stats: someStats({ newBytes: 7 }) });
    expect(await sessions.ranges(vaultId, id)).toStrictEqual(ranges);
    expect(await sessions.ranges(vaultId, randomUUID())).toStrictEqual([]);
    expect(await sessions.range(vaultId, id, 9)).toStrictEqual(ranges[1]);
    expect(await sessions.range(vaultId, id, 1)).toBeNull();
    expect(await sessions.range(vaultId, randomUUID(), 9)).toBeNull();
  });

  it('gives back more than a page of large ranges', async () => {
    const { catalog } = subject();
    const { session } = await givenProtecting(catalog, await givenVault(catalog));
    const { vaultId, id } = session;
    const ranges = Array.from({ length: 120 }, (_, n) => someRange(n * 64, 64));
    await many(120, (n) => catalog.sessions.putRange(vaultId, id, ranges[119 - n]!));
    expect(await catalog.sessions.ranges(vaultId, id)).toStrictEqual(ranges);
  }, 60_000);

  it('keeps one of many ranges of a start put at once', async () => {
    const { catalog } = subject();
    const { session } = await givenProtecting(catalog, await givenVault(catalog));
    const { vaultId, id } = session;
    const ranges = Array.from({ length: 6 }, () => someRange(4));
    const { winners } = await race(
      ranges.map((range) => () => catalog.sessions.putRange(vaultId, id, range)),
    );
    expect(winners).toBe(6);
    const stored = await catalog.sessions.ranges(vaultId, id);
    expect(stored).toHaveLength(1);
    expect(ranges).toContainEqual(stored[0]);
  });
};

const commitCases = (subject: Subject): void => {
  it('commits: the backup is VISIBLE and available, the vault grows, once', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, session } = await givenProtecting(catalog, vault);
    const commit = commitOf(backup, session.id);
    const before = await catalog.backups.get(backup.projectId, backup.id);
    await catalog.sessions.commit(commit);
    await catalog.sessions.commit(commit);
    expect(await catalog.backups.get(backup.projectId, backup.id)).toStrictEqual({
      ...before,
      status: 'available',
      root: 'VISIBLE',
      manifest: { sessionId: session.id, sha256: commit.manifestSha256 },
      stats: commit.stats,
      completedAtMs: commit.atMs,
      updatedAtMs: commit.atMs,
    });
    expect(await catalog.sessions.get(vault.id, session.id)).toMatchObject({ state: 'COMMITTED' });
    expect(await catalog.sessions.listOpen(vault.id)).toStrictEqual([]);
    const usage = { usedBytes: 1024, backupCount: 1 };
    expect(await catalog.vaults.usage(vault.id)).toStrictEqual(usage);
    await catalog.backups.hide(backup.projectId, backup.id, AT_MS);
    await catalog.sessions.commit(commit);
    expect(await catalog.vaults.usage(vault.id)).toStrictEqual({ ...usage, backupCount: 0 });
  });

  it('commits many backups of a vault at once', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const given = await Promise.all(
      Array.from({ length: 12 }, () => givenProtecting(catalog, vault)),
    );
    const commits = given.map(({ backup, session }) => commitOf(backup, session.id));
    const { winners } = await race(
      [...commits, ...commits].map((commit) => () => catalog.sessions.commit(commit)),
    );
    expect(winners).toBe(24);
    expect(await catalog.vaults.usage(vault.id)).toStrictEqual({
      usedBytes: 12 * 1024,
      backupCount: 12,
    });
  }, 60_000);

  it('either commits or fences', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    for (let round = 0; round < 8; round++) {
      const { backup, session } = await givenProtecting(catalog, vault);
      const [committed, ended] = await Promise.allSettled([
        catalog.sessions.commit(commitOf(backup, session.id)),
        catalog.sessions.end(vault.id, session.id, 'FENCED'),
      ]);
      if (ended.status === 'rejected') throw ended.reason;
      const { state } = await catalog.sessions.get(vault.id, session.id);
      expect(ended.value.state).toBe(state);
      const { root } = await catalog.backups.get(backup.projectId, backup.id);
      if (committed.status === 'fulfilled') {
        expect({ state, root }).toStrictEqual({ state: 'COMMITTED', root: 'VISIBLE' });
      } else {
        expect(committed.reason).toMatchObject({ code: 'session.not-open' });
        expect({ state, root }).toStrictEqual({ state: 'FENCED', root: 'NONE' });
      }
    }
  });

  it.each(['ABORTED', 'FENCED'] as const)('refuses the commit of an %s session', async (state) => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, session } = await givenProtecting(catalog, vault);
    await catalog.sessions.end(vault.id, session.id, state);
    await expectCode(catalog.sessions.commit(commitOf(backup, session.id)), 'session.not-open');
    expect(await catalog.backups.get(backup.projectId, backup.id)).toMatchObject({ root: 'NONE' });
    expect(await catalog.vaults.usage(vault.id)).toMatchObject({ usedBytes: 0 });
  });

  it('refuses a commit that is not of this session, backup, project or manifest', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, session } = await givenProtecting(catalog, vault);
    const { backup: other } = await givenProtecting(catalog, vault);
    const commit = commitOf(backup, session.id);
    const { sessions } = catalog;
    const refused = (change: Partial<typeof commit>) => sessions.commit({ ...commit, ...change });
    await expectCode(refused({ backupId: other.id }), 'catalog.conflict');
    await expectCode(refused({ sessionId: randomUUID() }), 'catalog.conflict');
    await expectCode(refused({ projectId: randomUUID() }), 'BackupService.6200');
    expect(await sessions.get(vault.id, session.id)).toStrictEqual(session);
    await sessions.commit(commit);
    await expectCode(refused({ manifestSha256: 'b'.repeat(64) }), 'catalog.conflict');
    expect(await catalog.vaults.usage(vault.id)).toMatchObject({ backupCount: 1 });
  });

  it('refuses the commit of a backup that has failed, and a second session for it', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { backup, session } = await givenProtecting(catalog, vault);
    const second = await catalog.sessions.open(someSession(backup));
    await catalog.sessions.commit(commitOf(backup, session.id));
    await expectCode(catalog.sessions.commit(commitOf(backup, second.id)), 'catalog.conflict');
    expect(await catalog.sessions.get(vault.id, second.id)).toStrictEqual(second);
    const { backup: failed, session: third } = await givenProtecting(catalog, vault);
    await catalog.backups.setStatus(failed.projectId, failed.id, 'error', { atMs: AT_MS });
    await expectCode(catalog.sessions.commit(commitOf(failed, third.id)), 'catalog.conflict');
    expect(await catalog.vaults.usage(vault.id)).toMatchObject({ backupCount: 1 });
  });
};

const endCases = (subject: Subject): void => {
  it('ends a session once and for all', async () => {
    const { catalog } = subject();
    const vault = await givenVault(catalog);
    const { session } = await givenProtecting(catalog, vault);
    const ended = { ...session, state: 'ABORTED' };
    expect(await catalog.sessions.end(vault.id, session.id, 'ABORTED')).toStrictEqual(ended);
    expect(await catalog.sessions.end(vault.id, session.id, 'ABORTED')).toStrictEqual(ended);
    expect(await catalog.sessions.end(vault.id, session.id, 'FENCED')).toStrictEqual(ended);
    expect(await catalog.sessions.listOpen(vault.id)).toStrictEqual([]);
    const { session: done } = await givenCommitted(catalog, vault);
    expect(await catalog.sessions.end(vault.id, done.id, 'FENCED')).toMatchObject({
      state: 'COMMITTED',
    });
    await expectCode(catalog.sessions.end(vault.id, randomUUID(), 'FENCED'), 'catalog.conflict');
  });
};

const someRange = (from: number, count = 2): FinishedRange => ({
  from,
  to: from + count,
  segments: Array.from({ length: count }, (_, n) =>
    n === 1
      ? null
      : {
          sessionId: randomUUID(),
          random: randomBytes(16).toString('hex'),
          sha256: randomBytes(32).toString('hex'),
        },
  ),
  stats: someStats({ zeroBytes: from }),
});
