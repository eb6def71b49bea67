import { setTimeout as sleep } from 'node:timers/promises';
import { type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { HoldfastError } from '../../errors.ts';

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

/** What a request is about. */
export interface Target {
  client: S3Client;
  bucket: string;
  limits: typeof S3_LIMITS;
  key: string;
}

/** Ends a request that takes too long. */
export const deadline = ({ limits }: Target): AbortSignal => AbortSignal.timeout(limits.timeoutMs);

export const backOff = (limits: typeof S3_LIMITS, attempt: number): Promise<void> =>
  sleep(limits.backoffMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));

export const statusOf = (cause: unknown): number | undefined =>
  cause instanceof S3ServiceException ? cause.$metadata.httpStatusCode : undefined;

/** Only NoSuchKey is absence. 403 is not: a broken policy answers it for every key. */
export function translate(operation: string, key: string, cause: unknown): HoldfastError {
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
