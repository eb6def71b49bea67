import type { Page, ProtectableDetails } from '../model/details.ts';
import type { DiskId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listPage, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { protectableDetails } from './show-protectable.ts';

export interface ListProtectablesCommand {
  page: PageRequest;
  id?: DiskId | undefined;
  name?: string | undefined;
  /** The disk's own status, or what it amounts to: `active` or `error`. */
  status?: string[] | undefined;
  /** Only disks attached to this server: none, as this release knows no servers. */
  serverId?: string | undefined;
}

/** All disks that match, ascending by id, with whether each can be bound to a vault. */
export async function listProtectables(
  command: ListProtectablesCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'disks'>,
): Promise<Page<ProtectableDetails>> {
  const page = await listPage(
    ports.disks.list(),
    ({ id, name, status }) =>
      (command.id ?? id) === id &&
      (command.name ?? name) === name &&
      (command.status?.some((one) => one === status || one === protectableStatus(status)) ??
        true) &&
      command.serverId === undefined,
    command.page,
    { isBehind: ({ id }) => id > (command.page.marker ?? '') },
  );
  const items = await mapLimited(page.items, (disk) => protectableDetails(disk, caller, ports));
  return { ...page, items };
}

const protectableStatus = (status: string): string => (status === 'error' ? 'error' : 'active');
