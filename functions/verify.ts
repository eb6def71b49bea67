import { dataWorld } from '../lib/runtime/containers.ts';
import { durableFunction } from '../lib/runtime/durable-function.ts';
import { runVerifyJob } from '../lib/service/run-verify-job.ts';

export const handler = durableFunction(runVerifyJob, dataWorld);
