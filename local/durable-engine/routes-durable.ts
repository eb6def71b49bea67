/** The API of durable executions, version 2025-12-01. */
import type * as z from 'zod';
import type { ExecutionSummary } from './execution-state.ts';
import { parseFunctionName } from './function-name.ts';
import { withoutData } from './history.ts';
import { invalid } from './lambda-error.ts';
import { checkpointRequest, EXECUTION_STATUSES, errorObject, type Operation } from './protocol.ts';
import { type ApiRequest, json, type Route } from './route.ts';

const EXECUTION = '/2025-12-01/durable-executions/{arn}';
const CALLBACK = '/2025-12-01/durable-execution-callbacks/{callbackId}';
const ITEMS_MAX = 1000;

export const durableRoutes: Route[] = [
  [
    'POST',
    `${EXECUTION}/checkpoint`,
    async (engine, request) => {
      const body = parseBody(checkpointRequest, request);
      const { CheckpointToken, NewExecutionState } = await engine.checkpoint(arnOf(request), body);
      const Operations = NewExecutionState.Operations.map(toWire);
      return json(200, { CheckpointToken, NewExecutionState: { Operations } });
    },
  ],
  [
    'GET',
    `${EXECUTION}/state`,
    (engine, request) => {
      const token = request.query.get('CheckpointToken') ?? '';
      const marker = request.query.get('Marker') ?? '';
      const page = engine.state(arnOf(request), token, marker, itemsMax(request));
      return json(200, { ...page, Operations: page.Operations.map(toWire) });
    },
  ],
  [
    'GET',
    `${EXECUTION}/history`,
    async (engine, request) => {
      const all = await engine.history(arnOf(request));
      const events = request.query.get('ReverseOrder') === 'true' ? all.toReversed() : all;
      const { items, NextMarker } = pageOf(events, request);
      return json(200, { Events: hasData(request) ? items : items.map(withoutData), NextMarker });
    },
  ],
  [
    'POST',
    `${EXECUTION}/stop`,
    async (engine, request) => {
      const error = request.body.length > 0 ? parseBody(errorObject, request) : undefined;
      const { endedAtMs } = await engine.stop(arnOf(request), error);
      return json(200, { StopTimestamp: toSeconds(endedAtMs) });
    },
  ],
  [
    'GET',
    EXECUTION,
    (engine, request) => {
      const summary = engine.get(arnOf(request));
      const { input, Result, Error: error } = summary;
      const data = { InputPayload: input, Result, Error: error };
      return json(200, { ...describe(summary), Version: '$LATEST', ...(hasData(request) && data) });
    },
  ],
  [
    'GET',
    '/2025-12-01/functions/{functionName}/durable-executions',
    (engine, request) => {
      const { name } = parseFunctionName(request.path['functionName'] ?? '');
      const found = engine.list(name).filter(matches(request));
      const ordered = request.query.get('ReverseOrder') === 'true' ? found.toReversed() : found;
      const { items, NextMarker } = pageOf(ordered, request);
      return json(200, { DurableExecutions: items.map(describe), NextMarker });
    },
  ],
  [
    'POST',
    `${CALLBACK}/succeed`,
    async (engine, request) => {
      const result = request.body.length > 0 ? request.body.toString() : undefined;
      await engine.succeedCallback(request.path['callbackId'] ?? '', result);
      return json(200, {});
    },
  ],
  [
    'POST',
    `${CALLBACK}/fail`,
    async (engine, request) => {
      const error = request.body.length > 0 ? parseBody(errorObject, request) : {};
      await engine.failCallback(request.path['callbackId'] ?? '', error);
      return json(200, {});
    },
  ],
  [
    'POST',
    `${CALLBACK}/heartbeat`,
    async (engine, request) => {
      await engine.heartbeatCallback(request.path['callbackId'] ?? '');
      return json(200, {});
    },
  ],
];

const arnOf = (request: ApiRequest): string => request.path['arn'] ?? '';

function parseBody<T>(schema: z.ZodType<T>, { body }: ApiRequest): T {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw invalid('The body is not JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

function pageOf<T>(all: T[], request: ApiRequest): { items: T[]; NextMarker?: string } {
  const marker = request.query.get('Marker') ?? '';
  if (!/^\d{0,9}$/.test(marker)) throw invalid('Invalid marker.');
  const from = Number(marker);
  const to = from + itemsMax(request);
  const items = all.slice(from, to);
  return to < all.length ? { items, NextMarker: String(to) } : { items };
}

function itemsMax({ query }: ApiRequest): number {
  const text = query.get('MaxItems') ?? '';
  if (!/^\d{0,4}$/.test(text) || Number(text) > ITEMS_MAX)
    throw invalid(`MaxItems must be 0 to ${ITEMS_MAX}.`);
  return Number(text) || ITEMS_MAX; // 0 asks for the default
}

function matches({ query }: ApiRequest): (summary: ExecutionSummary) => boolean {
  const name = query.get('DurableExecutionName');
  const statuses = query.getAll('Statuses');
  const unknown = statuses.find((status) => !EXECUTION_STATUSES.some((known) => known === status));
  if (unknown !== undefined) throw invalid(`Unknown status: ${unknown}`);
  const afterMs = timeOf(query.get('StartedAfter')) ?? -Infinity;
  const beforeMs = timeOf(query.get('StartedBefore')) ?? Infinity;
  return (summary) =>
    (name === null || summary.name === name) &&
    (statuses.length === 0 || statuses.includes(summary.status)) &&
    summary.startedAtMs > afterMs &&
    summary.startedAtMs < beforeMs;
}

function timeOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw invalid(`Not a time: ${text}`);
  return atMs;
}

const hasData = ({ query }: ApiRequest): boolean => query.get('IncludeExecutionData') !== 'false';

const describe = (summary: ExecutionSummary): object => ({
  DurableExecutionArn: summary.arn,
  DurableExecutionName: summary.name,
  FunctionArn: summary.arn.split('/')[0],
  Status: summary.status,
  StartTimestamp: toSeconds(summary.startedAtMs),
  EndTimestamp: toSeconds(summary.endedAtMs),
});

const toSeconds = (atMs: number | undefined): number | undefined =>
  atMs === undefined ? undefined : atMs / 1000;

/** REST-JSON carries times as epoch seconds; an operation holds them as text. */
function toWire(operation: Operation): object {
  const { StepDetails, WaitDetails } = operation;
  return {
    ...operation,
    StartTimestamp: fromText(operation.StartTimestamp),
    EndTimestamp: fromText(operation.EndTimestamp),
    StepDetails: StepDetails && {
      ...StepDetails,
      NextAttemptTimestamp: fromText(StepDetails.NextAttemptTimestamp),
    },
    WaitDetails: WaitDetails && {
      ScheduledEndTimestamp: fromText(WaitDetails.ScheduledEndTimestamp),
    },
  };
}

const fromText = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Date.parse(time) / 1000;
