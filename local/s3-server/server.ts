import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { handleBucket } from './bucket-operations.ts';
import { type Exchange, parseTarget, refuseHeaders } from './exchange.ts';
import { ObjectFiles } from './object-files.ts';
import { handleObject } from './object-operations.ts';
import { ObjectTable } from './object-table.ts';
import { S3Error } from './s3-error.ts';
import { type Credentials, verifySignature } from './sigv4.ts';
import { document, element } from './xml.ts';

export interface S3ServerOptions {
  /** The folder that holds everything. */
  dir: string;
  /** 0 = a free one. */
  port: number;
  host?: string;
  credentials: Credentials;
  nowMs?: () => number;
  /** Told of failures that are not the client's. */
  warn?: (text: string) => void;
}

const CLOSE_WAIT_MS = 5000;
/** A body that nobody reads is swallowed up to this, so that the client hears the refusal. */
const DRAIN_BYTES_MAX = 64 * 2 ** 20;

/** An S3 server on one folder. Resolves when it listens. */
export const startS3Server = async (
  options: S3ServerOptions,
): Promise<{ url: string; close: () => Promise<void> }> => {
  const { dir, port, host = '127.0.0.1' } = options;
  await mkdir(dir, { recursive: true });
  const table = new ObjectTable(dir);
  const files = new ObjectFiles(dir);
  await files.initialise((file) => table.hasFile(file));
  const server = createServer({
    highWaterMark: 2 ** 20,
    keepAliveTimeout: 65_000,
    headersTimeout: 30_000,
    requestTimeout: 600_000,
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void handle(request, response, { ...options, table, files });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const chosen = typeof address === 'object' && address !== null ? address.port : port;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WAIT_MS);
    await closed;
    clearTimeout(timer);
    table.close();
  };
  return { url: `http://${host}:${chosen}`, close };
};

type World = S3ServerOptions & { table: ObjectTable; files: ObjectFiles };

const handle = async (
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
): Promise<void> => {
  response.setHeader('x-amz-request-id', randomBytes(8).toString('hex').toUpperCase());
  try {
    const { table, files, credentials, nowMs = Date.now } = world;
    const payload = verifySignature(request, credentials, nowMs());
    refuseHeaders(request);
    const exchange: Exchange = {
      request,
      response,
      payload,
      ...parseTarget(request.url ?? '/'),
      table,
      files,
      nowMs,
    };
    await (exchange.key === '' ? handleBucket(exchange) : handleObject(exchange));
  } catch (error) {
    refuse(request, response, error, world);
  }
};

const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  cause: unknown,
  { warn }: World,
): void => {
  if (response.headersSent || response.destroyed) {
    // Half an answer cannot be taken back: cutting it off is the only honest end.
    response.destroy();
    return;
  }
  if (!(cause instanceof S3Error) && !request.destroyed)
    warn?.(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  const error =
    cause instanceof S3Error
      ? cause
      : new S3Error('InternalError', 'The server failed.', { cause });
  const id = String(response.getHeader('x-amz-request-id'));
  const body = document('Error', [
    element('Code', error.code),
    element('Message', error.message),
    element('RequestId', id),
  ]).replace(/ xmlns="[^"]*"/, '');
  const unread = !request.complete;
  response.writeHead(error.status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    ...(unread ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? '' : body);
  if (unread) drain(request);
};

const drain = (request: IncomingMessage): void => {
  let drained = 0;
  request.on('data', (part: Buffer) => {
    drained += part.length;
    if (drained > DRAIN_BYTES_MAX) request.destroy();
  });
  request.on('error', () => {});
};
