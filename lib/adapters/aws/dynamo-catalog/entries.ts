import { HoldfastError } from '../../../errors.ts';
import {
  BACKUP_TRANSITIONS,
  type Backup,
  type BackupEntry,
  type BackupStatus,
} from '../../../model/backup.ts';
import {
  OPERATION_TRANSITIONS,
  OPERATION_TYPES,
  type OperationLog,
  type OperationStatus,
  type OperationType,
  type TaskEntry,
} from '../../../model/operation-log.ts';
import type { EntriesOf, TaskCatalog } from '../../../ports/catalog.ts';
import { isEntryOf } from '../../catalog-rules/list-rules.ts';
import type { CatalogTable } from './catalog-table.ts';
import type { Item } from './codec.ts';
import { entriesOf, place, placeOf } from './keys.ts';

/**
 * Entries of lists: what the indexes `byStatus`, `byDisk` and `byVault` hold of a backup or a task.
 * What never changes stands in one text: a list reads 100,000 of them.
 */

/** The attributes that put a new backup into the indexes. */
export const backupEntryItem = (backup: Backup): Item => {
  const { projectId, vaultId, checkpointId, disk, status, incremental } = backup;
  const { id, name, sizeBytes, availabilityZone } = disk;
  return {
    entry: JSON.stringify([
      vaultId,
      checkpointId,
      id,
      name,
      sizeBytes,
      availabilityZone,
      incremental,
    ]),
    gsi1sk: place(backup),
    ...backupInStatus(projectId, status),
    gsi3pk: entriesOf.backupsOf(projectId, id),
    gsi4pk: entriesOf.backupsOf(projectId, vaultId),
  };
};

/** Whoever changes the status of a backup moves its entry. */
export const backupInStatus = (projectId: string, status: BackupStatus) => ({
  status,
  gsi2pk: entriesOf.backupsInStatus(projectId, status),
});

/** The attributes that put a new task into the indexes. */
export const taskEntryItem = (task: OperationLog): Item => {
  const { projectId, vaultId, vaultName, disk } = task;
  return {
    entry: JSON.stringify([task.type, vaultId, vaultName, disk.id, disk.name]),
    gsi1sk: place(task),
    ...taskInStatus(task, task.status),
    ...(disk.id !== '' && { gsi3pk: entriesOf.tasksOf(projectId, disk.id) }),
    gsi4pk: entriesOf.tasksOf(projectId, vaultId),
  };
};

/** Whoever changes the status of a task moves its entry. */
export const taskInStatus = (
  { projectId, type }: Pick<OperationLog, 'projectId' | 'type'>,
  status: OperationStatus,
) => ({ status, gsi2pk: entriesOf.tasksInStatus(projectId, type, status) });

/** The project's backups that match, newest first. */
export async function* backupEntries(
  table: CatalogTable,
  projectId: string,
  which: EntriesOf<BackupStatus>,
): AsyncGenerator<BackupEntry> {
  const { statuses = BACKUP_STATUSES } = which;
  const inStatus = statuses.map((status) => entriesOf.backupsInStatus(projectId, status));
  const from =
    diskOrVault(which, (id) => entriesOf.backupsOf(projectId, id)) ??
    ({ index: 'byStatus', partitions: inStatus } as const);
  for await (const items of table.entries(from, which))
    for (const item of items) {
      const entry = backupEntry(projectId, item);
      if (isEntryOf(entry, which)) yield entry;
    }
}

/** The project's tasks that match, newest first. */
export async function* taskEntries(
  table: CatalogTable,
  projectId: string,
  which: Parameters<TaskCatalog['entries']>[1],
): AsyncGenerator<TaskEntry> {
  const { statuses = OPERATION_STATUSES, types = OPERATION_TYPES } = which;
  const inStatus = types.flatMap((type) =>
    statuses.map((status) => entriesOf.tasksInStatus(projectId, type, status)),
  );
  const from =
    diskOrVault(which, (id) => entriesOf.tasksOf(projectId, id)) ??
    ({ index: 'byStatus', partitions: inStatus } as const);
  for await (const items of table.entries(from, which))
    for (const item of items) {
      const entry = taskEntry(projectId, item);
      if (types.includes(entry.type) && isEntryOf(entry, which)) yield entry;
    }
}

/** Where the entries of one disk or of one vault are, when no others are asked for. */
const diskOrVault = (
  { vaultId, diskId }: Pick<EntriesOf<string>, 'vaultId' | 'diskId'>,
  partitionOf: (id: string) => string,
): Parameters<CatalogTable['entries']>[0] | null => {
  if (diskId !== undefined) return { index: 'byDisk', partitions: [partitionOf(diskId)] };
  if (vaultId !== undefined) return { index: 'byVault', partitions: [partitionOf(vaultId)] };
  return null;
};

const BACKUP_STATUSES = Object.keys(BACKUP_TRANSITIONS) as BackupStatus[];
const OPERATION_STATUSES = Object.keys(OPERATION_TRANSITIONS) as OperationStatus[];

const backupEntry = (projectId: string, item: Item): BackupEntry => {
  const [vaultId, checkpointId, id, name, sizeBytes, availabilityZone, incremental] = factsOf(
    item,
    7,
  ) as [string, string, string, string, number, string, boolean];
  const entry: BackupEntry = {
    ...placeOf(item['gsi1sk'] as string),
    projectId,
    vaultId,
    checkpointId,
    disk: { id, name, sizeBytes, availabilityZone },
    incremental,
    name: item['name'] as string,
    status: item['status'] as BackupStatus,
    updatedAtMs: item['updatedAtMs'] as number,
  };
  if (item['completedAtMs'] !== undefined) entry.completedAtMs = item['completedAtMs'] as number;
  if (item['parentBackupId'] !== undefined) entry.parentBackupId = item['parentBackupId'] as string;
  return entry;
};

const taskEntry = (projectId: string, item: Item): TaskEntry => {
  const [type, vaultId, vaultName, id, name] = factsOf(item, 5) as [
    OperationType,
    ...[string, string, string, string],
  ];
  const entry: TaskEntry = {
    ...placeOf(item['gsi1sk'] as string),
    projectId,
    type,
    vaultId,
    vaultName,
    disk: { id, name },
    status: item['status'] as OperationStatus,
  };
  if (item['endedAtMs'] !== undefined) entry.endedAtMs = item['endedAtMs'] as number;
  return entry;
};

/** Checked less than items are: an entry only chooses, and what is shown is read by its key. */
const factsOf = (item: Item, length: number): unknown[] => {
  const facts: unknown = JSON.parse(String(item['entry']));
  if (Array.isArray(facts) && facts.length === length) return facts;
  const where = `entry ${String(item['gsi1sk'])}`;
  throw new HoldfastError('catalog.malformed', { item: where, reason: `expected ${length} facts` });
};
