import { HoldfastError } from '../errors.ts';
import {
  BACKUP_TRANSITIONS,
  type Backup,
  type BackupEntry,
  type BackupStatus,
  isIncremental,
} from '../model/backup.ts';
import type { Page } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import { GIBIBYTE } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { countedPage, listPage, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { orNull } from './or-null.ts';

/** By what a list of backups can be sorted, and how a backup answers. */
const SORT_KEYS = {
  id: (backup: BackupEntry) => backup.id,
  name: (backup: BackupEntry) => backup.name,
  status: (backup: BackupEntry) => backup.status,
  vault_id: (backup: BackupEntry) => backup.vaultId,
  checkpoint_id: (backup: BackupEntry) => backup.checkpointId,
  resource_id: (backup: BackupEntry) => backup.disk.id,
  resource_name: (backup: BackupEntry) => backup.disk.name,
  resource_size: (backup: BackupEntry) => backup.disk.sizeBytes,
  created_at: (backup: BackupEntry) => backup.createdAtMs,
  protected_at: (backup: BackupEntry) => backup.createdAtMs,
  updated_at: (backup: BackupEntry) => backup.updatedAtMs,
};

export interface ListBackupsCommand {
  page: PageRequest;
  sort: { key: keyof typeof SORT_KEYS; descending: boolean }[];
  checkpointId?: string | undefined;
  vaultId?: VaultId | undefined;
  name?: string | undefined;
  status?: string[] | undefined;
  resourceId?: string | undefined;
  resourceName?: string | undefined;
  resourceType?: string | undefined;
  availabilityZone?: string | undefined;
  enterpriseProjectId?: string | undefined;
  imageType?: string | undefined;
  ownType?: string | undefined;
  parentId?: string | undefined;
  dedicatedCloud?: boolean | undefined;
  /** Extension: those that are deleted and can be taken back, instead of the others. */
  deleted?: boolean | undefined;
  incremental?: boolean | undefined;
  /** Backups in vaults of which at least this share is used. */
  usedPercent?: number | undefined;
  createdFromMs?: number | undefined;
  createdToMs?: number | undefined;
}

/**
 * The project's backups that match, newest first unless sorted otherwise. Entries say which ones;
 * they themselves are read by their keys, as they are now. One that was deleted meanwhile is left
 * out.
 */
export async function listBackups(
  command: ListBackupsCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Page<Backup>> {
  const { backups } = ports.catalog;
  const { items, ...page } = await entriesPage(command, caller.projectId, ports);
  const found = await backups.getAll(items);
  return { ...page, items: found.filter((one) => isWanted(one, command.deleted ?? false)) };
}

async function entriesPage(
  command: ListBackupsCommand,
  projectId: ProjectId,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Page<BackupEntry>> {
  const { page, sort, vaultId } = command;
  const { backups } = ports.catalog;
  const statuses = statusesOf(command);
  const marker = await markerOf(command, projectId, ports);
  const compare = comparison(sort);
  const isBehind = (one: BackupEntry): boolean => marker === null || compare(marker, one) < 0;
  if (sort.length === 0 && isCounted(command)) {
    const counts = await backups.counts(projectId, vaultId);
    const count = statuses.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
    const pageSize = Math.min(LIMIT_MAX, page.offset + page.limit);
    const which = { vaultId, statuses, pageSize, createdToMs: marker?.createdAtMs };
    return countedPage(backups.entries(projectId, which), count, page, isBehind);
  }
  const vaultIds = await matchingVaults(command, projectId, ports);
  return listPage(
    candidates(command, projectId, ports),
    (backup) => matches(backup, command) && (vaultIds?.has(backup.vaultId) ?? true),
    page,
    { compare: sort.length === 0 ? undefined : compare, isBehind },
  );
}

/**
 * The last backup of the page before: it marks a place, whether it is still one of those asked for
 * or was deleted meanwhile. `BackupService.9900` when it is gone, or when the list is sorted by
 * what the deletion changed.
 */
async function markerOf(
  { page: { marker }, sort, deleted = false }: ListBackupsCommand,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<BackupEntry | null> {
  if (marker === undefined) return null;
  const found = await orNull(catalog.backups.get(projectId, marker), 'BackupService.6200');
  const hasLeft = (found?.status === 'deleted') !== deleted;
  if (found && !(hasLeft && sort.some(({ key }) => CHANGED_BY_DELETION.has(key)))) return found;
  const reason = `the list has no place of backup ${marker}`;
  throw new HoldfastError('BackupService.9900', { field: 'marker', reason });
}

const CHANGED_BY_DELETION: ReadonlySet<string> = new Set(['status', 'updated_at']);

/** Most entries that are read at once for a page; more than that are whole pages of the index. */
const LIMIT_MAX = 1000;

const STATUSES = Object.keys(BACKUP_TRANSITIONS) as BackupStatus[];

/** The states of the backups that are asked for. */
const statusesOf = ({ status = STATUSES, deleted = false }: ListBackupsCommand): BackupStatus[] =>
  STATUSES.filter((one) => status.includes(one) && (one === 'deleted') === deleted);

/** True when nothing but the vault and the status is asked for: how many there are is known. */
const isCounted = ({ deleted, ...command }: ListBackupsCommand): boolean =>
  deleted !== true &&
  Object.entries(command).every(([name, value]) => COUNTED.has(name) || value === undefined);

const COUNTED: ReadonlySet<string> = new Set(['page', 'sort', 'vaultId', 'status']);

/** The fewest entries that those asked for can be among, newest first. */
async function* candidates(
  command: ListBackupsCommand,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): AsyncGenerator<BackupEntry> {
  const { checkpointId, vaultId, resourceId: diskId, createdFromMs, createdToMs } = command;
  if (checkpointId === undefined) {
    const which = { vaultId, diskId, statuses: statusesOf(command), createdFromMs, createdToMs };
    yield* catalog.backups.entries(projectId, which);
    return;
  }
  const checkpoint = await orNull(
    catalog.backups.checkpoint(projectId, checkpointId),
    'BackupService.6217',
  );
  const found = await mapLimited(checkpoint?.backups ?? [], ({ backupId }) =>
    orNull(catalog.backups.get(projectId, backupId), 'BackupService.6200'),
  );
  yield* found.filter((backup) => backup !== null).toSorted(newestFirst);
}

const newestFirst = (a: BackupEntry, b: BackupEntry): number =>
  b.createdAtMs - a.createdAtMs || Number(a.id < b.id) - Number(a.id > b.id);

/** The vaults that the filters on vaults let through; null without such a filter. */
async function matchingVaults(
  { usedPercent, enterpriseProjectId }: ListBackupsCommand,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Set<VaultId> | null> {
  if (usedPercent === undefined && enterpriseProjectId === undefined) return null;
  const all = { limit: Number.MAX_SAFE_INTEGER, offset: 0 };
  const { items } = await listPage(
    catalog.vaults.list(projectId),
    (vault) => (enterpriseProjectId ?? vault.enterpriseProjectId) === vault.enterpriseProjectId,
    all,
  );
  const matching = await mapLimited(items, async ({ id, sizeGib }) => {
    if (usedPercent === undefined) return [id];
    const { usedBytes } = await catalog.vaults.usage(id);
    return usedBytes * 100 >= usedPercent * sizeGib * GIBIBYTE ? [id] : [];
  });
  return new Set(matching.flat());
}

function matches(backup: BackupEntry, command: ListBackupsCommand): boolean {
  const { disk } = backup;
  return (
    isWanted(backup, command.deleted ?? false) &&
    couldBeOurs(command) &&
    (command.checkpointId ?? backup.checkpointId) === backup.checkpointId &&
    (command.vaultId ?? backup.vaultId) === backup.vaultId &&
    (command.name ?? backup.name) === backup.name &&
    (command.status ?? [backup.status]).includes(backup.status) &&
    (command.resourceId ?? disk.id) === disk.id &&
    (command.resourceName ?? disk.name) === disk.name &&
    (command.availabilityZone ?? disk.availabilityZone) === disk.availabilityZone &&
    (command.incremental ?? isIncremental(backup)) === isIncremental(backup) &&
    backup.createdAtMs >= (command.createdFromMs ?? backup.createdAtMs) &&
    backup.createdAtMs <= (command.createdToMs ?? backup.createdAtMs)
  );
}

/** A deleted backup that never was whole cannot be taken back. */
const isWanted = ({ status, completedAtMs }: BackupEntry, deleted: boolean): boolean =>
  deleted ? status === 'deleted' && completedAtMs !== undefined : status !== 'deleted';

/** In this release all backups are the project's own, of disks, with no replica and no parent. */
const couldBeOurs = (command: ListBackupsCommand): boolean =>
  (command.resourceType ?? DISK_TYPE) === DISK_TYPE &&
  (command.imageType ?? 'backup') === 'backup' &&
  command.ownType !== 'shared' &&
  command.parentId === undefined &&
  command.dedicatedCloud !== true;

/** The order of a list; of two that are equal in it the newer one comes first. */
function comparison(sort: ListBackupsCommand['sort']): (a: BackupEntry, b: BackupEntry) => number {
  return (a, b) => {
    for (const { key, descending } of sort) {
      const [left, right] = [SORT_KEYS[key](a), SORT_KEYS[key](b)];
      if (left !== right) return left < right !== descending ? -1 : 1;
    }
    return newestFirst(a, b);
  };
}
