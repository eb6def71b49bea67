import type { Page, VaultDetails } from '../model/details.ts';
import type { ProjectId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { type ListVaultsCommand, listVaults } from './list-vaults.ts';

/**
 * The vaults of a project in a region, newest first. A caller sees those of its own project, and
 * this service is in one region: of any other it knows none.
 */
export async function listExternalVaults(
  { projectId, region, ...command }: ListVaultsCommand & { projectId: ProjectId; region: string },
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'settings'>,
): Promise<Page<VaultDetails>> {
  if (projectId === caller.projectId && region === ports.settings.region) {
    return listVaults(command, caller, ports);
  }
  const { limit, offset } = command.page;
  return { items: [], count: 0, limit, offset };
}
