import { callerCode, type ErrorCode, HoldfastError, isError } from '../errors.ts';
import type { Failure } from '../model/backup.ts';
import type { Probe } from '../ports/probe.ts';
import type { JobContext } from './job-context.ts';

/** What the task and the backup show of a failure. */
export const toFailure = (error: unknown): Failure =>
  error instanceof HoldfastError
    ? { code: callerCode(error.code), message: error.message }
    : { code: 'BackupService.9910', message: 'Unknown error.' };

/**
 * True when the watchdog has taken the job's session away, or another run its vault: another
 * attempt, or nobody, goes on, and this one must not touch the task any more.
 */
export const isSuperseded = (error: unknown): boolean =>
  isError(error, 'cycle.superseded') ||
  (isError(error, 'session.not-open') && error.details.state === 'FENCED');

/**
 * Runs a job; when it fails, lets `undo` put the world right and end the task, unless the job was
 * superseded. The execution itself ends well: the failure is the task's, not the engine's.
 */
export const endWell = async (
  context: JobContext,
  run: () => Promise<void>,
  undo: (failure: Failure, code: ErrorCode | undefined) => Promise<void>,
): Promise<{ ended: 'success' | 'failed' | 'superseded' }> => {
  try {
    await run();
    return { ended: 'success' };
  } catch (error) {
    if (isSuperseded(error)) return { ended: 'superseded' };
    const failure = toFailure(error);
    const code = isError(error) ? error.code : undefined;
    await context.step('undo', () => undo(failure, code));
    return { ended: 'failed' };
  }
};

/**
 * Runs the clean-up that follows a job's end. What it leaves behind costs something and harms
 * nobody, and the task has its verdict: a failure is reported and no more.
 */
export const cleanUp = async (
  name: string,
  context: JobContext,
  probe: Probe,
  run: () => Promise<void>,
): Promise<void> => {
  try {
    await context.step(name, run);
  } catch (error) {
    if (!isError(error)) throw error;
    probe.problem('job.not-cleaned-up', error, { step: name });
  }
};
