import { dataWorld } from '../lib/runtime/containers.ts';
import { scheduleFunction } from '../lib/runtime/schedule-function.ts';
import { runPolicies } from '../lib/service/run-policies.ts';

export const handler = scheduleFunction(runPolicies, dataWorld);
