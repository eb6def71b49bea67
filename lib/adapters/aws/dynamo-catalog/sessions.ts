import type { Backup } from '../../../model/backup.ts';
import type { FinishedRange, Session } from '../../../model/session.ts';
import { SESSION_TRANSITIONS } from '../../../model/session.ts';
import { statesBefore } from '../../../model/state-table.ts';
import type { SessionCatalog } from '../../../ports/catalog.ts';
import { ownBackup } from '../../catalog-rules/backup-rules.ts';
import { refuse } from '../../catalog-rules/refusal.ts';
import {
  type Commit,
  checkOpening,
  checkReader,
  existing,
  isParentToPin,
  isToCommit,
  isToEnd,
  type OpenSession,
  open,
} from '../../catalog-rules/session-rules.ts';
import { countBackup, statusMoved } from './backup-counts.ts';
import type { CatalogTable } from './catalog-table.ts';
import { backupCodec, openSessionCodec, rangeCodec, sessionCodec } from './codecs.ts';
import { backupChange } from './entries.ts';
import type { Condition, Write } from './expression.ts';
import { type ItemKey, keys, prefixes } from './keys.ts';
import { findBackup, readBackup, readEpoch } from './reads.ts';
import { epochStateOf } from './run-codecs.ts';
import { settle } from './settle.ts';

/** Ids in one item: 4096 take 140 KB of the 400 KB that an item may have. */
const QUARANTINED_MAX = 4096;
/** References in one item: 512 take 90 KB. */
const RANGE_SEGMENTS_MAX = 512;

const IS_OPEN: Condition = { equal: { state: 'OPEN' } };

export const dynamoSessions = (table: CatalogTable): SessionCatalog => {
  const read = (vaultId: string, id: string) => table.get(sessionCodec, keys.session(vaultId, id));
  const stored = async (vaultId: string, id: string) => existing(await read(vaultId, id), id);

  /** A session and a backup, as they were at one moment. */
  const snapshot = async (vaultId: string, id: string, backupId: string) => {
    const backup = await findBackup(table, backupId);
    if (backup === null) return [await read(vaultId, id), null] as const;
    return table.snapshot([sessionCodec, keys.session(vaultId, id)], [backupCodec, backup]);
  };

  return {
    async open(session) {
      const { vaultId, id } = session;
      checkSize(session);
      return settle('sessions.open', table.limits, async () => {
        const known = await read(vaultId, id);
        if (known !== null) return { done: known };
        const item = await readEpoch(table, vaultId);
        const { epoch: startEpoch, isDeleting = false } = item;
        checkOpening(vaultId, { isDeleting, state: epochStateOf(item) });
        const backup = session.kind === 'read' ? await readBackup(table, session.backupId) : null;
        checkReader(backup, session, startEpoch);
        const opened: Session = { ...session, startEpoch, state: 'OPEN' };
        return { write: () => table.transact(openWrites(opened, backup)).then(() => opened) };
      });
    },

    get: stored,

    async listOpen(vaultId) {
      const sessions: Session[] = [];
      for await (const items of table.pages(prefixes.openSessions(vaultId))) {
        const ids = items.map((item) => openSessionCodec.decode(item).id);
        const page = await table.getAll(
          sessionCodec,
          ids.map((id) => keys.session(vaultId, id)),
        );
        sessions.push(...page.filter((session) => session.state === 'OPEN'));
      }
      return sessions.toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
    },

    async renew(vaultId, id, leaseUntilMs) {
      const write = async () => {
        const when = { ...IS_OPEN, below: { leaseUntilMs } };
        await table.update(keys.session(vaultId, id), { set: { leaseUntilMs } }, when);
      };
      await settle('sessions.renew', table.limits, async (attempt) => {
        if (attempt === 1) return { write };
        const session = open(await stored(vaultId, id));
        return session.leaseUntilMs >= leaseUntilMs ? { done: undefined } : { write };
      });
    },

    async pinParent(vaultId, id, parentBackupId) {
      return settle('sessions.pinParent', table.limits, async () => {
        const [found, parent] = await snapshot(vaultId, id, parentBackupId);
        if (!isParentToPin(existing(found, id), parentBackupId)) return { done: true };
        if (parent?.vaultId !== vaultId || parent.root !== 'VISIBLE') return { done: false };
        const writes: Write[] = [
          { check: keyOf(parent), when: { equal: { root: 'VISIBLE' } } },
          {
            update: keys.session(vaultId, id),
            change: { set: { parentBackupId } },
            when: { ...IS_OPEN, absent: ['parentBackupId'] },
          },
        ];
        return { write: () => table.transact(writes).then(() => true) };
      });
    },

    async putRange(vaultId, id, range) {
      const item = rangeItem(vaultId, id, range);
      const write = () =>
        table.transact([
          { check: keys.session(vaultId, id), when: IS_OPEN },
          { put: item, when: { exists: false } },
        ]);
      await settle('sessions.putRange', table.limits, async (attempt) => {
        if (attempt === 1) return { write };
        open(await stored(vaultId, id));
        const first = await table.get(rangeCodec, keys.range(vaultId, id, range.from));
        return first === null ? { write } : { done: undefined };
      });
    },

    async range(vaultId, id, from) {
      const found = await table.get(rangeCodec, keys.range(vaultId, id, from));
      return found && finishedRange(found);
    },

    async ranges(vaultId, id) {
      const ranges: FinishedRange[] = [];
      for await (const items of table.pages(prefixes.ranges(vaultId, id)))
        for (const item of items) ranges.push(finishedRange(rangeCodec.decode(item)));
      return ranges;
    },

    async commit(commit) {
      const { vaultId, sessionId, projectId, backupId } = commit;
      await settle('sessions.commit', table.limits, async () => {
        const [session, found] = await snapshot(vaultId, sessionId, backupId);
        const backup = ownBackup(found, projectId, backupId);
        const known = existing(session, sessionId);
        if (!isToCommit(known, backup, commit)) return { done: undefined };
        return { write: () => table.transact(commitWrites(commit, backup, known)) };
      });
    },

    async end(vaultId, id, state) {
      return settle('sessions.end', table.limits, async () => {
        const session = await stored(vaultId, id);
        if (!isToEnd(session, state)) return { done: session };
        const writes: Write[] = [
          {
            update: keys.session(vaultId, id),
            change: { set: { state } },
            when: { oneOf: { state: statesBefore(SESSION_TRANSITIONS, state) } },
          },
          { remove: keys.openSession(vaultId, id) },
        ];
        return { write: () => table.transact(writes).then(() => stored(vaultId, id)) };
      });
    },
  };
};

const keyOf = (backup: Backup): ItemKey =>
  keys.backup(backup.vaultId, backup.createdAtMs, backup.id);

const checkSize = ({ id, quarantined }: OpenSession): void => {
  if (quarantined.length > QUARANTINED_MAX)
    refuse(`session ${id}`, `${quarantined.length} packs are quarantined; verify or release them`);
};

/** R1 and R13: the epoch is still the one that was read; what is read is a root. */
const openWrites = (session: Session, backup: Backup | null): Write[] => {
  const { vaultId, id, startEpoch } = session;
  const isOpen: Condition = {
    equal: { epoch: startEpoch },
    absent: ['isDeleting'],
    not: { state: 'RECONCILING' },
  };
  return [
    { check: keys.epoch(vaultId), when: isOpen },
    ...(backup === null ? [] : [{ check: keyOf(backup), when: isSameRoot(backup) }]),
    { put: sessionCodec.encode(session), when: { exists: false } },
    { put: openSessionCodec.encode({ vaultId, id }) },
  ];
};

const isSameRoot = ({ root, deletedEpoch }: Backup): Condition => ({
  equal: { root, ...(deletedEpoch !== undefined && { deletedEpoch }) },
});

const rangeItem = (vaultId: string, sessionId: string, range: FinishedRange) => {
  if (range.segments.length > RANGE_SEGMENTS_MAX)
    refuse(`session ${sessionId}`, `a range has at most ${RANGE_SEGMENTS_MAX} segments`);
  return rangeCodec.encode({ vaultId, sessionId, ...range });
};

/** R5: the only way to COMMITTED and VISIBLE. */
const commitWrites = (commit: Commit, backup: Backup, { parentBackupId }: Session): Write[] => {
  const { vaultId, sessionId, stats } = commit;
  return [
    {
      update: keys.session(vaultId, sessionId),
      change: { set: { state: 'COMMITTED' } },
      when: { oneOf: { state: statesBefore(SESSION_TRANSITIONS, 'COMMITTED') } },
    },
    { remove: keys.openSession(vaultId, sessionId) },
    {
      update: keyOf(backup),
      change: {
        set: backupChange(backup, {
          status: 'available',
          root: 'VISIBLE',
          manifest: { sessionId, sha256: commit.manifestSha256 },
          stats,
          completedAtMs: commit.atMs,
          updatedAtMs: commit.atMs,
          ...(parentBackupId && { parentBackupId }),
        }),
      },
      when: { equal: { name: backup.name, root: 'NONE', status: 'protecting' } },
    },
    {
      update: keys.usage(vaultId),
      change: {
        add: { usedBytes: stats.storedBytes, backupCount: 1 },
        count: statusMoved('protecting', 'available'),
      },
      when: { exists: true },
    },
    countBackup(backup, 1, stats.storedBytes),
  ];
};

const finishedRange = ({ from, to, segments, stats }: FinishedRange): FinishedRange => ({
  from,
  to,
  segments,
  stats,
});
