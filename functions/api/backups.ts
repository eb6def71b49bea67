import { BACKUP_ROUTES as routes } from '../../lib/api/backup-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { deleteBackup } from '../../lib/service/delete-backup.ts';
import { listBackups } from '../../lib/service/list-backups.ts';
import { renameBackup } from '../../lib/service/rename-backup.ts';
import { showBackup } from '../../lib/service/show-backup.ts';
import { showMetadata } from '../../lib/service/show-metadata.ts';
import { startRestore } from '../../lib/service/start-restore.ts';
import { startVerify } from '../../lib/service/start-verify.ts';
import { undeleteBackup } from '../../lib/service/undelete-backup.ts';

export const createHandler = httpFunction(
  on(routes.list, listBackups),
  on(routes.show, showBackup),
  on(routes.update, renameBackup),
  on(routes.showMetadata, showMetadata),
  on(routes.remove, deleteBackup),
  on(routes.undelete, undeleteBackup),
  on(routes.restore, startRestore),
  on(routes.verify, startVerify),
);

export const handler = createHandler(apiPorts);
