import { isError } from '../errors.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Disks } from '../ports/disks.ts';
import { sessionIdOf } from './job-session.ts';

/**
 * Takes the target disk of a restore back from an attempt: it has its old content again. Nothing
 * when the attempt does not own it, and when there is no disk: a new one may not have been made
 * yet, an old one may have been deleted.
 */
export const giveBackTarget = async (
  { target }: OperationLog,
  attemptId: string,
  disks: Pick<Disks, 'abandonRestore'>,
): Promise<void> => {
  if (target === undefined) return;
  try {
    await disks.abandonRestore(target.diskId, attemptId);
  } catch (error) {
    if (!isError(error, 'disk.missing')) throw error;
  }
};

/**
 * Whether one of the first `attempts` attempts put the backup's content on the disk and died before
 * it could say so. The disk may have been written to since: to restore it again would undo that.
 */
export const wasRestored = async (
  { id, type, target }: OperationLog,
  attempts: number,
  disks: Pick<Disks, 'finishRestore'>,
): Promise<boolean> => {
  if (type !== 'restore' || target === undefined) return false;
  for (let attempt = attempts - 1; attempt >= 0; attempt--) {
    try {
      // A swap that has happened answers again that it has; any other is refused.
      await disks.finishRestore(target.diskId, sessionIdOf(id, attempt));
      return true;
    } catch (error) {
      if (!isError(error, 'disk.busy') && !isError(error, 'disk.missing')) throw error;
    }
  }
  return false;
};
