import { noticeWorld } from '../lib/runtime/containers.ts';
import { noticeFunction } from '../lib/runtime/notice-function.ts';

export const handler = noticeFunction(noticeWorld);
