import type { Page, VaultDetails } from '../model/details.ts';
import { matchesTags, type TagFilter, type TagSearch } from '../model/tag.ts';
import type { Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listPage, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { vaultDetails } from './show-vault.ts';

export interface FindTaggedVaultsCommand {
  /** Only how many match is asked for. */
  countOnly: boolean;
  page: PageRequest;
  tags: TagSearch;
  /** Tags that the service gives: the enterprise project. */
  system: TagFilter;
  nameContains?: string | undefined;
  objectType?: string | undefined;
  cloudType?: string | undefined;
}

/** The project's vaults with the tags that are searched for, newest first. */
export async function findTaggedVaults(
  command: FindTaggedVaultsCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Page<VaultDetails> & { countOnly: boolean }> {
  const { countOnly } = command;
  const vaults = ports.catalog.vaults.list(caller.projectId);
  const page = await listPage(vaults, (vault) => matches(vault, command), command.page);
  const shown = countOnly ? [] : page.items;
  const items = await mapLimited(shown, (vault) => vaultDetails(vault, ports));
  return { ...page, items, countOnly };
}

const matches = (vault: Vault, command: FindTaggedVaultsCommand): boolean =>
  matchesTags(vault.tags, command.tags) &&
  command.system.every(
    ({ key, values }) =>
      key === '_sys_enterprise_project_id' &&
      (values.length === 0 || values.includes(vault.enterpriseProjectId)),
  ) &&
  vault.name.includes(command.nameContains ?? '') &&
  (command.objectType ?? vault.objectType) === vault.objectType &&
  (command.cloudType ?? 'public') === 'public';
