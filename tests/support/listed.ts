import type { Backup } from '../../lib/model/backup.ts';
import type { OperationLog } from '../../lib/model/operation-log.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';

/** All backups of a project, newest first, hidden ones too. */
export const backupsIn = async ({ backups }: Catalog, projectId: string): Promise<Backup[]> =>
  backups.getAll(await Array.fromAsync(backups.entries(projectId, {})));

/** All tasks of a project, newest first. */
export const tasksIn = async ({ tasks }: Catalog, projectId: string): Promise<OperationLog[]> =>
  tasks.getAll(await Array.fromAsync(tasks.entries(projectId, {})));
