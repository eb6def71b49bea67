import { dataWorld } from '../lib/runtime/containers.ts';
import { scheduleFunction } from '../lib/runtime/schedule-function.ts';
import { meterUsage } from '../lib/service/meter-usage.ts';

export const handler = scheduleFunction(meterUsage, dataWorld);
