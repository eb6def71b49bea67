import { isError } from '../../errors.ts';
import type { Probe } from '../../ports/probe.ts';

/** Writes one line of JSON an event; Lambda carries standard output to CloudWatch. */
export const logProbe = (write: (line: string) => void, nowMs: () => number): Probe => {
  const line = (level: string, event: string, facts: object) =>
    write(JSON.stringify({ time: new Date(nowMs()).toISOString(), level, event, ...facts }));
  return {
    note: (event, facts = {}) => line('info', event, facts),
    problem: (event, error, facts = {}) => line('error', event, { ...facts, ...describe(error) }),
  };
};

const describe = (error: unknown): object => {
  if (!(error instanceof Error)) return { error: String(error) };
  const cause =
    error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : undefined;
  return {
    error: `${error.name}: ${error.message}`,
    code: isError(error) ? error.code : undefined,
    cause,
    stack: error.stack,
  };
};
