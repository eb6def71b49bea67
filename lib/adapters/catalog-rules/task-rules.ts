import { HoldfastError } from '../../errors.ts';
import type { OperationLogId, ProjectId } from '../../model/ids.ts';
import {
  isCancellable,
  OPERATION_TRANSITIONS,
  type OperationLog,
  type OperationStatus,
} from '../../model/operation-log.ts';
import { mayBecome } from '../../model/state-table.ts';
import { refuse } from './refusal.ts';

export const isTaskToCreate = (stored: OperationLog | null, task: OperationLog): boolean => {
  if (stored === null) return true;
  if (isSameTask(stored, task)) return false;
  return refuse(`task ${task.id}`, 'the id is taken');
};

const isSameTask = (a: OperationLog, b: OperationLog): boolean =>
  a.projectId === b.projectId &&
  a.type === b.type &&
  a.backupId === b.backupId &&
  a.requestId === b.requestId &&
  a.createdAtMs === b.createdAtMs;

/** The task when it is the project's, else `BackupService.6500`. */
export const ownTask = (
  stored: OperationLog | null,
  projectId: ProjectId,
  id: OperationLogId,
): OperationLog => {
  if (stored?.projectId !== projectId) throw new HoldfastError('BackupService.6500', { id });
  return stored;
};

/** Refuses the start of a task that has ended. A running one takes the facts again. */
export const checkStart = (task: OperationLog): void => {
  if (task.status !== 'running' && !mayBecome(OPERATION_TRANSITIONS, task.status, 'running'))
    refuse(`task ${task.id}`, `it is ${task.status}`);
};

export const isTaskToEnd = (task: OperationLog, status: OperationStatus): boolean => {
  if (task.status === status) return false;
  if (mayBecome(OPERATION_TRANSITIONS, task.status, status)) return true;
  return refuse(`task ${task.id}`, `${task.status} cannot become ${status}`);
};

export const isToCancel = (task: OperationLog): boolean => {
  const { id, status } = task;
  if (!isCancellable(task)) throw new HoldfastError('Holdfast.NotCancellable', { id, status });
  return !task.cancelRequested;
};
