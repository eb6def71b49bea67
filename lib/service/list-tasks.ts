import type { Page, TaskDetails } from '../model/details.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listPage, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { taskDetails } from './show-task.ts';

export interface ListTasksCommand {
  page: PageRequest;
  type?: string | undefined;
  status?: string[] | undefined;
  vaultId?: VaultId | undefined;
  vaultName?: string | undefined;
  resourceId?: string | undefined;
  resourceName?: string | undefined;
  enterpriseProjectId?: string | undefined;
  /** False when the filters name a provider whose tasks this release does not have. */
  ofDisks: boolean;
  createdFromMs?: number | undefined;
  createdToMs?: number | undefined;
}

/** The project's tasks that match, newest first, each with its progress. */
export async function listTasks(
  command: ListTasksCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<Page<TaskDetails>> {
  const vaultIds = await vaultsOf(command.enterpriseProjectId, caller.projectId, ports);
  const page = await listPage(
    ports.catalog.tasks.list(caller.projectId),
    (task) => matches(task, command) && (vaultIds?.has(task.vaultId) ?? true),
    command.page,
  );
  return { ...page, items: await mapLimited(page.items, (task) => taskDetails(task, ports)) };
}

async function vaultsOf(
  enterpriseProjectId: string | undefined,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<Set<VaultId> | null> {
  if (enterpriseProjectId === undefined) return null;
  const { items } = await listPage(
    catalog.vaults.list(projectId),
    (vault) => vault.enterpriseProjectId === enterpriseProjectId,
    { limit: Number.MAX_SAFE_INTEGER, offset: 0 },
  );
  return new Set(items.map((vault) => vault.id));
}

const matches = (task: OperationLog, command: ListTasksCommand): boolean =>
  command.ofDisks &&
  (command.type ?? task.type) === task.type &&
  (command.status ?? [task.status]).includes(task.status) &&
  (command.vaultId ?? task.vaultId) === task.vaultId &&
  (command.vaultName ?? task.vaultName) === task.vaultName &&
  (command.resourceId ?? task.disk.id) === task.disk.id &&
  (command.resourceName ?? task.disk.name) === task.disk.name &&
  task.createdAtMs >= (command.createdFromMs ?? task.createdAtMs) &&
  task.createdAtMs <= (command.createdToMs ?? task.createdAtMs);
