import * as z from 'zod';
import { time } from './fields.ts';

export const OPERATION_STATUSES = [
  'success',
  'skipped',
  'failed',
  'running',
  'timeout',
  'waiting',
] as const;

/** CBR's, and `verify`, an extension. */
export const OPERATION_TYPES = [
  'backup',
  'copy',
  'replication',
  'restore',
  'delete',
  'sync',
  'vault_delete',
  'remove_resource',
  'verify',
] as const;

const named = z.object({ backup_id: z.string(), backup_name: z.string() });

const extraInfo = z.object({
  common: z.object({
    progress: z.int().min(0).max(100),
    request_id: z.string(),
    task_id: z.string(),
  }),
  resource: z.object({ id: z.string(), type: z.string(), name: z.string() }),
  backup: named.optional(),
  restore: named
    .extend({ target_resource_id: z.string(), target_resource_name: z.string() })
    .optional(),
  delete: named.optional(),
  vault_delete: z.object({ fail_count: z.int(), total_count: z.int() }).optional(),
  sync: z
    .object({
      sync_backup_num: z.int(),
      delete_backup_num: z.int(),
      err_sync_backup_num: z.int(),
    })
    .optional(),
  verify: named
    .extend({ percent: z.int().min(1).max(100) })
    .optional()
    .meta({ description: 'Extension.' }),
  outcome: z
    .record(z.string(), z.union([z.number(), z.string(), z.array(z.string())]))
    .optional()
    .meta({ description: 'Extension: facts about the result, such as bytes read and stored.' }),
  advice: z
    .string()
    .optional()
    .meta({ description: 'Extension: what to do about the error, of a task that has one.' }),
  cancel_requested: z.boolean().meta({ description: 'Extension.' }),
});

export const operationLogBody = z
  .object({
    id: z.string(),
    operation_type: z.enum(OPERATION_TYPES),
    status: z.enum(OPERATION_STATUSES),
    project_id: z.string(),
    provider_id: z.string(),
    checkpoint_id: z.string().nullable(),
    vault_id: z.string(),
    vault_name: z.string(),
    policy_id: z.string().nullable(),
    created_at: time,
    started_at: time.nullable(),
    updated_at: time,
    ended_at: time.nullable(),
    error_info: z.object({ code: z.string(), message: z.string() }),
    extra_info: extraInfo,
  })
  .meta({ id: 'OperationLog' });

export const operationLogResponse = z
  .object({ operation_log: operationLogBody })
  .meta({ id: 'OperationLogResp' });

export const operationLogListResponse = z
  .object({
    operation_logs: z.array(operationLogBody),
    count: z.int(),
    limit: z.int().min(1).max(1000),
    offset: z.int().min(0),
  })
  .meta({ id: 'OpListResp' });
