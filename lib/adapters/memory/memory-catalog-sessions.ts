import type { SessionCatalog } from '../../ports/catalog.ts';
import { ownBackup } from '../catalog-rules/backup-rules.ts';
import {
  checkOpening,
  checkReader,
  existing,
  isParentToPin,
  isToCommit,
  isToEnd,
  open,
} from '../catalog-rules/session-rules.ts';
import {
  copyOf,
  epochOf,
  epochStateOf,
  inVault,
  isDeletingVault,
  type MemoryCatalogState,
  oldestFirst,
  usageOf,
} from './memory-catalog-state.ts';

export const memorySessions = (state: MemoryCatalogState): SessionCatalog => {
  const { sessions, ranges, backups } = state;
  const stored = (vaultId: string, id: string) =>
    existing(sessions.get(inVault(vaultId, id)) ?? null, id);

  return {
    async open(session) {
      const key = inVault(session.vaultId, session.id);
      const known = sessions.get(key);
      if (known !== undefined) return copyOf(known);
      const startEpoch = epochOf(state, session.vaultId);
      checkOpening(session.vaultId, {
        isDeleting: isDeletingVault(state, session.vaultId),
        state: epochStateOf(state, session.vaultId),
      });
      checkReader(backups.get(session.backupId) ?? null, session, startEpoch);
      sessions.set(key, copyOf({ ...session, startEpoch, state: 'OPEN' }));
      return copyOf(sessions.get(key)!);
    },

    async get(vaultId, id) {
      return copyOf(stored(vaultId, id));
    },

    async listOpen(vaultId) {
      const all = [...sessions.values()].filter(
        (session) => session.vaultId === vaultId && session.state === 'OPEN',
      );
      return copyOf(all).toSorted(oldestFirst);
    },

    async renew(vaultId, id, leaseUntilMs) {
      const session = open(stored(vaultId, id));
      session.leaseUntilMs = Math.max(session.leaseUntilMs, leaseUntilMs);
    },

    async pinParent(vaultId, id, parentBackupId) {
      const session = stored(vaultId, id);
      if (!isParentToPin(session, parentBackupId)) return true;
      const parent = backups.get(parentBackupId);
      if (parent?.vaultId !== vaultId || parent.root !== 'VISIBLE') return false;
      session.parentBackupId = parentBackupId;
      return true;
    },

    async putRange(vaultId, id, range) {
      open(stored(vaultId, id));
      const key = inVault(vaultId, id);
      const finished = ranges.get(key) ?? new Map();
      ranges.set(key, finished);
      if (!finished.has(range.from)) finished.set(range.from, copyOf(range));
    },

    async range(vaultId, id, from) {
      const range = ranges.get(inVault(vaultId, id))?.get(from);
      return range === undefined ? null : copyOf(range);
    },

    async ranges(vaultId, id) {
      const finished = ranges.get(inVault(vaultId, id))?.values() ?? [];
      return copyOf([...finished]).toSorted((a, b) => a.from - b.from);
    },

    async commit(commit) {
      const { vaultId, sessionId, projectId, backupId, stats } = commit;
      const session = stored(vaultId, sessionId);
      const backup = ownBackup(backups.get(backupId) ?? null, projectId, backupId);
      if (!isToCommit(session, backup, commit)) return;
      session.state = 'COMMITTED';
      backups.set(backupId, {
        ...backup,
        status: 'available',
        root: 'VISIBLE',
        manifest: { sessionId, sha256: commit.manifestSha256 },
        stats: copyOf(stats),
        ...(session.parentBackupId && { parentBackupId: session.parentBackupId }),
        completedAtMs: commit.atMs,
        updatedAtMs: commit.atMs,
      });
      const usage = usageOf(state, vaultId);
      usage.usedBytes += stats.storedBytes;
      usage.backupCount += 1;
    },

    async end(vaultId, id, state) {
      const session = stored(vaultId, id);
      if (isToEnd(session, state)) session.state = state;
      return copyOf(session);
    },
  };
};
