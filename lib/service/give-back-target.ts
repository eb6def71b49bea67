import { isError } from '../errors.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Disks } from '../ports/disks.ts';

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
