import { dataWorld } from '../lib/runtime/containers.ts';
import { scheduleFunction } from '../lib/runtime/schedule-function.ts';
import { sweepRetention } from '../lib/service/sweep-retention.ts';

export const handler = scheduleFunction(sweepRetention, dataWorld);
