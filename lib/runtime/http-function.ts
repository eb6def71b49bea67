import { default as middy } from '@middy/core';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { RawRequest, Route, RouteFacts } from '../api/route.ts';
import type { ApiPorts } from '../service/api-ports.ts';
import type { Caller } from '../service/caller.ts';
import { admitCaller } from './http-function-caller.ts';
import { errorAnswer } from './http-function-errors.ts';
import { bodyOf, type HttpEvent, methodOf, pathOf, queryOf } from './http-function-request.ts';
import { findRoute } from './http-function-routes.ts';

type HttpAnswer = APIGatewayProxyStructuredResultV2;
export type HttpHandler = (event: HttpEvent, context: Context) => Promise<HttpAnswer>;

/** A route and what serves it. */
export interface Endpoint {
  route: RouteFacts;
  serve(
    request: RawRequest,
    caller: Caller,
    ports: ApiPorts,
  ): Promise<{ body: unknown; headers: Record<string, string> }>;
}

/** A line of a function's table: this route is served by that use case. */
export const on = <C, R>(
  route: Route<C, R>,
  run: (command: C, caller: Caller, ports: ApiPorts) => Promise<R>,
): Endpoint => ({
  route,
  serve: async (request, caller, ports) => {
    const result = await run(route.command(request), caller, ports);
    return { body: route.answer(result), headers: route.answerHeaders?.(result) ?? {} };
  },
});

/** What goes with a request on its way through the function. */
interface Trace {
  ports: ApiPorts;
  requestId: string;
  startedAtMs: number;
  operation: string;
}
type TracedEvent = HttpEvent & { trace: Trace };

/** Before the function is stopped, so that the refusal still gets out. */
const ANSWER_EARLY_MS = 500;

/**
 * Makes a function of a table. It is the one place that knows HTTP: a request is found in the
 * table, its caller admitted, its use case run, and the result answered; every failure is answered
 * in CBR's form of an error (spec section 9.1). `world` is asked for the ports when the first event
 * comes.
 */
export const httpFunction =
  (...table: Endpoint[]) =>
  (world: () => ApiPorts): HttpHandler =>
    middy<TracedEvent, HttpAnswer>({ timeoutEarlyInMillis: ANSWER_EARLY_MS })
      .before((request) => {
        request.event = { ...request.event, trace: startTrace(world()) };
      })
      .onError((request) => {
        if (!request.event.trace) return; // Not even the ports could be made: the function fails.
        const { ports, requestId, operation } = request.event.trace;
        const { code, ...answer } = errorAnswer(request.error);
        const { statusCode } = answer;
        if (isFailure(statusCode)) {
          ports.probe.problem('api.failed', request.error, { requestId, operation, statusCode });
        }
        request.response = finish(answer, request.event.trace, code);
      })
      .handler(async (event: TracedEvent) =>
        finish(await answer(event, table), event.trace),
      ) as unknown as HttpHandler;

/** A refusal is an answer like others, and so is that a release lacks something. */
const isFailure = (statusCode: number): boolean => statusCode >= 500 && statusCode !== 501;

const startTrace = (ports: ApiPorts): Trace => ({
  ports,
  requestId: ports.ids.uuid(),
  startedAtMs: ports.clock.nowMs(),
  operation: '',
});

async function answer(event: TracedEvent, table: readonly Endpoint[]): Promise<HttpAnswer> {
  const { trace } = event;
  const { endpoint, path } = findRoute(table, methodOf(event), pathOf(event));
  const { route } = endpoint;
  trace.operation = route.operationId;
  const caller = await admitCaller(event, route, path, trace.requestId, trace.ports);
  const request = { path, query: queryOf(event), body: route.body ? bodyOf(event) : {} };
  const { body, headers } = await endpoint.serve(request, caller, trace.ports);
  return {
    statusCode: route.status,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

/** Adds the headers that every answer has, and says that it was given; with a refusal's code. */
function finish(given: HttpAnswer, trace: Trace, code?: string): HttpAnswer {
  const { ports, requestId, operation, startedAtMs } = trace;
  const ms = ports.clock.nowMs() - startedAtMs;
  const { statusCode: status } = given;
  ports.probe.note('api.answered', { requestId, operation, status, code, ms });
  return {
    ...given,
    headers: {
      ...given.headers,
      'x-request-id': requestId,
      'cache-control': 'no-store',
      ...(given.body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    },
  };
}
