import { allowQuery, answer, type Exchange } from './exchange.ts';
import type { ObjectRow } from './object-table.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import { document, element, listedKey } from './xml.ts';

/** S3 lists no more at once, whatever `max-keys` says. */
const PAGE_MAX = 1000;

interface Listing {
  prefix: string;
  /** Keys that have it behind the prefix are rolled up; empty for none. */
  delimiter: string;
  maxKeys: number;
  urlEncoded: boolean;
}

interface Page {
  objects: ObjectRow[];
  prefixes: string[];
  /** The first key of the next page, which need not exist; `null` when this is the last one. */
  next: string | null;
}

/** ListObjectsV2. */
export const listObjects = (exchange: Exchange): void => {
  const { query, bucket } = exchange;
  allowQuery(
    exchange,
    'list-type',
    'prefix',
    'delimiter',
    'start-after',
    'continuation-token',
    'max-keys',
    'encoding-type',
  );
  if (query.get('list-type') !== '2') throw notImplemented('ListObjects, without list-type=2,');
  const listing = parseListing(query);
  const token = query.get('continuation-token');
  const after = query.get('start-after');
  const page = collectPage(exchange, listing, startOf(token, after));
  const { prefix, delimiter, maxKeys, urlEncoded } = listing;
  const parts = [
    element('Name', bucket),
    listedKey('Prefix', prefix, urlEncoded),
    ...(delimiter === '' ? [] : [listedKey('Delimiter', delimiter, urlEncoded)]),
    ...(token === undefined ? [] : [element('ContinuationToken', token)]),
    ...(after === undefined ? [] : [listedKey('StartAfter', after, urlEncoded)]),
    ...(urlEncoded ? [element('EncodingType', 'url')] : []),
    element('KeyCount', page.objects.length + page.prefixes.length),
    element('MaxKeys', maxKeys),
    element('IsTruncated', page.next !== null),
    ...(page.next === null ? [] : [element('NextContinuationToken', toToken(page.next))]),
    ...page.objects.map((row) => contents(row, urlEncoded)),
    ...page.prefixes.map(
      (common) => `<CommonPrefixes>${listedKey('Prefix', common, urlEncoded)}</CommonPrefixes>`,
    ),
  ];
  answer(exchange, 200, {}, document('ListBucketResult', parts));
};

const parseListing = (query: Map<string, string>): Listing => {
  const encoding = query.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url')
    throw new S3Error('InvalidArgument', 'encoding-type can only be url.');
  const maxKeys = query.get('max-keys') ?? String(PAGE_MAX);
  if (!/^\d{1,9}$/.test(maxKeys)) throw new S3Error('InvalidArgument', 'max-keys is no number.');
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    maxKeys: Math.min(PAGE_MAX, Number(maxKeys)),
    urlEncoded: encoding === 'url',
  };
};

/** A listing that goes on ignores `start-after`, as S3 does. */
const startOf = (token: string | undefined, after: string | undefined): string => {
  if (token !== undefined) return parseToken(token);
  return after === undefined ? '' : keyBehind(after);
};

const collectPage = (exchange: Exchange, listing: Listing, start: string): Page => {
  const page: Page = { objects: [], prefixes: [], next: null };
  if (listing.maxKeys === 0) return page;
  for (let from: string | null = start; from !== null; )
    from = collectRun(exchange, listing, from, page);
  return page;
};

/** Adds objects up to a common prefix, and it; returns the first key behind it, if any can be. */
const collectRun = (
  { table, bucket }: Exchange,
  { prefix, delimiter, maxKeys }: Listing,
  start: string,
  page: Page,
): string | null => {
  let from = start;
  for (const row of table.scan(bucket, prefix, start)) {
    if (page.objects.length + page.prefixes.length >= maxKeys) {
      page.next = from;
      return null;
    }
    const end = delimiter === '' ? -1 : row.key.indexOf(delimiter, prefix.length);
    if (end >= 0) {
      const common = row.key.slice(0, end + delimiter.length);
      page.prefixes.push(common);
      return keyBehindPrefix(common);
    }
    page.objects.push(row);
    from = keyBehind(row.key);
  }
  return null;
};

/** The first key, by bytes, behind another. */
const keyBehind = (key: string): string => `${key}\0`;

/** The first key, by bytes, behind all that begin with `prefix`; `null` when there can be none. */
const keyBehindPrefix = (prefix: string): string | null => {
  const points = Array.from(prefix);
  for (;;) {
    const last = points.pop()?.codePointAt(0);
    if (last === undefined) return null;
    // Surrogates are no characters: the one after U+D7FF is U+E000.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    if (next <= 0x10ffff) return points.join('') + String.fromCodePoint(next);
  }
};

const toToken = (from: string): string => Buffer.from(`1${from}`).toString('base64url');

const parseToken = (token: string): string => {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('1') || toToken(text.slice(1)) !== token)
    throw new S3Error('InvalidArgument', 'The continuation token is not one of ours.');
  return text.slice(1);
};

const contents = (row: ObjectRow, urlEncoded: boolean): string =>
  [
    '<Contents>',
    listedKey('Key', row.key, urlEncoded),
    element('LastModified', new Date(row.modifiedMs).toISOString()),
    element('ETag', row.etag),
    element('Size', row.sizeBytes),
    element('StorageClass', row.storageClass ?? 'STANDARD'),
    '</Contents>',
  ].join('');
