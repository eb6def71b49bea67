import { CheckedBody } from './body.ts';
import { allowQuery, answer, type Exchange, headerOf } from './exchange.ts';
import { removeObject } from './object-operations.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import { contentsOf, document, element, listedKey, unescapeXml } from './xml.ts';

const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PAGE_MAX = 1000;
/** A batch of 1,000 keys of 1,024 bytes, escaped, with room to spare. */
const BATCH_BYTES_MAX = 8 * 2 ** 20;

/** Requests about the account or a bucket. */
export const handleBucket = async (exchange: Exchange): Promise<void> => {
  const { request, bucket, query, table } = exchange;
  const method = request.method ?? '';
  if (bucket === '') return listBuckets(exchange);
  if (method === 'PUT') return createBucket(exchange);
  if (!table.hasBucket(bucket))
    throw new S3Error('NoSuchBucket', 'The specified bucket does not exist.');
  if (method === 'POST' && query.has('delete')) return deleteObjects(exchange);
  if (method === 'GET' && query.has('location')) return location(exchange);
  if (method === 'GET') return listObjects(exchange);
  allowQuery(exchange);
  if (method === 'HEAD') return answer(exchange, 200, { 'x-amz-bucket-region': 'eu-west-1' });
  if (method === 'DELETE') return deleteBucket(exchange);
  throw notImplemented(`${method} of a bucket`);
};

const listBuckets = (exchange: Exchange): void => {
  if (exchange.request.method !== 'GET')
    throw new S3Error('MethodNotAllowed', 'The account can only be listed.');
  allowQuery(exchange);
  const buckets = exchange.table
    .buckets()
    .map(
      ({ name, createdMs }) =>
        `<Bucket>${element('Name', name)}${element('CreationDate', new Date(createdMs).toISOString())}</Bucket>`,
    );
  answer(
    exchange,
    200,
    {},
    document('ListAllMyBucketsResult', [`<Buckets>${buckets.join('')}</Buckets>`]),
  );
};

const createBucket = async (exchange: Exchange): Promise<void> => {
  const { bucket, table, nowMs } = exchange;
  allowQuery(exchange);
  await readSmallBody(exchange);
  if (!BUCKET_NAME.test(bucket))
    throw new S3Error('InvalidBucketName', 'The name of the bucket is not valid.');
  if (table.hasBucket(bucket))
    throw new S3Error('BucketAlreadyOwnedByYou', 'The bucket exists and is yours.');
  table.addBucket(bucket, nowMs());
  answer(exchange, 200, { location: `/${bucket}` });
};

const deleteBucket = (exchange: Exchange): void => {
  const { bucket, table } = exchange;
  if (table.page(bucket, '', '', false, 1).length > 0)
    throw new S3Error('BucketNotEmpty', 'The bucket is not empty.');
  table.removeBucket(bucket);
  answer(exchange, 204);
};

const location = (exchange: Exchange): void => {
  allowQuery(exchange, 'location');
  answer(exchange, 200, {}, document('LocationConstraint', ['eu-west-1']));
};

interface Page {
  contents: string[];
  prefixes: string[];
  next: string | null;
}

/** ListObjectsV2. The token is where to go on; what it names need not exist. */
const listObjects = (exchange: Exchange): void => {
  const { query, bucket } = exchange;
  if (query.get('list-type') !== '2') {
    allowQuery(exchange, 'prefix', 'delimiter', 'marker', 'max-keys', 'encoding-type');
    throw notImplemented('ListObjects, version 1 of the listing,');
  }
  allowQuery(
    exchange,
    'list-type',
    'prefix',
    'delimiter',
    'start-after',
    'continuation-token',
    'max-keys',
    'encoding-type',
    'fetch-owner',
  );
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const maxKeys = Math.min(PAGE_MAX, parseCount(query.get('max-keys') ?? String(PAGE_MAX)));
  const urlEncoded = query.get('encoding-type') === 'url';
  const token = query.get('continuation-token');
  const start =
    token === undefined ? { from: query.get('start-after') ?? '', after: true } : parseToken(token);
  const page = collectPage(exchange, { prefix, delimiter, maxKeys, urlEncoded }, start);
  const parts = [
    element('Name', bucket),
    listedKey('Prefix', prefix, urlEncoded),
    ...(delimiter === '' ? [] : [listedKey('Delimiter', delimiter, urlEncoded)]),
    ...(token === undefined ? [] : [element('ContinuationToken', token)]),
    ...(query.has('start-after')
      ? [listedKey('StartAfter', query.get('start-after') ?? '', urlEncoded)]
      : []),
    ...(urlEncoded ? [element('EncodingType', 'url')] : []),
    element('KeyCount', page.contents.length + page.prefixes.length),
    element('MaxKeys', maxKeys),
    element('IsTruncated', page.next !== null),
    ...(page.next === null ? [] : [element('NextContinuationToken', page.next)]),
    ...page.contents,
    ...page.prefixes,
  ];
  answer(exchange, 200, {}, document('ListBucketResult', parts));
};

const collectPage = (
  { table, bucket }: Exchange,
  {
    prefix,
    delimiter,
    maxKeys,
    urlEncoded,
  }: { prefix: string; delimiter: string; maxKeys: number; urlEncoded: boolean },
  start: { from: string; after: boolean },
): Page => {
  const page: Page = { contents: [], prefixes: [], next: null };
  let at = start;
  for (;;) {
    const rows = table.page(bucket, prefix, at.from, at.after, PAGE_MAX);
    if (rows.length === 0) return page;
    let skipped = false;
    for (const row of rows) {
      if (page.contents.length + page.prefixes.length >= maxKeys)
        return { ...page, next: toToken(at) };
      const end = delimiter === '' ? -1 : row.key.indexOf(delimiter, prefix.length);
      if (end >= 0) {
        const common = row.key.slice(0, end + delimiter.length);
        page.prefixes.push(
          `<CommonPrefixes>${listedKey('Prefix', common, urlEncoded)}</CommonPrefixes>`,
        );
        at = { from: successor(common), after: false };
        skipped = true;
        break;
      }
      page.contents.push(contents(row, urlEncoded));
      at = { from: row.key, after: true };
    }
    if (!skipped && rows.length < PAGE_MAX) return page;
  }
};

const contents = (
  row: {
    key: string;
    modifiedMs: number;
    etag: string;
    sizeBytes: number;
    storageClass: string | null;
  },
  urlEncoded: boolean,
): string =>
  [
    '<Contents>',
    listedKey('Key', row.key, urlEncoded),
    element('LastModified', new Date(row.modifiedMs).toISOString()),
    element('ETag', row.etag),
    element('Size', row.sizeBytes),
    element('StorageClass', row.storageClass ?? 'STANDARD'),
    '</Contents>',
  ].join('');

/** The first text, by code points, that does not begin with `text`. */
const successor = (text: string): string => {
  const points = Array.from(text);
  const last = points.pop()?.codePointAt(0) ?? 0;
  // Surrogates are no characters: the one after U+D7FF is U+E000.
  const next = last === 0xd7ff ? 0xe000 : last + 1;
  return points.join('') + String.fromCodePoint(Math.min(next, 0x10ffff));
};

const toToken = ({ from, after }: { from: string; after: boolean }): string =>
  Buffer.from(`${after ? '>' : '='}${from}`).toString('base64url');

const parseToken = (token: string): { from: string; after: boolean } => {
  const text = Buffer.from(token, 'base64url').toString();
  if (!/^[>=]/.test(text))
    throw new S3Error('InvalidArgument', 'The continuation token is not one of ours.');
  return { from: text.slice(1), after: text.startsWith('>') };
};

const parseCount = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new S3Error('InvalidArgument', 'max-keys is not a number.');
  return Number(text);
};

const deleteObjects = async (exchange: Exchange): Promise<void> => {
  allowQuery(exchange, 'delete');
  const xml = await readSmallBody(exchange);
  const objects = contentsOf(xml, 'Object');
  if (
    objects === null ||
    objects.length === 0 ||
    objects.length > PAGE_MAX ||
    !xml.includes('<Delete')
  ) {
    throw new S3Error('MalformedXML', 'A batch names 1 to 1000 objects.');
  }
  const quiet = contentsOf(xml, 'Quiet')?.[0] === 'true';
  const results: string[] = [];
  for (const object of objects) {
    const key = contentsOf(object, 'Key')?.[0];
    if (key === undefined) throw new S3Error('MalformedXML', 'An object of the batch has no key.');
    if (contentsOf(object, 'VersionId')?.length)
      throw notImplemented('VersionId in a batch delete');
    if (contentsOf(object, 'ETag')?.length) throw notImplemented('ETag in a batch delete');
    await removeObject(exchange, unescapeXml(key));
    if (!quiet) results.push(`<Deleted>${element('Key', unescapeXml(key))}</Deleted>`);
  }
  answer(exchange, 200, {}, document('DeleteResult', results));
};

/** A small checked request document. */
const readSmallBody = async (exchange: Exchange): Promise<string> => {
  if (Number(headerOf(exchange, 'content-length')) > BATCH_BYTES_MAX) {
    throw new S3Error('EntityTooLarge', 'The request document is too large.');
  }
  const body = new CheckedBody(exchange.request, exchange.payload);
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of body.data()) {
    sizeBytes += part.length;
    if (sizeBytes > BATCH_BYTES_MAX)
      throw new S3Error('EntityTooLarge', 'The request document is too large.');
    parts.push(part);
  }
  body.check();
  return Buffer.concat(parts).toString();
};
