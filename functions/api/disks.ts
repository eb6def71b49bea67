import { DISK_ROUTES as routes } from '../../lib/api/disk-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { createDiskFromBackup } from '../../lib/service/create-disk-from-backup.ts';
import { listDisks } from '../../lib/service/list-disks.ts';
import { showDisk } from '../../lib/service/show-disk.ts';

export const createHandler = httpFunction(
  on(routes.create, createDiskFromBackup),
  on(routes.list, listDisks),
  on(routes.show, showDisk),
);

export const handler = createHandler(apiPorts);
