/**
 * Lambda's REST-JSON protocol in front of the engine: `Invoke` (2015-03-31) and the durable
 * executions (2025-12-01), so that the SDKs reach it with nothing but another endpoint. For
 * loopback only: it checks no signature.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DurableEngine } from './engine.ts';
import { LambdaError, toErrorObject } from './lambda-error.ts';
import { type ApiAnswer, json, type Route } from './route.ts';
import { durableRoutes } from './routes-durable.ts';
import { invokeRoute } from './routes-invoke.ts';

export interface ApiServer {
  port: number;
  /** Answers requests from now on; until then all but a look at `/healthz` are refused with 503. */
  serve: (engine: DurableEngine) => void;
  close: () => Promise<void>;
}

/** An oversized result comes in a checkpoint; everything else is at most 6 MiB. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
/** Longer than SDK clients keep idle connections, so that they do not write into a closing one. */
const KEEP_ALIVE_MS = 75_000;

const routes: { method: string; pattern: RegExp; serve: Route[2] }[] = [
  invokeRoute,
  ...durableRoutes,
].map(([method, path, serve]) => ({
  method,
  serve,
  pattern: new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

/**
 * Listens on 127.0.0.1; port 0 takes a free one. `GET /healthz` answers 200 once the engine is
 * there.
 * @throws Error that names the port when it is taken
 */
export async function listen(port: number, warn: (text: string) => void): Promise<ApiServer> {
  let engine: DurableEngine | undefined;
  const server = createServer((request, response) => {
    void answer(engine, request, warn).then((result) => send(response, result));
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = 0; // a synchronous invocation takes as long as its function
  await bind(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    serve: (ready) => {
      engine = ready;
    },
    close: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
  };
}

async function bind(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    const taken = `port ${port} is in use; free it or set custom.durable-offline.port`;
    reject(error.code === 'EADDRINUSE' ? new Error(taken, { cause: error }) : error);
  });
  server.listen(port, '127.0.0.1', () => resolve());
  await promise;
}

async function answer(
  engine: DurableEngine | undefined,
  request: IncomingMessage,
  warn: (text: string) => void,
): Promise<ApiAnswer> {
  try {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/healthz')
      return json(engine ? 200 : 503, { status: engine ? 'ready' : 'starting' });
    if (!engine) throw new LambdaError('ServiceException', 'Starting.', { status: 503 });
    for (const { method, pattern, serve } of routes) {
      const match = method === request.method ? pattern.exec(url.pathname) : undefined;
      if (!match) continue;
      const { searchParams: query } = url;
      const path = decodeAll(match.groups ?? {});
      const body = await readBody(request);
      return await serve(engine, { path, query, headers: request.headers, body });
    }
    throw new LambdaError(
      'ResourceNotFoundException',
      `No route ${request.method} ${url.pathname}`,
    );
  } catch (error) {
    if (!(error instanceof LambdaError)) warn(`${request.method} ${request.url}: ${String(error)}`);
    return errorAnswer(error);
  }
}

function errorAnswer(error: unknown): ApiAnswer {
  const { ErrorType, ErrorMessage } = toErrorObject(error);
  const known = error instanceof LambdaError;
  const message = known ? ErrorMessage : 'Internal error';
  return json(
    known ? error.status : 500,
    { Type: 'User', message, Message: message },
    { 'x-amzn-errortype': known ? ErrorType : 'ServiceException' },
  );
}

function decodeAll(groups: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(
      Object.entries(groups).map(([name, text]) => [name, decodeURIComponent(text)]),
    );
  } catch (cause) {
    throw new LambdaError('InvalidParameterValueException', 'The path is not valid.', { cause });
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > BODY_BYTES_MAX)
      throw new LambdaError('RequestTooLargeException', `Over ${BODY_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, { status, headers, body = '' }: ApiAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body);
}
