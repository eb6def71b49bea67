import type { Page } from '../model/details.ts';
import type { Disk } from '../model/disk.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listPage, type PageRequest } from './list-page.ts';

export interface ListDisksCommand {
  page: PageRequest;
  name?: string | undefined;
  status?: string[] | undefined;
  availabilityZone?: string | undefined;
}

/** All disks that match, ascending by id. */
export async function listDisks(
  command: ListDisksCommand,
  _caller: Caller,
  ports: Pick<ApiPorts, 'disks'>,
): Promise<Page<Disk>> {
  return listPage(
    ports.disks.list(),
    ({ name, status, availabilityZone }) =>
      (command.name ?? name) === name &&
      (command.status?.includes(status) ?? true) &&
      (command.availabilityZone ?? availabilityZone) === availabilityZone,
    command.page,
    { isBehind: ({ id }) => id > (command.page.marker ?? '') },
  );
}
