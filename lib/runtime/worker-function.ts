import type { Context } from 'aws-lambda';
import * as z from 'zod';
import { isError, isRetryable } from '../errors.ts';
import type { DataPorts, RangeRequest } from '../service/data-ports.ts';
import { isSuperseded } from '../service/end-job.ts';
import { toCoded, type WorkerAnswer } from './durable-context.ts';

const id = z.string().min(1).max(128);

const rangeRequest = z.object({
  projectId: id,
  vaultId: id,
  backupId: id,
  operationLogId: id,
  sessionId: id,
  from: z.int().min(0),
  to: z.int().min(1),
  percent: z.number().min(0).max(100).optional(),
});

/**
 * A data worker. What a retry may mend is thrown, so that the job calls again; what it cannot is an
 * answer, with its code.
 */
export const workerFunction =
  <R extends RangeRequest>(
    run: (request: R, deadlineMs: number, ports: DataPorts) => Promise<unknown>,
    world: () => { ports: DataPorts },
  ) =>
  async (
    event: unknown,
    context: Pick<Context, 'getRemainingTimeInMillis'>,
  ): Promise<WorkerAnswer> => {
    const { ports } = world();
    const request = rangeRequest.parse(event) as unknown as R;
    const deadlineMs = ports.clock.nowMs() + context.getRemainingTimeInMillis();
    try {
      return { result: await run(request, deadlineMs, ports) };
    } catch (error) {
      const { operationLogId, from } = request;
      if (!isSuperseded(error))
        ports.probe.problem('worker.failed', error, { operationLogId, from });
      if (!isError(error) || isRetryable(error)) throw error;
      return { refused: toCoded(error) };
    }
  };
