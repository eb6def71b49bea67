import type { Page, TaskDetails } from '../model/details.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import {
  OPERATION_TRANSITIONS,
  OPERATION_TYPES,
  type OperationStatus,
  type TaskEntry,
} from '../model/operation-log.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listPage, type PageRequest } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { isShown, type TaskPorts, taskDetails } from './show-task.ts';

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
  ports: TaskPorts,
): Promise<Page<TaskDetails>> {
  const vaultIds = await vaultsOf(command.enterpriseProjectId, caller.projectId, ports);
  const page = await listPage(
    entries(command, caller.projectId, ports),
    (task) =>
      isShown(task, ports) && matches(task, command) && (vaultIds?.has(task.vaultId) ?? true),
    command.page,
  );
  const tasks = await ports.catalog.tasks.getAll(page.items);
  return { ...page, items: await mapLimited(tasks, (task) => taskDetails(task, ports)) };
}

/** The fewest entries that those asked for can be among, newest first. */
function entries(
  command: ListTasksCommand,
  projectId: ProjectId,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): AsyncIterable<TaskEntry> {
  const { type, status, vaultId, resourceId: diskId, createdFromMs, createdToMs } = command;
  const types = OPERATION_TYPES.filter((one) => (type ?? one) === one);
  const statuses = STATUSES.filter((one) => status?.includes(one) ?? true);
  const which = { vaultId, diskId, types, statuses, createdFromMs, createdToMs };
  return catalog.tasks.entries(projectId, which);
}

const STATUSES = Object.keys(OPERATION_TRANSITIONS) as OperationStatus[];

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

const matches = (task: TaskEntry, command: ListTasksCommand): boolean =>
  command.ofDisks &&
  (command.vaultName ?? task.vaultName) === task.vaultName &&
  (command.resourceName ?? task.disk.name) === task.disk.name;
