import { dataWorld } from '../lib/runtime/containers.ts';
import { workerFunction } from '../lib/runtime/worker-function.ts';
import { restoreDiskRange } from '../lib/service/restore-disk-range.ts';

export const handler = workerFunction(restoreDiskRange, dataWorld);
