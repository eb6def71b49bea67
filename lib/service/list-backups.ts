import { type ErrorCode, isError } from '../errors.ts';
import { type Backup, isIncremental } from '../model/backup.ts';
import type { Page } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import { GIBIBYTE } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listAll, listPage, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';

/** By what a list of backups can be sorted, and how a backup answers. */
const SORT_KEYS = {
  id: (backup: Backup) => backup.id,
  name: (backup: Backup) => backup.name,
  status: (backup: Backup) => backup.status,
  vault_id: (backup: Backup) => backup.vaultId,
  checkpoint_id: (backup: Backup) => backup.checkpointId,
  resource_id: (backup: Backup) => backup.disk.id,
  resource_name: (backup: Backup) => backup.disk.name,
  resource_size: (backup: Backup) => backup.disk.sizeBytes,
  created_at: (backup: Backup) => backup.createdAtMs,
  updated_at: (backup: Backup) => backup.updatedAtMs,
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

/** The project's backups that match, newest first unless sorted otherwise. */
export async function listBackups(
  command: ListBackupsCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Page<Backup>> {
  const vaultIds = await matchingVaults(command, caller.projectId, ports);
  return listPage(
    candidates(command, caller.projectId, ports),
    (backup) => matches(backup, command) && (vaultIds?.has(backup.vaultId) ?? true),
    command.page,
    comparison(command.sort),
  );
}

/**
 * The fewest backups that those asked for can be among, newest first: the run's, at most one a disk
 * of a vault; the vault's; all of the project's.
 */
async function* candidates(
  { checkpointId, vaultId }: ListBackupsCommand,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): AsyncGenerator<Backup> {
  if (checkpointId !== undefined) {
    const checkpoint = await orElse(null, 'BackupService.6217', () =>
      catalog.backups.checkpoint(projectId, checkpointId),
    );
    const found = await mapLimited(checkpoint?.backups ?? [], ({ backupId }) =>
      orElse(null, 'BackupService.6200', () => catalog.backups.get(projectId, backupId)),
    );
    yield* found.filter((backup) => backup !== null).toSorted(newestFirst);
  } else if (vaultId === undefined) {
    yield* catalog.backups.list(projectId);
  } else {
    const ofVault = await listAll(catalog.backups.ofVault(vaultId));
    yield* ofVault.filter((backup) => backup.projectId === projectId).toReversed();
  }
}

/** What `read` finds, or `otherwise` when it is refused with `code`: there is none. */
async function orElse<T>(otherwise: T, code: ErrorCode, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isError(error, code)) throw error;
    return otherwise;
  }
}

const newestFirst = (a: Backup, b: Backup): number =>
  b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1);

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

function matches(backup: Backup, command: ListBackupsCommand): boolean {
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
const isWanted = ({ status, manifest }: Backup, deleted: boolean): boolean =>
  deleted ? status === 'deleted' && manifest !== undefined : status !== 'deleted';

/** In this release all backups are the project's own, of disks, with no replica and no parent. */
const couldBeOurs = (command: ListBackupsCommand): boolean =>
  (command.resourceType ?? DISK_TYPE) === DISK_TYPE &&
  (command.imageType ?? 'backup') === 'backup' &&
  command.ownType !== 'shared' &&
  command.parentId === undefined &&
  command.dedicatedCloud !== true;

function comparison(
  sort: ListBackupsCommand['sort'],
): ((a: Backup, b: Backup) => number) | undefined {
  if (sort.length === 0) return undefined;
  return (a, b) => {
    for (const { key, descending } of sort) {
      const [left, right] = [SORT_KEYS[key](a), SORT_KEYS[key](b)];
      if (left !== right) return left < right !== descending ? -1 : 1;
    }
    return 0;
  };
}
