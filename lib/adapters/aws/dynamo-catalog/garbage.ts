import type { Backup } from '../../../model/backup.ts';
import type { GarbageCatalog } from '../../../ports/garbage-catalog.ts';
import {
  isHorizonToSet,
  isSessionToRemove,
  isToUndelete,
  removingRoot,
  undeleted,
} from '../../catalog-rules/garbage-rules.ts';
import { lastChange } from '../../catalog-rules/ledger-rules.ts';
import { checkCollecting } from '../../catalog-rules/reconcile-rules.ts';
import { isDeletingVault, isToStartDeleting, ownVault } from '../../catalog-rules/vault-rules.ts';
import { countBackup, statusMoved } from './backup-counts.ts';
import type { CatalogTable } from './catalog-table.ts';
import {
  backupPointerCodec,
  checkpointCodec,
  sessionCodec,
  usageCodec,
  vaultCodec,
} from './codecs.ts';
import { backupChange } from './entries.ts';
import type { Write } from './expression.ts';
import { garbageCounting } from './garbage-counting.ts';
import { garbagePacks } from './garbage-packs.ts';
import { checkRun, readRun } from './garbage-runs.ts';
import { removeVaultItems } from './garbage-vault.ts';
import { keys, prefixes } from './keys.ts';
import { packCodec } from './pack-codecs.ts';
import { readBackup, readEpoch } from './reads.ts';
import { epochStateOf, vaultMarkCodec } from './run-codecs.ts';
import { settle, untilWhole } from './settle.ts';
import { putChange } from './usage-ledger.ts';

/** What the collector does to the catalog: packs and counts in files of their own. */
export const dynamoGarbage = (table: CatalogTable): GarbageCatalog => ({
  ...garbagePacks(table),
  ...garbageCounting(table),

  async *vaultIds() {
    for await (const items of table.pages(prefixes.vaultMarks()))
      yield* items.map((item) => vaultMarkCodec.decode(item));
  },

  async begin(vaultId, runId) {
    const cycle = await settle('garbage.begin', table.limits, async () => {
      const item = await readEpoch(table, vaultId);
      checkCollecting(vaultId, epochStateOf(item));
      const { epoch, runId: running } = item;
      if (running === runId) return { done: { vaultId, runId, epoch } };
      const next = { epoch: epoch + 1, runId };
      const change = { set: next, remove: ['horizon', 'hasCounted'] };
      const begun = { vaultId, ...next };
      const when = { equal: { epoch }, not: { state: 'RECONCILING' } };
      return {
        write: () => table.update(keys.epoch(vaultId), change, when).then(() => begun),
      };
    });
    // A session that opened at the epoch before may be listed a moment later (rule R7).
    await untilWhole(table.limits);
    return cycle;
  },

  async setHorizon(cycle, m0) {
    return settle('garbage.setHorizon', table.limits, async () => {
      const run = await readRun(table, cycle);
      if (!isHorizonToSet(run, cycle, m0)) return { done: run.horizon! };
      const { vaultId, runId, epoch } = cycle;
      const when = { equal: { runId, epoch }, absent: ['horizon'] };
      const write = () => table.update(keys.epoch(vaultId), { set: { horizon: m0 } }, when);
      return { write: () => write().then(() => m0) };
    });
  },

  horizon: async (cycle) => (await readRun(table, cycle)).horizon ?? null,

  async *packs(vaultId) {
    for await (const items of table.pages(prefixes.packs(vaultId)))
      yield* items.map((item) => packCodec.decode(item));
  },

  async removeRoot(cycle, { projectId, id }, when) {
    return settle('garbage.removeRoot', table.limits, async () => {
      await readRun(table, cycle, when.m0);
      const stored = await readBackup(table, id);
      const backup = stored?.projectId === projectId ? stored : null;
      const verdict = removingRoot(backup, when);
      if (backup === null || verdict !== 'write') return { done: verdict === 'done' };
      const writes = [
        checkRun(cycle, when.m0),
        ...removeRootWrites(backup),
        ...((await isLastOfCheckpoint(table, backup))
          ? [{ remove: keys.checkpoint(backup.checkpointId) }]
          : []),
      ];
      return { write: () => table.transact(writes).then(() => true) };
    });
  },

  async undelete(projectId, backupId, atMs) {
    return settle('garbage.undelete', table.limits, async () => {
      const stored = await readBackup(table, backupId);
      const vault = stored && (await table.get(vaultCodec, keys.vault(stored.vaultId)));
      const isDeleting = vault !== null && isDeletingVault(vault);
      if (!isToUndelete(stored, projectId, backupId, isDeleting)) return { done: stored! };
      const backup = undeleted(stored!, atMs);
      return {
        write: () => table.transact(undeleteWrites(stored!, backup)).then(() => backup),
      };
    });
  },

  async *endedSessions(vaultId) {
    for await (const items of table.pages(prefixes.sessions(vaultId), { not: { state: 'OPEN' } }))
      yield* items.map((item) => sessionCodec.decode(item));
  },

  async removeSession(cycle, sessionId) {
    const { vaultId } = cycle;
    await settle('garbage.removeSession', table.limits, async () => {
      await readRun(table, cycle);
      const key = keys.session(vaultId, sessionId);
      if (!isSessionToRemove(await table.get(sessionCodec, key))) return { done: undefined };
      return {
        write: async () => {
          // Nobody adds a range to a session that has ended.
          await table.removeAll(prefixes.ranges(vaultId, sessionId));
          const when = { not: { state: 'OPEN' } };
          await table.transact([checkRun(cycle), { remove: key, when }]);
        },
      };
    });
  },

  async startDeletingVault(projectId, vaultId, atMs) {
    return settle('garbage.startDeletingVault', table.limits, async () => {
      const [stored, usage] = await table.snapshot(
        [vaultCodec, keys.vault(vaultId)],
        [usageCodec, keys.usage(vaultId)],
      );
      const vault = ownVault(stored, projectId, vaultId);
      if (!isToStartDeleting(vault, usage ?? NO_CONTENTS)) return { done: vault };
      const { revision, locked } = vault;
      const isEmpty = { bindingCount: 0, ...(locked && { backupCount: 0 }) };
      const set = { status: 'deleting' as const, revision: revision + 1, updatedAtMs: atMs };
      const closed = { set: { isDeleting: true } };
      const writes: Write[] = [
        { update: keys.vault(vaultId), change: { set }, when: { equal: { revision } } },
        { update: keys.epoch(vaultId), change: closed, when: { exists: true } },
        { update: keys.usage(vaultId), change: closed, when: { equal: isEmpty } },
        putChange(lastChange(vault, atMs)),
      ];
      return { write: () => table.transact(writes).then(() => ({ ...vault, ...set })) };
    });
  },

  removeVaultItems: (cycle) => removeVaultItems(table, cycle),
});

const NO_CONTENTS = { bindingCount: 0, backupCount: 0 };

const keyOf = (backup: Backup) => keys.backup(backup.vaultId, backup.createdAtMs, backup.id);

/** It is the very hiding that was looked at: undeleted and hidden again, its window is another. */
const stillHidden = ({ deletedEpoch, hiddenAtMs }: Backup) => ({
  equal: { root: 'HIDDEN', deletedEpoch, hiddenAtMs },
});

const removeRootWrites = (backup: Backup): Write[] => [
  { remove: keyOf(backup), when: stillHidden(backup) },
  { remove: keys.backupPointer(backup.id) },
];

/** No other backup of the restore point is left. Only the vault's one run removes backups. */
const isLastOfCheckpoint = async (table: CatalogTable, backup: Backup): Promise<boolean> => {
  const checkpoint = await table.get(checkpointCodec, keys.checkpoint(backup.checkpointId));
  if (checkpoint === null) return false;
  const others = checkpoint.backups.filter(({ backupId }) => backupId !== backup.id);
  const pointers = others.map(({ backupId }) => keys.backupPointer(backupId));
  return (await table.getAll(backupPointerCodec, pointers)).length === 0;
};

const undeleteWrites = (
  stored: Backup,
  { status, root, undeletedAtMs, updatedAtMs }: Backup,
): Write[] => [
  {
    update: keyOf(stored),
    change: {
      set: { ...backupChange(stored, { status, root, updatedAtMs }), undeletedAtMs },
      remove: ['deletedEpoch', 'hiddenAtMs'],
    },
    when: { equal: { name: stored.name, ...stillHidden(stored).equal } },
  },
  {
    update: keys.usage(stored.vaultId),
    change: { add: { heldCount: 1, backupCount: 1 }, count: statusMoved('deleted', status) },
    when: { exists: true, absent: ['isDeleting'] },
  },
  countBackup(stored, 1, stored.stats?.storedBytes ?? 0),
];
