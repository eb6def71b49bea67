import { dataWorld } from '../lib/runtime/containers.ts';
import { scheduleFunction } from '../lib/runtime/schedule-function.ts';
import { watchJobs } from '../lib/service/watch-jobs.ts';

export const handler = scheduleFunction(watchJobs, dataWorld);
