import type { Page, ResourceDetails } from '../model/details.ts';
import type { DiskId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listAll, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { vaultResources } from './show-vault.ts';

/** What the backups of each disk that is in a vault added to it, by the newest vault first. */
export async function listStorageUsage(
  command: { page: PageRequest; diskId?: DiskId | undefined; ofDisks: boolean },
  { projectId }: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Page<ResourceDetails>> {
  const { limit, offset } = command.page;
  const vaults = command.ofDisks ? await listAll(ports.catalog.vaults.list(projectId)) : [];
  const resources = (await mapLimited(vaults, ({ id }) => vaultResources(id, ports)))
    .flat()
    .filter(({ binding }) => (command.diskId ?? binding.diskId) === binding.diskId);
  return {
    items: resources.slice(offset, offset + limit),
    count: resources.length,
    limit,
    offset,
  };
}
