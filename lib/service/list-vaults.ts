import type { Page, VaultDetails } from '../model/details.ts';
import type { DiskId, PolicyId, ProjectId, VaultId } from '../model/ids.ts';
import type { Vault, VaultStatus } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listPage, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { vaultDetails } from './show-vault.ts';

export interface ListVaultsCommand {
  page: PageRequest;
  ids?: VaultId[] | undefined;
  name?: string | undefined;
  status?: VaultStatus[] | undefined;
  objectType?: string | undefined;
  protectType?: string | undefined;
  cloudType?: string | undefined;
  enterpriseProjectId?: string | undefined;
  policyId?: PolicyId | undefined;
  /** Vaults that any of these disks is in. */
  diskIds?: DiskId[] | undefined;
}

/** The project's vaults that match, newest first. */
export async function listVaults(
  command: ListVaultsCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Page<VaultDetails>> {
  const holders = await vaultsOf(command.diskIds, caller.projectId, ports);
  const governed = await vaultsWith(command.policyId, caller.projectId, ports);
  const page = await listPage(
    ports.catalog.vaults.list(caller.projectId),
    (vault) =>
      matches(vault, command) &&
      (holders?.has(vault.id) ?? true) &&
      (governed?.has(vault.id) ?? true),
    command.page,
  );
  return { ...page, items: await mapLimited(page.items, (vault) => vaultDetails(vault, ports)) };
}

async function vaultsOf(
  diskIds: DiskId[] | undefined,
  projectId: ProjectId,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Set<VaultId> | null> {
  if (!diskIds) return null;
  const bindings = await mapLimited(diskIds, (id) => ports.catalog.vaults.binding(projectId, id));
  return new Set(bindings.flatMap((binding) => (binding ? [binding.vaultId] : [])));
}

async function vaultsWith(
  policyId: PolicyId | undefined,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Set<VaultId> | null> {
  if (policyId === undefined) return null;
  const found = new Set<VaultId>();
  for await (const one of catalog.policies.applied(projectId)) {
    if (one.policyId === policyId) found.add(one.vaultId);
  }
  return found;
}

/** All vaults of this release are in the public cloud. */
function matches(vault: Vault, command: ListVaultsCommand): boolean {
  return (
    (command.ids ?? [vault.id]).includes(vault.id) &&
    (command.name ?? vault.name) === vault.name &&
    (command.status ?? [vault.status]).includes(vault.status) &&
    (command.objectType ?? vault.objectType) === vault.objectType &&
    (command.protectType ?? vault.protectType) === vault.protectType &&
    (command.enterpriseProjectId ?? vault.enterpriseProjectId) === vault.enterpriseProjectId &&
    (command.cloudType ?? 'public') === 'public'
  );
}
