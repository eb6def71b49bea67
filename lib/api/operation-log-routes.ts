import * as z from 'zod';
import type { Page, TaskDetails } from '../model/details.ts';
import { PROVIDER_ID } from './fields.ts';
import { operationLogJson } from './operation-log-response.ts';
import {
  OPERATION_STATUSES,
  OPERATION_TYPES,
  operationLogListResponse,
  operationLogResponse,
} from './operation-log-schemas.ts';
import { enterpriseProject, idText, moment, oneOf, PAGE, pageOf, someOf } from './query.ts';
import { NOTHING, route } from './route.ts';

const LOGS = '/v3/{project_id}/operation-logs';
const LOG = '/v3/{project_id}/operation-logs/{operation_log_id}';
const tag = 'Tasks';

const list = route({
  method: 'GET',
  path: LOGS,
  operationId: 'ListOpLogs',
  summary: 'List tasks, newest first',
  tag,
  action: 'cbr:tasks:list',
  query: z.object({
    ...PAGE,
    end_time: moment.optional(),
    enterprise_project_id: enterpriseProject.optional(),
    operation_type: oneOf(OPERATION_TYPES).optional(),
    provider_id: z.string().optional(),
    resource_id: idText.optional(),
    resource_name: z.string().optional(),
    start_time: moment.optional(),
    status: someOf(OPERATION_STATUSES).optional(),
    vault_id: idText.optional(),
    vault_name: z.string().optional(),
  }),
  body: null,
  status: 200,
  response: operationLogListResponse,
  errors: [],
  command: ({ query }) => ({
    page: pageOf(query),
    type: query.operation_type,
    status: query.status,
    vaultId: query.vault_id,
    vaultName: query.vault_name,
    resourceId: query.resource_id,
    resourceName: query.resource_name,
    enterpriseProjectId: query.enterprise_project_id,
    ofDisks: (query.provider_id ?? PROVIDER_ID) === PROVIDER_ID,
    createdFromMs: query.start_time,
    createdToMs: query.end_time,
  }),
  answer: ({ items, count, limit, offset }: Page<TaskDetails>) => ({
    operation_logs: items.map(operationLogJson),
    count,
    limit,
    offset,
  }),
});

const show = route({
  method: 'GET',
  path: LOG,
  operationId: 'ShowOpLog',
  summary: 'Show a task',
  tag,
  action: 'cbr:tasks:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: operationLogResponse,
  errors: ['BackupService.6500'],
  command: ({ path }) => ({ taskId: path.operation_log_id }),
  answer: (details: TaskDetails) => ({ operation_log: operationLogJson(details) }),
});

const cancel = route({
  method: 'POST',
  path: `${LOG}/cancel`,
  operationId: 'CancelOpLog',
  summary: 'Ask a task to stop (extension)',
  tag,
  action: 'cbr:tasks:cancel',
  query: NOTHING,
  body: null,
  status: 202,
  response: operationLogResponse,
  errors: ['BackupService.6500', 'Holdfast.NotCancellable'],
  command: ({ path }) => ({ taskId: path.operation_log_id }),
  answer: (details: TaskDetails) => ({ operation_log: operationLogJson(details) }),
});

export const OPERATION_LOG_ROUTES = { list, show, cancel };
