import { dataWorld } from '../lib/runtime/containers.ts';
import { durableFunction } from '../lib/runtime/durable-function.ts';
import { runRestoreJob } from '../lib/service/run-restore-job.ts';

export const handler = durableFunction(runRestoreJob, dataWorld);
