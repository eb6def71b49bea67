import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectFiles } from './object-files.ts';
import type { ObjectTable } from './object-table.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import type { SignedPayload } from './sigv4.ts';
import { decode, splitTarget } from './uri.ts';

/** One request and all that is needed to answer it. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  payload: SignedPayload;
  /** Empty for a request about the account. */
  bucket: string;
  /** Empty for a request about the bucket. */
  key: string;
  query: Map<string, string>;
  table: ObjectTable;
  files: ObjectFiles;
  nowMs: () => number;
  /** Told of failures that are not the client's. */
  warn: (text: string) => void;
}

const KEY_BYTES_MAX = 1024;
/** Query parts of the signature and of the SDK, which say nothing about the operation. */
const IGNORED_QUERY = /^(x-id|X-Amz-.*)$/;
/** The `x-amz-` headers that this server acts on, or that say nothing about the operation. */
const KNOWN_HEADERS =
  /^x-amz-(content-sha256|date|security-token|user-agent|decoded-content-length|trailer|sdk-checksum-algorithm|checksum-(crc32|sha256|mode)|copy-source(-if-(none-)?match)?|metadata-directive|storage-class|meta-.+)$/;
/** Other headers that would change what is stored or answered. */
const REFUSED_HEADERS = /^(if-modified-since|if-unmodified-since|if-range|content-range)$/;

/** Bucket, key and query of a path-style request. */
export const parseTarget = (target: string): Pick<Exchange, 'bucket' | 'key' | 'query'> => {
  const { path, query } = splitTarget(target);
  const slash = path.indexOf('/', 1);
  const bucket = decode(slash < 0 ? path.slice(1) : path.slice(1, slash));
  const key = slash < 0 ? '' : decode(path.slice(slash + 1));
  if (Buffer.byteLength(key) > KEY_BYTES_MAX)
    throw new S3Error('KeyTooLongError', 'A key has at most 1024 bytes.');
  return { bucket, key, query: new Map(query.filter(([name]) => !IGNORED_QUERY.test(name))) };
};

/** Refuses query parts that the operation does not know: ignoring one would do something else. */
export const allowQuery = ({ query }: Exchange, ...known: string[]): void => {
  for (const name of query.keys())
    if (!known.includes(name)) throw notImplemented(`The query parameter ${name}`);
};

/** Refuses headers that this server does not act on but that somebody relies upon. */
export const refuseHeaders = ({ headers }: IncomingMessage): void => {
  for (const name of Object.keys(headers)) {
    const unknown = name.startsWith('x-amz-') && !KNOWN_HEADERS.test(name);
    if (unknown || REFUSED_HEADERS.test(name)) throw notImplemented(`The header ${name}`);
  }
};

/** A header with one value; empty when absent. */
export const headerOf = ({ request }: Pick<Exchange, 'request'>, name: string): string => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
};

/** A whole answer in one piece; a body is XML. */
export const answer = (
  { response, request }: Pick<Exchange, 'response' | 'request'>,
  status: number,
  headers: Record<string, string> = {},
  body = '',
): void => {
  const type = body === '' ? {} : { 'content-type': 'application/xml' };
  response.writeHead(status, { ...type, 'content-length': Buffer.byteLength(body), ...headers });
  response.end(request.method === 'HEAD' ? '' : body);
};
