import {
  BACKUP_TRANSITIONS,
  type Backup,
  type BackupCounts,
  type BackupStatus,
} from '../../../model/backup.ts';
import type { CatalogTable } from './catalog-table.ts';
import { codec, integer, optional, type Shape, text } from './codec.ts';
import type { Write } from './expression.ts';
import { keys, projectPartition } from './keys.ts';

/**
 * Counts a backup that becomes VISIBLE (1) or is no longer (-1), in the transaction that makes it
 * so: lists of vaults show these counts and read no backups.
 */
export const countBackup = (
  { vaultId, disk }: Pick<Backup, 'vaultId' | 'disk'>,
  by: 1 | -1,
  storedBytes: number,
): Write => ({
  update: keys.backupCount(vaultId, disk.id),
  change: {
    set: { vaultId, diskId: disk.id },
    count: { backupCount: by, backupBytes: by * storedBytes },
  },
  when: {},
});

type Counter = `in_${BackupStatus}`;

/**
 * What a backup that goes from one state to another adds to the counters of its vault. Deleted ones
 * are not counted: only those that wait for the collector are known at all.
 */
export const statusMoved = (
  from: BackupStatus | 'deleted',
  to: BackupStatus | 'deleted',
): Partial<Record<Counter, number>> =>
  from === to
    ? {}
    : {
        ...(from !== 'deleted' && { [`in_${from}`]: -1 }),
        ...(to !== 'deleted' && { [`in_${to}`]: 1 }),
      };

const STATUSES = Object.keys(BACKUP_TRANSITIONS) as BackupStatus[];

type CountsItem = { vaultId: string; gsi1pk: string } & Partial<Record<Counter, number>>;

/** A counter that nobody has moved yet is not there. */
const countsCodec = codec<CountsItem>(
  {
    vaultId: text,
    gsi1pk: text,
    ...Object.fromEntries(STATUSES.map((status) => [`in_${status}`, optional(integer)])),
  } as Shape<CountsItem>,
  ({ vaultId }) => keys.usage(vaultId),
);

/** How many backups the project has in each state, or one vault of it. */
export const readCounts = async (
  table: CatalogTable,
  projectId: string,
  vaultId?: string,
): Promise<BackupCounts> => {
  const counts: BackupCounts = {};
  for await (const item of countsOf(table, projectId, vaultId))
    for (const status of STATUSES)
      counts[status] = (counts[status] ?? 0) + (item[`in_${status}`] ?? 0);
  return counts;
};

async function* countsOf(
  table: CatalogTable,
  projectId: string,
  vaultId: string | undefined,
): AsyncGenerator<CountsItem> {
  if (vaultId === undefined) {
    yield* table.list(countsCodec, projectId, 'USAGE');
    return;
  }
  const item = await table.get(countsCodec, keys.usage(vaultId));
  if (item?.gsi1pk === projectPartition(projectId, 'USAGE')) yield item;
}
