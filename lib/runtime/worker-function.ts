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

const collection = z.object({ projectId: id, vaultId: id });

/** A use case that takes a request of one of the shapes above. */
type Work = (request: never, deadlineMs: number, ports: DataPorts) => Promise<unknown>;
type World = () => { ports: DataPorts };

/** A data worker. */
export const workerFunction = (run: Work, world: World) => worker(rangeRequest, run, world);

/** A worker that is given a vault. */
export const vaultWorker = (run: Work, world: World) => worker(collection, run, world);

/**
 * What a retry may mend is thrown, so that the job calls again; what it cannot is an answer, with
 * its code.
 */
const worker =
  (shape: typeof rangeRequest | typeof collection, run: Work, world: World) =>
  async (
    event: unknown,
    context: Pick<Context, 'getRemainingTimeInMillis'>,
  ): Promise<WorkerAnswer> => {
    const { ports } = world();
    const request: Partial<RangeRequest> = shape.parse(event) as Partial<RangeRequest>;
    const deadlineMs = ports.clock.nowMs() + context.getRemainingTimeInMillis();
    try {
      return { result: await run(request as never, deadlineMs, ports) };
    } catch (error) {
      const { vaultId, operationLogId, from } = request;
      if (!isSuperseded(error))
        ports.probe.problem('worker.failed', error, { vaultId, operationLogId, from });
      if (!isError(error) || isRetryable(error)) throw error;
      return { refused: toCoded(error) };
    }
  };
