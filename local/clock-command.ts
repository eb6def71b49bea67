import { fileClock, moveClock } from '../lib/adapters/local/file-clock.ts';
import type { ApiClient } from './api-client.ts';
import { clockFile } from './home.ts';
import { invoke } from './invoke.ts';

const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Longer than any rule of retention that somebody would try out. */
const FORWARD_MS_MAX = 400 * 86_400_000;
/** What the schedules would have fired meanwhile; the watchdog's minute comes by itself. */
export const SCHEDULED = [
  'run-policies',
  'retention-sweep',
  'start-collections',
  'meter-usage',
  'start-audits',
] as const;

/** What time it is for local mode. */
export const showClock = (home: string): object => ({
  clock: new Date(fileClock(clockFile(home)).nowMs()).toISOString(),
});

/**
 * Moves local mode's clock forward, by `90m`, `12h` or `7d`, and fires what runs by schedule. As
 * after an outage, of the time points in between the latest one runs. Refused while a task is under
 * way: its lease would run out.
 */
export const forwardClock = async (
  home: string,
  duration: string,
  client: ApiClient,
): Promise<object> => {
  const byMs = toMs(duration);
  for (const status of ['waiting', 'running']) {
    const { count } = await client.call<{ count: number }>(
      'GET',
      `operation-logs?status=${status}`,
    );
    if (count > 0) throw new Error(`${count} tasks are ${status}. Wait until they have ended.`);
  }
  await moveClock(clockFile(home), byMs);
  const answers: Record<string, object> = {};
  for (const name of SCHEDULED) answers[name] = await invoke(name);
  return { ...showClock(home), ...answers };
};

const toMs = (duration: string): number => {
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(duration) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= FORWARD_MS_MAX) return ms;
  throw new Error('A clock goes forward by 1m to 400d: minutes (90m), hours (12h) or days (7d).');
};
