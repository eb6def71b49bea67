import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { HoldfastError } from '../../errors.ts';
import type { ObjectStore, StoredObject } from '../../ports/object-store.ts';
import { deleteObjects, put, replace } from './s3-object-writes.ts';
import { backOff, deadline, S3_LIMITS, statusOf, type Target, translate } from './s3-requests.ts';

/**
 * How an S3 client is made. Every request ends: after 2 s without a connection, 30 s without an
 * answer, 15 s of silence within a body, and 4 attempts, with growing waits between them.
 *
 * @param endpoint of an S3 server that is not AWS; it is addressed path-style
 */
export const s3ClientOptions = (endpoint?: string): S3ClientConfig => ({
  ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  maxAttempts: 4,
  retryMode: 'standard',
  // We send SHA-256 checksums and seal what we store: no CRC-32 besides, in either direction.
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
  // With `Expect: 100-continue` the SDK opens a connection for every object.
  expectContinueHeader: false,
  requestHandler: {
    connectionTimeout: 2000,
    requestTimeout: 30_000,
    throwOnRequestTimeout: true,
    socketTimeout: 15_000,
    httpAgent: { keepAlive: true, maxSockets: 64 },
    httpsAgent: { keepAlive: true, maxSockets: 64 },
  },
});

/** Objects in a bucket of S3, or of a server that speaks its protocol. */
export const s3ObjectStore = (
  client: S3Client,
  bucket: string,
  limits = S3_LIMITS,
): ObjectStore => ({
  put: (key, bytes, sha256) => put({ client, bucket, limits, key }, bytes, sha256),
  replace: (key, bytes, etag, sha256) =>
    replace({ client, bucket, limits, key }, bytes, etag, sha256),
  delete: (keys) => deleteObjects({ client, bucket, limits }, [...keys]),
  get: async (key, room) => {
    const { bytes, etag } = await read({ client, bucket, limits, key }, {}, room);
    return { bytes, etag };
  },
  getRange: (key, from, to, etag) => getRange({ client, bucket, limits, key }, from, to, etag),
  getTail: (key, count) => getTail({ client, bucket, limits, key }, count),
  head: (key) => head({ client, bucket, limits, key }, {}),
  list: (prefix) => list({ client, bucket, limits, key: prefix }),
});

async function getRange(
  target: Target,
  from: number,
  to: number,
  etag?: string,
): Promise<StoredObject> {
  const condition = etag === undefined ? {} : { IfMatch: etag };
  if (from < to) {
    const Range = `bytes=${from}-${to - 1}`;
    const found = await read(target, { Range, ...condition });
    if (found.range) {
      const end = Math.min(to, found.range.sizeBytes);
      checkRange(target, found, from, end);
      return { bytes: found.bytes, etag: found.etag };
    }
  }
  // Nothing asked for, or nothing there so far behind: no bytes, but of a version that exists.
  return { bytes: new Uint8Array(0), etag: (await head(target, condition)).etag };
}

async function getTail(
  target: Target,
  count: number,
): Promise<StoredObject & { sizeBytes: number }> {
  if (count > 0) {
    const found = await read(target, { Range: `bytes=-${count}` });
    if (found.range) {
      const { sizeBytes } = found.range;
      checkRange(target, found, Math.max(0, sizeBytes - count), sizeBytes);
      return { bytes: found.bytes, etag: found.etag, sizeBytes };
    }
  }
  return { bytes: new Uint8Array(0), ...(await head(target, {})) };
}

async function head(
  target: Target,
  condition: { IfMatch?: string },
): Promise<{ sizeBytes: number; etag: string }> {
  const { client, bucket, key } = target;
  try {
    const { ContentLength, ETag } = await client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key, ...condition }),
      { abortSignal: deadline(target) },
    );
    return { sizeBytes: lengthOf(ContentLength), etag: ETag ?? '' };
  } catch (cause) {
    if (statusOf(cause) !== 404) throw translate('head', key, cause);
    await checkBucket(target);
    throw new HoldfastError('store.object-missing', { key }, { cause });
  }
}

/** A HEAD has no body to say which of the two is missing: absence is proven by the bucket's. */
async function checkBucket(target: Target): Promise<void> {
  const { client, bucket, key } = target;
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: deadline(target) });
  } catch (cause) {
    throw translate('head', key, cause);
  }
}

async function* list(target: Target): AsyncIterable<{ key: string; sizeBytes: number }> {
  const { client, bucket, limits, key: prefix } = target;
  let token: string | undefined;
  do {
    const page = await client
      .send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          MaxKeys: limits.pageKeysMax,
          ContinuationToken: token,
        }),
        { abortSignal: deadline(target) },
      )
      .catch((cause: unknown) => {
        throw translate('list', prefix, cause);
      });
    for (const { Key, Size } of page.Contents ?? []) {
      if (Key !== undefined) yield { key: Key, sizeBytes: Size ?? 0 };
    }
    if (page.IsTruncated && (!page.NextContinuationToken || page.NextContinuationToken === token)) {
      throw new HoldfastError('store.unavailable', { operation: 'list', key: prefix });
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token);
}

interface Found extends StoredObject {
  /** Which bytes of how many; `null` when none are there so far behind (416). */
  range: { from: number; to: number; sizeBytes: number } | null;
}

/** One GET; a body that breaks off is asked for again, as often as the limits allow. */
async function read(
  target: Target,
  input: { Range?: string; IfMatch?: string },
  room?: Uint8Array,
): Promise<Found> {
  const { client, bucket, limits, key } = target;
  for (let attempt = 1; ; attempt++) {
    const abortSignal = deadline(target);
    const answer = await client
      .send(new GetObjectCommand({ Bucket: bucket, Key: key, ...input }), { abortSignal })
      .catch((cause: unknown) => {
        if (input.Range !== undefined && statusOf(cause) === 416) return null;
        throw translate('get', key, cause);
      });
    if (answer === null) return { bytes: new Uint8Array(0), etag: '', range: null };
    const body = answer.Body as Readable;
    try {
      const length = lengthOf(answer.ContentLength);
      checkLength(key, length, limits.objectBytesMax);
      const range = parseRange(answer.ContentRange, length);
      return { bytes: await collect(body, length, room), etag: answer.ETag ?? '', range };
    } catch (cause) {
      body.destroy();
      if (cause instanceof HoldfastError) throw cause;
      if (attempt >= limits.attemptsMax) throw translate('get', key, cause);
    }
    await backOff(limits, attempt);
  }
}

/** The body in one buffer, `room` if it fits: no copy but the one into it. */
async function collect(body: Readable, length: number, room?: Uint8Array): Promise<Uint8Array> {
  const fits = room !== undefined && length <= room.length;
  const bytes = fits ? room.subarray(0, length) : Buffer.allocUnsafeSlow(length);
  let at = 0;
  // Events cost a fifth less than `for await`, which takes a turn of the loop for each 64 KiB.
  body.on('data', (chunk: Uint8Array) => {
    if (at + chunk.length <= length) bytes.set(chunk, at);
    at += chunk.length;
  });
  await finished(body);
  if (at !== length) throw new RangeError(`${at} bytes, not the ${length} announced`);
  return bytes;
}

/** `bytes 0-9/100`; an answer without it holds the whole object. */
function parseRange(text: string | undefined, length: number): NonNullable<Found['range']> {
  if (text === undefined) return { from: 0, to: length, sizeBytes: length };
  const [, from, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(last) + 1, sizeBytes: Number(size) };
  if (range.to - range.from !== length) throw new RangeError(`${length} bytes as ${text}`);
  return range;
}

function checkRange(target: Target, { range }: Found, from: number, to: number): void {
  if (range?.from === from && range.to === to) return;
  const cause = new RangeError(`asked for ${from} to ${to}, got ${range?.from} to ${range?.to}`);
  throw new HoldfastError('store.unavailable', { operation: 'get', key: target.key }, { cause });
}

function checkLength(key: string, length: number, max: number): void {
  if (length <= max) return;
  const reason = `it has ${length} bytes, more than any object that is written`;
  throw new HoldfastError('format.malformed', { what: `object ${key}`, reason });
}

function lengthOf(contentLength: number | undefined): number {
  if (contentLength === undefined) throw new RangeError('an answer without a length');
  return contentLength;
}
