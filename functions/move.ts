import { dataWorld } from '../lib/runtime/containers.ts';
import { durableFunction } from '../lib/runtime/durable-function.ts';
import { runMoveJob } from '../lib/service/run-move-job.ts';

export const handler = durableFunction(runMoveJob, dataWorld);
