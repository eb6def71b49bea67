import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { S3Error, type S3ErrorCode } from './s3-error.ts';
import { errorDocument } from './xml.ts';

/** A body that nobody wants is read up to this, so that the client hears why. */
const DRAIN_BYTES_MAX = 2 ** 28;
const DRAIN_MS = 30_000;
/** How it shows that the client has hung up. */
const CLIENT_GONE = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Answers a request that failed; never throws. `warn` hears of what is not the client's fault. */
export const refuse = async (
  request: IncomingMessage,
  response: ServerResponse,
  cause: unknown,
  warn: (text: string) => void,
): Promise<void> => {
  if (!(cause instanceof S3Error) && !isClientGone(cause))
    warn(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  if (response.headersSent || response.destroyed) {
    // Half an answer cannot be taken back: cutting it off is the only honest end.
    response.destroy();
    return;
  }
  const error =
    cause instanceof S3Error ? cause : new S3Error('InternalError', 'The server failed.');
  const body = errorDocument(error, String(response.getHeader('x-amz-request-id')));
  const isRead = await drain(request);
  if (response.destroyed) return;
  response.writeHead(error.status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    ...(isRead ? {} : { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? '' : body);
};

/**
 * Reads what is left of a body. An answer in the middle of it would be lost: closing a connection
 * with unread bytes resets it. False when the body is too long, or the client waits to be asked.
 */
const drain = async (request: IncomingMessage): Promise<boolean> => {
  if (request.complete) return true;
  if (request.headers.expect !== undefined) return false;
  const deadline = setTimeout(() => request.destroy(), DRAIN_MS);
  let drainedBytes = 0;
  try {
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      drainedBytes += (part as Buffer).length;
      if (drainedBytes > DRAIN_BYTES_MAX) return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(deadline);
  }
};

const isClientGone = (cause: unknown): boolean =>
  CLIENT_GONE.has((cause as NodeJS.ErrnoException | null)?.code ?? '');

/** What Node's HTTP parser and timers say, in S3's words. */
const CONNECTION_ERRORS: Record<string, [S3ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['RequestHeaderSectionTooLarge', 'The headers are too long.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['RequestTimeout', 'The request did not arrive in time.'],
};

/** Answers what is no HTTP request, unless an answer may be on its way already. */
export const refuseConnection = (
  cause: NodeJS.ErrnoException,
  socket: Duplex & { bytesWritten?: number },
): void => {
  if (!socket.writable || isClientGone(cause) || socket.bytesWritten !== 0) {
    socket.destroy();
    return;
  }
  const [code, message] = CONNECTION_ERRORS[cause.code ?? ''] ?? [
    'InvalidRequest',
    'This is no HTTP request.',
  ];
  const error = new S3Error(code, message);
  const body = errorDocument(error, '');
  const head = [
    `HTTP/1.1 ${error.status} ${code}`,
    'connection: close',
    'content-type: application/xml',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
};
