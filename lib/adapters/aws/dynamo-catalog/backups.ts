import type { Backup, RootState } from '../../../model/backup.ts';
import type { OperationLog } from '../../../model/operation-log.ts';
import type { BackupCatalog } from '../../../ports/catalog.ts';
import {
  isCheckpointToPut,
  isStatusToSet,
  isToBegin,
  isToHide,
  ownBackup,
  ownCheckpoint,
} from '../../catalog-rules/backup-rules.ts';
import { inOrderOf } from '../../catalog-rules/list-rules.ts';
import { countBackup, readCounts, statusMoved } from './backup-counts.ts';
import type { CatalogTable } from './catalog-table.ts';
import {
  backupCodec,
  backupPointerCodec,
  bindingCodec,
  checkpointCodec,
  taskCodec,
  taskItems,
} from './codecs.ts';
import { backupChange, backupEntries } from './entries.ts';
import type { Write } from './expression.ts';
import { keys, prefixes } from './keys.ts';
import { readBackup, readEpoch } from './reads.ts';
import { settle } from './settle.ts';

export const dynamoBackups = (table: CatalogTable): BackupCatalog => {
  const own = async (projectId: string, id: string) =>
    ownBackup(await readBackup(table, id), projectId, id);
  const inVault = async function* (vaultId: string, states: RootState[]) {
    for await (const items of table.pages(prefixes.backups(vaultId), { oneOf: { root: states } }))
      yield* items.map((item) => backupCodec.decode(item));
  };
  const readCheckpoint = (id: string) => table.get(checkpointCodec, keys.checkpoint(id));

  return {
    async putCheckpoint(checkpoint) {
      await settle('backups.putCheckpoint', table.limits, async () => {
        if (!isCheckpointToPut(await readCheckpoint(checkpoint.id), checkpoint))
          return { done: undefined };
        return { write: () => table.put(checkpointCodec.encode(checkpoint), { exists: false }) };
      });
    },

    async checkpoint(projectId, id) {
      return ownCheckpoint(await readCheckpoint(id), projectId, id);
    },

    async begin(backup, task) {
      await settle('backups.begin', table.limits, async () => {
        const [begun, storedTask, binding] = await table.snapshot(
          [backupPointerCodec, keys.backupPointer(backup.id)],
          [taskCodec, keys.task(task.id)],
          [bindingCodec, keys.binding(backup.vaultId, backup.disk.id)],
        );
        const found = { backup: begun, task: storedTask, binding };
        if (!isToBegin(found, backup, task)) return { done: undefined };
        return { write: () => table.transact(beginWrites(backup, task)) };
      });
    },

    get: own,

    entries: (projectId, which) => backupEntries(table, projectId, which),

    async getAll(entries) {
      const found = await table.getAll(backupCodec, entries.map(keyOf));
      return inOrderOf(entries, found);
    },

    counts: (projectId, vaultId) => readCounts(table, projectId, vaultId),

    ofVault: (vaultId) => inVault(vaultId, ['NONE', 'VISIBLE']),

    roots: (vaultId) => inVault(vaultId, ['VISIBLE', 'HIDDEN']),

    async rename(projectId, id, name, atMs) {
      return settle('backups.rename', table.limits, async () => {
        const stored = await own(projectId, id);
        const set = backupChange(stored, { name, updatedAtMs: atMs });
        return {
          write: async () =>
            backupCodec.decode(await table.update(keyOf(stored), { set }, isStill(stored))),
        };
      });
    },

    async setStatus(projectId, id, status, change) {
      const { atMs: updatedAtMs, from, ...facts } = change;
      const remove = change.failure === undefined ? ['failure'] : [];
      return settle('backups.setStatus', table.limits, async () => {
        const stored = await own(projectId, id);
        if (!isStatusToSet(stored, status, from)) return { done: stored };
        const set = backupChange(stored, { ...facts, status, updatedAtMs });
        const writes: Write[] = [
          { update: keyOf(stored), change: { set, remove }, when: isStill(stored) },
          {
            update: keys.usage(stored.vaultId),
            change: { count: statusMoved(stored.status, status) },
            when: { exists: true },
          },
        ];
        return { write: () => table.transact(writes).then(() => own(projectId, id)) };
      });
    },

    async hide(projectId, id, atMs) {
      await settle('backups.hide', table.limits, async () => {
        const stored = await own(projectId, id);
        if (!isToHide(stored)) return { done: undefined };
        const { epoch } = await readEpoch(table, stored.vaultId);
        return { write: () => table.transact(hideWrites(stored, epoch, atMs)) };
      });
    },
  };
};

const keyOf = (backup: Pick<Backup, 'id' | 'vaultId' | 'createdAtMs'>) =>
  keys.backup(backup.vaultId, backup.createdAtMs, backup.id);

const beginWrites = (backup: Backup, task: OperationLog): Write[] => {
  const { id, projectId, vaultId, operationLogId, createdAtMs, disk } = backup;
  const when = { exists: false };
  return [
    {
      update: keys.binding(vaultId, disk.id),
      change: { set: { protectingTaskId: task.id } },
      when: { equal: { projectId }, absent: ['protectingTaskId'] },
    },
    { put: backupCodec.encode(backup), when },
    {
      put: backupPointerCodec.encode({ id, projectId, vaultId, operationLogId, createdAtMs }),
      when,
    },
    ...taskItems(task).map((item) => ({ put: item, when })),
    {
      update: keys.usage(vaultId),
      change: { add: { heldCount: 1 }, count: statusMoved('deleted', backup.status) },
      when: { exists: true },
    },
  ];
};

/** What was read is still so: it decided, it is counted, and the entry says it. */
const isStill = ({ name, status, root }: Backup) => ({ equal: { name, status, root } });

const hideWrites = (backup: Backup, epoch: number, atMs: number): Write[] => [
  { check: keys.epoch(backup.vaultId), when: { equal: { epoch } } },
  {
    update: keyOf(backup),
    change: {
      set: backupChange(backup, {
        status: 'deleted',
        root: 'HIDDEN',
        deletedEpoch: epoch,
        hiddenAtMs: atMs,
        updatedAtMs: atMs,
      }),
    },
    when: isStill(backup),
  },
  {
    update: keys.usage(backup.vaultId),
    change: {
      add: { heldCount: -1, backupCount: backup.root === 'VISIBLE' ? -1 : 0 },
      count: statusMoved(backup.status, 'deleted'),
    },
    when: { exists: true },
  },
  ...(backup.root === 'VISIBLE' ? [countBackup(backup, -1, backup.stats?.storedBytes ?? 0)] : []),
];
