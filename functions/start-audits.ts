import { dataWorld } from '../lib/runtime/containers.ts';
import { scheduleFunction } from '../lib/runtime/schedule-function.ts';
import { startAudits } from '../lib/service/start-audits.ts';

export const handler = scheduleFunction(startAudits, dataWorld);
