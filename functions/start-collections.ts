import { dataWorld } from '../lib/runtime/containers.ts';
import { scheduleFunction } from '../lib/runtime/schedule-function.ts';
import { startCollections } from '../lib/service/start-collections.ts';

export const handler = scheduleFunction(startCollections, dataWorld);
