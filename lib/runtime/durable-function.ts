import { type DurableContext, withDurableExecution } from '@aws/durable-execution-sdk-js';
import * as z from 'zod';
import type { VaultCollection } from '../service/collect-vault.ts';
import type { DataPorts } from '../service/data-ports.ts';
import type { JobContext, JobEvent } from '../service/job-context.ts';
import { encodingErrors, type FunctionNames, jobContext } from './durable-context.ts';

const id = z.string().min(1).max(128);

const jobEvent = z.object({
  projectId: id,
  operationLogId: id,
  attempt: z.int().min(0).max(100),
  slice: z
    .object({
      sessionId: id,
      vaultId: id,
      backupId: id,
      from: z.int().min(0),
      to: z.int().min(1),
      percent: z.number().optional(),
    })
    .optional(),
});

const collection = z.object({ projectId: id, vaultId: id });

/** A durable function of an orchestration: the same code on AWS and on the local engine. */
export const durableFunction = (
  run: (event: JobEvent, context: JobContext, ports: DataPorts) => Promise<unknown>,
  world: () => { ports: DataPorts; names: FunctionNames },
) => orchestration((event) => jobEvent.parse(event) as JobEvent, run, world);

/** The orchestration of a vault's collection: it has no task. */
export const collectionFunction = (
  run: (vault: VaultCollection, context: JobContext, ports: DataPorts) => Promise<unknown>,
  world: () => { ports: DataPorts; names: FunctionNames },
) => orchestration((event) => collection.parse(event), run, world);

const orchestration = <E>(
  parse: (event: unknown) => E,
  run: (event: E, context: JobContext, ports: DataPorts) => Promise<unknown>,
  world: () => { ports: DataPorts; names: FunctionNames },
) =>
  withDurableExecution(async (event: unknown, durable: DurableContext) => {
    const { ports, names } = world();
    const parsed = parse(event);
    return encodingErrors(() => run(parsed, jobContext(durable, names), ports));
  });
