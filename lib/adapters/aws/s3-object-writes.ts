import { hash } from 'node:crypto';
import {
  DeleteObjectsCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type _Error as S3Error,
} from '@aws-sdk/client-s3';
import { HoldfastError } from '../../errors.ts';
import { backOff, deadline, statusOf, type Target, translate } from './s3-requests.ts';

/**
 * Writes once. An answer that is lost, a conflict, and a 412 that the SDK's own retry met are all
 * settled the same way: by looking at what is stored.
 */
export async function put(target: Target, bytes: Uint8Array, given?: Uint8Array): Promise<void> {
  const { key, limits } = target;
  const sha256 = Buffer.from(given ?? hash('sha256', bytes, 'buffer'));
  for (let attempt = 1; ; attempt++) {
    const cause = await tryToPut(target, bytes, sha256, { IfNoneMatch: '*' });
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

/**
 * Replaces one version. Settled like `put`: whatever the answer was, equal bytes there now are a
 * success, since nobody else writes the very same ones (they are sealed with a salt of their own).
 */
export async function replace(
  target: Target,
  bytes: Uint8Array,
  etag: string,
  given?: Uint8Array,
): Promise<void> {
  const { key, limits } = target;
  const sha256 = Buffer.from(given ?? hash('sha256', bytes, 'buffer'));
  for (let attempt = 1; ; attempt++) {
    const cause = await tryToPut(target, bytes, sha256, { IfMatch: etag });
    if (cause === null) return;
    const failure = translate('replace', key, cause);
    if (failure.code === 'store.denied') throw failure;
    const stored = await storedChecksum(target, failure);
    if (stored === sha256.toString('base64')) return;
    const isGone = failure.code === 'store.object-missing';
    if (isGone || failure.code === 'store.object-changed') {
      throw new HoldfastError('store.object-changed', { key }, { cause });
    }
    if (statusOf(cause) !== 409 || attempt >= limits.attemptsMax) throw failure;
    await backOff(limits, attempt);
  }
}

/** Keys of one request; S3 takes no more. */
const DELETED_KEYS_MAX = 1000;

/** Deletes page by page. All of them are tried; then the first failure is thrown. */
export async function deleteObjects(
  bucket: Omit<Target, 'key'>,
  keys: readonly string[],
): Promise<void> {
  let first: HoldfastError | null = null;
  for (let from = 0; from < keys.length; from += DELETED_KEYS_MAX) {
    const failure = await deletePage(bucket, keys.slice(from, from + DELETED_KEYS_MAX));
    first ??= failure;
  }
  if (first) throw first;
}

/** One page, what failed of it again; `null` = nothing is left, else why something is. */
async function deletePage(
  bucket: Omit<Target, 'key'>,
  keys: readonly string[],
): Promise<HoldfastError | null> {
  let left = keys;
  for (let attempt = 1; ; attempt++) {
    const target = { ...bucket, key: left[0] ?? '' };
    const { failed, failure } = await tryToDelete(target, left);
    if (failure === null || failed.length === 0) return failure;
    if (failure.code === 'store.denied' || attempt >= bucket.limits.attemptsMax) return failure;
    left = failed;
    await backOff(bucket.limits, attempt);
  }
}

/** One request of the SDK, which retries it as a whole. */
async function tryToDelete(
  target: Target,
  keys: readonly string[],
): Promise<{ failed: string[]; failure: HoldfastError | null }> {
  const Objects = keys.map((Key) => ({ Key }));
  const command = new DeleteObjectsCommand({
    Bucket: target.bucket,
    Delete: { Objects, Quiet: true },
  });
  try {
    const { Errors = [] } = await target.client.send(command, { abortSignal: deadline(target) });
    return { failed: Errors.map(({ Key = '' }) => Key), failure: refusalOf(target, Errors) };
  } catch (cause) {
    return { failed: [], failure: translate('delete', target.key, cause) };
  }
}

/** Keys may fail each for itself; one that is denied counts more than one that S3 could not do. */
const refusalOf = (target: Target, errors: S3Error[]): HoldfastError | null => {
  const isDenied = ({ Code }: S3Error) => Code === 'AccessDenied';
  const worst = errors.find(isDenied) ?? errors[0];
  if (worst === undefined) return null;
  const code = isDenied(worst) ? 'store.denied' : 'store.unavailable';
  return new HoldfastError(code, { operation: 'delete', key: worst.Key ?? target.key });
};

/** One put of the SDK, which retries it; `null` = stored, else what it failed with. */
async function tryToPut(
  target: Target,
  bytes: Uint8Array,
  sha256: Buffer,
  condition: { IfNoneMatch: '*' } | { IfMatch: string },
): Promise<unknown> {
  const command = new PutObjectCommand({
    Bucket: target.bucket,
    Key: target.key,
    Body: bytes,
    ContentLength: bytes.length,
    ChecksumSHA256: sha256.toString('base64'),
    ...condition,
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
