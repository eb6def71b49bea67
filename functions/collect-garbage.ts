import { dataWorld } from '../lib/runtime/containers.ts';
import { collectionFunction } from '../lib/runtime/durable-function.ts';
import { runCollectJob } from '../lib/service/run-collect-job.ts';

export const handler = collectionFunction(runCollectJob, dataWorld);
