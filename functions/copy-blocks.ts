import { dataWorld } from '../lib/runtime/containers.ts';
import { workerFunction } from '../lib/runtime/worker-function.ts';
import { copyDiskRange } from '../lib/service/copy-disk-range.ts';

export const handler = workerFunction(copyDiskRange, dataWorld);
