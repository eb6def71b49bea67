import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { CheckedBody } from './body.ts';
import { allowQuery, answer, type Exchange, headerOf } from './exchange.ts';
import type { ObjectRow } from './object-table.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import { decode } from './sigv4.ts';
import { document, element } from './xml.ts';

/** Requests about an object. */
export const handleObject = async (exchange: Exchange): Promise<void> => {
  const { request, bucket, table } = exchange;
  allowQuery(exchange);
  if (!table.hasBucket(bucket))
    throw new S3Error('NoSuchBucket', 'The specified bucket does not exist.');
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
  const { request, payload, files, key, nowMs } = exchange;
  if (
    headerOf(exchange, 'content-length') === '' &&
    headerOf(exchange, 'transfer-encoding') === ''
  ) {
    throw new S3Error('MissingContentLength', 'Content-Length is missing.');
  }
  const body = new CheckedBody(request, payload);
  const { file, sizeBytes } = await files.write(body.data());
  const row: ObjectRow = {
    key,
    etag: newEtag(),
    sizeBytes,
    file,
    ...describe(exchange),
    crc32: null,
    sha256: null,
    modifiedMs: nowMs(),
  };
  await commit(exchange, file, () => ({ ...row, ...body.check() }));
  answer(exchange, 200, {
    etag: row.etag,
    ...checksumHeaders(exchange.table.find(exchange.bucket, key)),
  });
};

/**
 * Puts the row of a file that is durable. The condition is evaluated and the row written without
 * anything in between: of racing conditional writes exactly one wins.
 */
const commit = async (
  exchange: Exchange,
  file: string,
  makeRow: () => ObjectRow,
): Promise<void> => {
  const { table, files, bucket, key } = exchange;
  let replaced: ObjectRow | null;
  try {
    const row = makeRow();
    replaced = table.find(bucket, key);
    checkWriteCondition(exchange, replaced);
    if (!table.hasBucket(bucket))
      throw new S3Error('NoSuchBucket', 'The specified bucket does not exist.');
    table.put(bucket, row);
  } catch (error) {
    await files.discard(file);
    throw error;
  }
  if (replaced !== null) await files.discard(replaced.file);
};

const checkWriteCondition = (exchange: Exchange, current: ObjectRow | null): void => {
  const noneMatch = headerOf(exchange, 'if-none-match');
  if (noneMatch !== '' && noneMatch !== '*')
    throw notImplemented('If-None-Match with an ETag on a write');
  if (noneMatch === '*' && current !== null) throw preconditionFailed();
  const match = headerOf(exchange, 'if-match');
  if (match === '') return;
  if (current === null) throw noSuchKey();
  if (!matches(match, current.etag)) throw preconditionFailed();
};

const copyObject = async (exchange: Exchange): Promise<void> => {
  const { files, key, nowMs } = exchange;
  const source = copySource(exchange);
  const wanted = headerOf(exchange, 'x-amz-copy-source-if-match');
  if (wanted !== '' && !matches(wanted, source.etag)) throw preconditionFailed();
  const unwanted = headerOf(exchange, 'x-amz-copy-source-if-none-match');
  if (unwanted !== '' && matches(unwanted, source.etag)) throw preconditionFailed();
  for (const name of [
    'x-amz-copy-source-range',
    'x-amz-copy-source-if-modified-since',
    'x-amz-copy-source-if-unmodified-since',
  ]) {
    if (headerOf(exchange, name) !== '') throw notImplemented(`The header ${name}`);
  }
  const replace = headerOf(exchange, 'x-amz-metadata-directive') === 'REPLACE';
  const file = await files.copy(source.file);
  const row: ObjectRow = {
    ...source,
    ...(replace ? describe(exchange) : {}),
    key,
    file,
    etag: newEtag(),
    modifiedMs: nowMs(),
  };
  await commit(exchange, file, () => row);
  const modified = new Date(row.modifiedMs).toISOString();
  const parts = [element('ETag', row.etag), element('LastModified', modified)];
  answer(exchange, 200, {}, document('CopyObjectResult', parts));
};

const copySource = (exchange: Exchange): ObjectRow => {
  const source = decode(headerOf(exchange, 'x-amz-copy-source')).replace(/^\//, '');
  if (source.includes('?versionId=')) throw notImplemented('versionId of a copy source');
  const slash = source.indexOf('/');
  const [bucket, key] = [source.slice(0, slash), source.slice(slash + 1)];
  if (slash < 1 || key === '')
    throw new S3Error('InvalidArgument', 'x-amz-copy-source is malformed.');
  if (!exchange.table.hasBucket(bucket))
    throw new S3Error('NoSuchBucket', 'The bucket of the source does not exist.');
  const row = exchange.table.find(bucket, key);
  if (row === null) throw noSuchKey();
  return row;
};

const getObject = async (exchange: Exchange): Promise<void> => {
  const { request, response, files, table, bucket, key } = exchange;
  const row = table.find(bucket, key);
  if (row === null) throw noSuchKey();
  const match = headerOf(exchange, 'if-match');
  if (match !== '' && !matches(match, row.etag)) throw preconditionFailed();
  const noneMatch = headerOf(exchange, 'if-none-match');
  if (noneMatch !== '' && matches(noneMatch, row.etag))
    return answer(exchange, 304, { etag: row.etag });
  const range = parseRange(headerOf(exchange, 'range'), row.sizeBytes);
  const { from, to } = range ?? { from: 0, to: row.sizeBytes };
  const opened = await files.open(row.file);
  if (opened === null || opened.sizeBytes !== row.sizeBytes) {
    await opened?.handle.close();
    throw new S3Error('InternalError', 'The bytes of the object are damaged.');
  }
  const whole =
    range === null && headerOf(exchange, 'x-amz-checksum-mode').toUpperCase() === 'ENABLED';
  response.writeHead(range === null ? 200 : 206, {
    ...objectHeaders(row),
    ...(whole ? checksumHeaders(row) : {}),
    'content-length': to - from,
    ...(range === null ? {} : { 'content-range': `bytes ${from}-${to - 1}/${row.sizeBytes}` }),
  });
  if (request.method === 'HEAD' || from === to) {
    await opened.handle.close();
    response.end();
    return;
  }
  await pipeline(files.stream(opened.handle, from, to), response);
};

/** `null` = the whole object. One range is served; several are refused by name. */
const parseRange = (header: string, sizeBytes: number): { from: number; to: number } | null => {
  if (header === '') return null;
  if (header.includes(',')) throw notImplemented('More than one range');
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const suffix = match[1] === '';
  const from = suffix ? Math.max(0, sizeBytes - Number(match[2])) : Number(match[1]);
  const to = suffix || match[2] === '' ? sizeBytes : Math.min(sizeBytes, Number(match[2]) + 1);
  if (from >= to) throw new S3Error('InvalidRange', 'The requested range is not satisfiable.');
  return { from, to };
};

const deleteObject = async (exchange: Exchange): Promise<void> => {
  await removeObject(exchange, exchange.key);
  answer(exchange, 204);
};

/** Row first, then file: a crash in between leaves bytes that nobody names. */
export const removeObject = async (exchange: Exchange, key: string): Promise<void> => {
  const { table, files, bucket } = exchange;
  const row = table.find(bucket, key);
  const match = headerOf(exchange, 'if-match');
  if (match !== '') {
    if (row === null) throw noSuchKey();
    if (!matches(match, row.etag)) throw preconditionFailed();
  }
  if (row === null) return;
  table.remove(bucket, key);
  await files.discard(row.file);
};

/** What the client says of an object besides its bytes. */
const describe = (exchange: Exchange) => {
  const userMetadata = Object.fromEntries(
    Object.entries(exchange.request.headers).filter(([name]) => name.startsWith('x-amz-meta-')),
  );
  const encodings = headerOf(exchange, 'content-encoding')
    .split(',')
    .map((encoding) => encoding.trim())
    // How the body travelled is no property of the object.
    .filter((encoding) => encoding !== '' && encoding !== 'aws-chunked');
  return {
    contentType: headerOf(exchange, 'content-type') || 'application/octet-stream',
    contentEncoding: encodings.length === 0 ? null : encodings.join(', '),
    storageClass: headerOf(exchange, 'x-amz-storage-class') || null,
    userMetadata: JSON.stringify(userMetadata),
  };
};

const objectHeaders = (row: ObjectRow): Record<string, string> => ({
  ...(JSON.parse(row.userMetadata) as Record<string, string>),
  etag: row.etag,
  'content-type': row.contentType,
  'last-modified': new Date(row.modifiedMs).toUTCString(),
  'accept-ranges': 'bytes',
  ...(row.contentEncoding === null ? {} : { 'content-encoding': row.contentEncoding }),
  ...(row.storageClass === null || row.storageClass === 'STANDARD'
    ? {}
    : { 'x-amz-storage-class': row.storageClass }),
});

const checksumHeaders = (row: ObjectRow | null): Record<string, string> => ({
  ...(row?.crc32 ? { 'x-amz-checksum-crc32': row.crc32 } : {}),
  ...(row?.sha256 ? { 'x-amz-checksum-sha256': row.sha256 } : {}),
  ...(row?.crc32 || row?.sha256 ? { 'x-amz-checksum-type': 'FULL_OBJECT' } : {}),
});

/**
 * Opaque and new with every write. The suffix makes it look like that of a multipart upload, which
 * no client takes for an MD5: computing one would cost more than all else the server does.
 */
const newEtag = (): string => `"${randomBytes(16).toString('hex')}-1"`;

/** Compares an ETag condition, quoted or not, with an ETag. */
const matches = (condition: string, etag: string): boolean =>
  condition
    .split(',')
    .some(
      (one) => one.trim() === '*' || one.trim().replaceAll('"', '') === etag.replaceAll('"', ''),
    );

const preconditionFailed = (): S3Error =>
  new S3Error(
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold.',
  );

const noSuchKey = (): S3Error => new S3Error('NoSuchKey', 'The specified key does not exist.');
