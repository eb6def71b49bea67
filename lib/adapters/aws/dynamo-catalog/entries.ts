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
 * All that a list chooses by stands in one text beside the place: a list reads 100,000 of them.
 */

/** The attributes that put a backup into the indexes. */
export const backupEntryItem = (backup: Backup): Item => ({
  ...backupEntryNow(backup),
  gsi1sk: place(backup),
  gsi3pk: entriesOf.backupsOf(backup.projectId, backup.disk.id),
  gsi4pk: entriesOf.backupsOf(backup.projectId, backup.vaultId),
});

/**
 * What a change of the backup to `change` sets: its entry is written anew. The condition of the
 * write must hold name and status (`isStill`), which the entry says as they were read.
 */
export const backupChange = (stored: Backup, change: Partial<Backup>): Item => ({
  ...change,
  ...backupEntryNow({ ...stored, ...change }),
});

const backupEntryNow = (backup: Backup): Item => {
  const { disk } = backup;
  const facts: BackupFacts = [
    backup.name,
    backup.status,
    backup.vaultId,
    backup.checkpointId,
    disk.id,
    disk.name,
    disk.sizeBytes,
    disk.availabilityZone,
    backup.incremental,
    backup.updatedAtMs,
    backup.completedAtMs ?? null,
    backup.parentBackupId ?? null,
  ];
  const gsi2pk = entriesOf.backupsInStatus(backup.projectId, backup.status);
  return { entry: JSON.stringify(facts), gsi2pk };
};

/** Without the names of the fields, which would be half of it. */
type BackupFacts = [
  name: string,
  status: BackupStatus,
  vaultId: string,
  checkpointId: string,
  diskId: string,
  diskName: string,
  sizeBytes: number,
  availabilityZone: string,
  incremental: boolean,
  updatedAtMs: number,
  completedAtMs: number | null,
  parentBackupId: string | null,
];

/** The attributes that put a task into the indexes. */
export const taskEntryItem = (task: OperationLog): Item => {
  const { projectId, vaultId, disk } = task;
  return {
    ...taskEntryNow(task),
    gsi1sk: place(task),
    ...(disk.id !== '' && { gsi3pk: entriesOf.tasksOf(projectId, disk.id) }),
    gsi4pk: entriesOf.tasksOf(projectId, vaultId),
  };
};

/** What a change of the task's state sets: its entry is written anew. */
export const taskChange = (
  stored: OperationLog,
  change: Pick<OperationLog, 'status' | 'endedAtMs'>,
): Item => ({ ...change, ...taskEntryNow({ ...stored, ...change }) });

const taskEntryNow = (task: OperationLog): Item => {
  const { projectId, type, status, vaultId, vaultName, disk, endedAtMs = null } = task;
  const facts: TaskFacts = [type, status, vaultId, vaultName, disk.id, disk.name, endedAtMs];
  return { entry: JSON.stringify(facts), gsi2pk: entriesOf.tasksInStatus(projectId, type, status) };
};

type TaskFacts = [
  type: OperationType,
  status: OperationStatus,
  vaultId: string,
  vaultName: string,
  diskId: string,
  diskName: string,
  endedAtMs: number | null,
];

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
  const facts = factsOf(item, 12) as BackupFacts;
  const [name, status, vaultId, checkpointId, ...rest] = facts;
  const [diskId, diskName, sizeBytes, availabilityZone, ...more] = rest;
  const [incremental, updatedAtMs, completedAtMs, parentBackupId] = more;
  const entry: BackupEntry = {
    ...placeOf(item['gsi1sk'] as string),
    projectId,
    vaultId,
    checkpointId,
    disk: { id: diskId, name: diskName, sizeBytes, availabilityZone },
    incremental,
    name,
    status,
    updatedAtMs,
  };
  if (completedAtMs !== null) entry.completedAtMs = completedAtMs;
  if (parentBackupId !== null) entry.parentBackupId = parentBackupId;
  return entry;
};

const taskEntry = (projectId: string, item: Item): TaskEntry => {
  const [type, status, vaultId, vaultName, id, name, endedAtMs] = factsOf(item, 7) as TaskFacts;
  const entry: TaskEntry = {
    ...placeOf(item['gsi1sk'] as string),
    projectId,
    type,
    vaultId,
    vaultName,
    disk: { id, name },
    status,
  };
  if (endedAtMs !== null) entry.endedAtMs = endedAtMs;
  return entry;
};

/** Checked less than items are: an entry only chooses, and what is shown is read by its key. */
const factsOf = (item: Item, length: number): unknown[] => {
  const facts: unknown = JSON.parse(String(item['entry']));
  if (Array.isArray(facts) && facts.length === length) return facts;
  const where = `entry ${String(item['gsi1sk'])}`;
  throw new HoldfastError('catalog.malformed', { item: where, reason: `expected ${length} facts` });
};
