import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { handleBucket } from './bucket-operations.ts';
import { type Exchange, parseTarget, refuseHeaders } from './exchange.ts';
import { ObjectFiles } from './object-files.ts';
import { handleObject } from './object-operations.ts';
import { ObjectTable } from './object-table.ts';
import { refuse, refuseConnection } from './refuse.ts';
import { type Credentials, verifySignature } from './sigv4.ts';

export interface S3ServerOptions {
  /** The folder that holds everything; one server at a time uses it. */
  dir: string;
  /** 0 = a free one. */
  port: number;
  host?: string;
  credentials: Credentials;
  nowMs?: () => number;
  /** Told of failures that are not the client's. */
  warn?: (text: string) => void;
}

/** How long `close` waits for requests in flight before it cuts them off. */
const CLOSE_WAIT_MS = 5000;
const SERVER_LIMITS = {
  headersTimeout: 30_000,
  /** For one request with its body: 5 GiB at 3 MB/s. */
  requestTimeout: 1_800_000,
  keepAliveTimeout: 65_000,
  highWaterMark: 2 ** 20,
};
/** A connection on which nothing moves. */
const IDLE_MS = 120_000;

/** An S3 server on one folder. Resolves when it listens. */
export const startS3Server = async (
  options: S3ServerOptions,
): Promise<{ url: string; close: () => Promise<void> }> => {
  const { dir, port, host = '127.0.0.1', credentials, nowMs = Date.now } = options;
  const warn = options.warn ?? (() => {});
  await mkdir(dir, { recursive: true });
  const table = new ObjectTable(dir);
  const server = createServer(SERVER_LIMITS).setTimeout(IDLE_MS);
  const running = new Set<Promise<void>>();
  try {
    const files = new ObjectFiles(dir);
    await files.initialise((file) => table.hasFile(file));
    const onRequest = (request: IncomingMessage, response: ServerResponse) => {
      const answering = handle(request, response, { credentials, table, files, nowMs, warn });
      running.add(answering);
      void answering.finally(() => running.delete(answering));
    };
    server.on('request', onRequest);
    // The one who reads the body says when it is welcome.
    server.on('checkContinue', onRequest);
    server.on('clientError', refuseConnection);
    await listen(server, port, host);
  } catch (error) {
    table.close();
    throw error;
  }
  const address = server.address() as AddressInfo;
  const close = async () => {
    await closeServer(server);
    await Promise.race([Promise.all(running), sleep(CLOSE_WAIT_MS, undefined, { ref: false })]);
    table.close();
  };
  return { url: `http://${host}:${address.port}`, close };
};

type World = Pick<Exchange, 'table' | 'files' | 'nowMs' | 'warn'> & { credentials: Credentials };

const handle = async (
  request: IncomingMessage,
  response: ServerResponse,
  { credentials, ...world }: World,
): Promise<void> => {
  response.setHeader('x-amz-request-id', randomBytes(8).toString('hex').toUpperCase());
  try {
    const payload = verifySignature(request, credentials, world.nowMs());
    refuseHeaders(request);
    const target = parseTarget(request.url ?? '');
    const exchange: Exchange = { ...world, ...target, request, response, payload };
    await (exchange.key === '' ? handleBucket(exchange) : handleObject(exchange));
  } catch (error) {
    await refuse(request, response, error, world.warn);
  }
};

const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

/** Lets requests in flight end, up to a limit; their connections go when they are idle. */
const closeServer = async (server: Server): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const sweeper = setInterval(() => server.closeIdleConnections(), 20);
  const deadline = setTimeout(() => server.closeAllConnections(), CLOSE_WAIT_MS);
  await closed;
  clearInterval(sweeper);
  clearTimeout(deadline);
};
