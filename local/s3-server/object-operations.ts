import { pipeline } from 'node:stream/promises';
import { CheckedBody, inviteBody } from './body.ts';
import {
  checkDeleteCondition,
  checkMatch,
  checkWriteCondition,
  matches,
  newEtag,
} from './conditions.ts';
import { copyObject } from './copy-object.ts';
import { allowQuery, answer, type Exchange, headerOf } from './exchange.ts';
import { type OpenFile, readBytes } from './object-files.ts';
import {
  checksumHeaders,
  givenProperties,
  givenStorageClass,
  propertyHeaders,
} from './object-properties.ts';
import type { ObjectRow } from './object-table.ts';
import { commitObject, discardFile, findObject } from './object-versions.ts';
import { noSuchBucket, notImplemented, S3Error } from './s3-error.ts';

/** Requests about an object. */
export const handleObject = async (exchange: Exchange): Promise<void> => {
  const { request, bucket, table } = exchange;
  allowQuery(exchange);
  if (!table.hasBucket(bucket)) throw noSuchBucket();
  switch (request.method) {
    case 'PUT':
      return headerOf(exchange, 'x-amz-copy-source') === ''
        ? putObject(exchange)
        : copyObject(exchange);
    case 'GET':
    case 'HEAD':
      return getObject(exchange);
    case 'DELETE':
      return deleteObject(exchange);
    default:
      throw notImplemented(`${request.method ?? 'This method'} of an object`);
  }
};

const putObject = async (exchange: Exchange): Promise<void> => {
  const { request, files, table, bucket, key, nowMs } = exchange;
  const { headers } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    throw new S3Error('MissingContentLength', 'Content-Length is missing.');
  const given = { ...givenProperties(exchange), storageClass: givenStorageClass(exchange) };
  const body = new CheckedBody(exchange);
  // Only to spare the body: what counts is the check at the commit.
  checkWriteCondition(exchange, table.find(bucket, key));
  inviteBody(exchange);
  const { file, sizeBytes } = await files.write(body.data());
  const row = await commitObject(exchange, file, () => ({
    ...given,
    ...body.check(),
    key,
    file,
    sizeBytes,
    etag: newEtag(),
    modifiedMs: nowMs(),
  }));
  answer(exchange, 200, { etag: row.etag, ...checksumHeaders(row) });
};

const getObject = async (exchange: Exchange): Promise<void> => {
  const { row, open } = await findObject(exchange, exchange.bucket, exchange.key, openWhole);
  try {
    checkMatch(headerOf(exchange, 'if-match'), row);
    const noneMatch = headerOf(exchange, 'if-none-match');
    if (noneMatch !== '' && matches(noneMatch, row.etag)) {
      const { etag, 'last-modified': modified = '' } = propertyHeaders(row);
      return answer(exchange, 304, { etag: etag ?? '', 'last-modified': modified });
    }
    await sendObject(exchange, row, open);
  } finally {
    await open.handle.close();
  }
};

/** The file of a row, unless it is gone or has not the row's size. */
const openWhole = async (row: ObjectRow, { files }: Exchange): Promise<OpenFile | null> => {
  const open = await files.open(row.file);
  if (open === null || open.sizeBytes === row.sizeBytes) return open;
  await open.handle.close();
  return null;
};

const sendObject = async (exchange: Exchange, row: ObjectRow, open: OpenFile): Promise<void> => {
  const { request, response } = exchange;
  const range = parseRange(headerOf(exchange, 'range'), row.sizeBytes);
  const { from, to } = range ?? { from: 0, to: row.sizeBytes };
  // The checksum is that of the whole object: with a range a client would compare it and fail.
  const withChecksum =
    range === null && headerOf(exchange, 'x-amz-checksum-mode').toUpperCase() === 'ENABLED';
  response.writeHead(range === null ? 200 : 206, {
    ...propertyHeaders(row),
    ...(withChecksum ? checksumHeaders(row) : {}),
    'content-length': to - from,
    ...(range === null ? {} : { 'content-range': `bytes ${from}-${to - 1}/${row.sizeBytes}` }),
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(readBytes(open, from, to), response);
};

/** `null` = the whole object. One range is served; several are refused by name. */
const parseRange = (header: string, sizeBytes: number): { from: number; to: number } | null => {
  if (header === '') return null;
  if (header.includes(',')) throw notImplemented('More than one range');
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const suffix = match[1] === '';
  // A range that ends before it begins is no range: like other nonsense, it is ignored.
  if (!suffix && match[2] !== '' && Number(match[2]) < Number(match[1])) return null;
  const from = suffix ? Math.max(0, sizeBytes - Number(match[2])) : Number(match[1]);
  const to = suffix || match[2] === '' ? sizeBytes : Math.min(sizeBytes, Number(match[2]) + 1);
  if (from >= to) throw new S3Error('InvalidRange', 'The requested range is not satisfiable.');
  return { from, to };
};

/** Row first, then file: a crash in between leaves bytes that nobody names. */
const deleteObject = async (exchange: Exchange): Promise<void> => {
  const { table, bucket, key } = exchange;
  const row = table.find(bucket, key);
  checkDeleteCondition(exchange, row);
  if (row !== null) {
    table.remove(bucket, key);
    await discardFile(exchange, row.file);
  }
  answer(exchange, 204);
};
