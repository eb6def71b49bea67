import type * as z from 'zod';
import { adviceOn } from '../errors.ts';
import type { TaskDetails } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import { type OperationLog, type OperationType, progressPercent } from '../model/operation-log.ts';
import { PROVIDER_ID } from './fields.ts';
import type { operationLogBody } from './operation-log-schemas.ts';
import { timeText, timeTextOrNull } from './units.ts';

type OperationLogJson = z.input<typeof operationLogBody>;

/** A task as CBR writes it (spec Appendix A, OperationLog). */
export function operationLogJson({ task, doneBytes }: TaskDetails): OperationLogJson {
  return {
    id: task.id,
    operation_type: task.type,
    status: task.status,
    project_id: task.projectId,
    provider_id: PROVIDER_ID,
    checkpoint_id: task.checkpointId ?? null,
    vault_id: task.vaultId,
    vault_name: task.vaultName,
    policy_id: task.policyId ?? null,
    created_at: timeText(task.createdAtMs),
    started_at: timeTextOrNull(task.startedAtMs),
    updated_at: timeText(task.updatedAtMs),
    ended_at: timeTextOrNull(task.endedAtMs),
    error_info: { code: task.failure?.code ?? '', message: task.failure?.message ?? '' },
    extra_info: {
      common: {
        progress: progressPercent(task, doneBytes),
        request_id: task.requestId,
        task_id: task.id,
      },
      resource: resourceJson(task),
      ...typeInfo(task),
      ...(task.outcome ? { outcome: task.outcome } : {}),
      cancel_requested: task.cancelRequested,
      ...(task.failure ? { advice: adviceOn(task.failure.code) } : {}),
    },
  };
}

/** What the task is about: a disk, or the vault that it deletes. */
const resourceJson = ({ type, disk, vaultId, vaultName }: OperationLog) =>
  type === 'vault_delete'
    ? { id: vaultId, type: 'vault', name: vaultName }
    : { id: disk.id, type: DISK_TYPE, name: disk.name };

/** The block that tasks of a type have beside the common one. */
const typeInfo = (task: OperationLog): Partial<OperationLogJson['extra_info']> =>
  TYPE_INFO[task.type](task, { backup_id: task.backupId, backup_name: task.backupName });

const TYPE_INFO: Record<
  OperationType,
  (
    task: OperationLog,
    backup: { backup_id: string; backup_name: string },
  ) => Partial<OperationLogJson['extra_info']>
> = {
  backup: (_, backup) => ({ backup }),
  delete: (_, backup) => ({ delete: backup }),
  sync: ({ status }) => ({
    sync: {
      sync_backup_num: Number(status === 'success'),
      delete_backup_num: 0,
      err_sync_backup_num: Number(status === 'failed' || status === 'timeout'),
    },
  }),
  vault_delete: ({ outcome }) => ({
    vault_delete: { fail_count: 0, total_count: Number(outcome?.['backups'] ?? 0) },
  }),
  verify: ({ percent = 100 }, backup) => ({ verify: { ...backup, percent } }),
  restore: ({ target }, backup) => ({
    restore: {
      ...backup,
      target_resource_id: target?.diskId ?? '',
      target_resource_name: target?.name ?? '',
    },
  }),
};
