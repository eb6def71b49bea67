import { dataWorld } from '../lib/runtime/containers.ts';
import { durableFunction } from '../lib/runtime/durable-function.ts';
import { runBackupJob } from '../lib/service/run-backup-job.ts';

export const handler = durableFunction(runBackupJob, dataWorld);
