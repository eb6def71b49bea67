import { dataWorld } from '../lib/runtime/containers.ts';
import { workerFunction } from '../lib/runtime/worker-function.ts';
import { verifyDiskRange } from '../lib/service/verify-disk-range.ts';

export const handler = workerFunction(verifyDiskRange, dataWorld);
