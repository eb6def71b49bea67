import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { HoldfastError } from '../../errors.ts';
import type { ObjectStore, StoredObject } from '../../ports/object-store.ts';

/** Limits are arguments, so that a test crosses them in no time. */
export const S3_LIMITS = {
  /** Tries of what the SDK does not retry: an answer cut off in its body, a conflict of writers. */
  attemptsMax: 5,
  /** Wait before the second try; doubled for each next one, with jitter. */
  backoffMs: 100,
  /** For one request with the SDK's retries, its body included. */
  timeoutMs: 120_000,
  /** Larger objects are none of ours (a pack has at most 128 MiB): not read into memory. */
  objectBytesMax: 256 * 2 ** 20,
  /** Keys of one answer to a list; S3 gives no more. */
  pageKeysMax: 1000,
};

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
  get: async (key, room) => {
    const { bytes, etag } = await read({ client, bucket, limits, key }, {}, room);
    return { bytes, etag };
  },
  getRange: (key, from, to, etag) => getRange({ client, bucket, limits, key }, from, to, etag),
  getTail: (key, count) => getTail({ client, bucket, limits, key }, count),
  head: (key) => head({ client, bucket, limits, key }, {}),
  list: (prefix) => list({ client, bucket, limits, key: prefix }),
});

interface Target {
  client: S3Client;
  bucket: string;
  limits: typeof S3_LIMITS;
  key: string;
}

/**
 * Writes once. An answer that is lost, a conflict, and a 412 that the SDK's own retry met are all
 * settled the same way: by looking at what is stored.
 */
async function put(target: Target, bytes: Uint8Array, given?: Uint8Array): Promise<void> {
  const { key, limits } = target;
  const sha256 = Buffer.from(given ?? hash('sha256', bytes, 'buffer'));
  for (let attempt = 1; ; attempt++) {
    const cause = await tryToPut(target, bytes, sha256);
    if (cause === null) return;
    const failure = translate('put', key, cause);
    if (failure.code === 'store.denied') throw failure;
    const conflict = statusOf(cause) === 409;
    const exists = statusOf(cause) === 412;
    const stored = conflict ? null : await storedChecksum(target, exists ? undefined : failure);
    if (stored === sha256.toString('base64')) return;
    if (stored !== null) throw new HoldfastError('store.object-exists', { key }, { cause });
    if (!(conflict || exists) || attempt >= limits.attemptsMax) {
      throw new HoldfastError('store.unavailable', { operation: 'put', key }, { cause });
    }
    await backOff(limits, attempt);
  }
}

/** One put of the SDK, which retries it; `null` = stored, else what it failed with. */
async function tryToPut(target: Target, bytes: Uint8Array, sha256: Buffer): Promise<unknown> {
  const command = new PutObjectCommand({
    Bucket: target.bucket,
    Key: target.key,
    Body: bytes,
    ContentLength: bytes.length,
    ChecksumSHA256: sha256.toString('base64'),
    IfNoneMatch: '*',
  });
  // The signature needs the same digest. It takes one that is there instead of hashing the body.
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = sha256.toString('hex');
      return next(args);
    },
    { step: 'build', name: 'knownContentSha256' },
  );
  try {
    await target.client.send(command, { abortSignal: deadline(target) });
    return null;
  } catch (cause) {
    return cause;
  }
}

/**
 * The SHA-256 of what is stored, in base64; empty when it was stored without one (not by us);
 * `null` when nothing is there. `orElse` is thrown when that cannot be told.
 */
async function storedChecksum(target: Target, orElse?: HoldfastError): Promise<string | null> {
  try {
    const { ChecksumSHA256 } = await target.client.send(
      new HeadObjectCommand({ Bucket: target.bucket, Key: target.key, ChecksumMode: 'ENABLED' }),
      { abortSignal: deadline(target) },
    );
    return ChecksumSHA256 ?? '';
  } catch (cause) {
    // Whether key or bucket is missing cannot be told here: the put that follows will say.
    if (statusOf(cause) === 404) return null;
    throw orElse ?? translate('head', target.key, cause);
  }
}

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

const deadline = ({ limits }: Target): AbortSignal => AbortSignal.timeout(limits.timeoutMs);

const backOff = (limits: typeof S3_LIMITS, attempt: number): Promise<void> =>
  sleep(limits.backoffMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));

const statusOf = (cause: unknown): number | undefined =>
  cause instanceof S3ServiceException ? cause.$metadata.httpStatusCode : undefined;

/** Only NoSuchKey is absence. 403 is not: a broken policy answers it for every key. */
function translate(operation: string, key: string, cause: unknown): HoldfastError {
  const status = statusOf(cause);
  if (cause instanceof S3ServiceException && cause.name === 'NoSuchKey') {
    return new HoldfastError('store.object-missing', { key }, { cause });
  }
  if (status === 401 || status === 403) {
    return new HoldfastError('store.denied', { operation, key }, { cause });
  }
  if (status === 412 && operation !== 'put') {
    return new HoldfastError('store.object-changed', { key }, { cause });
  }
  return new HoldfastError('store.unavailable', { operation, key }, { cause });
}
