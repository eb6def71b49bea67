import { randomBytes } from 'node:crypto';
import { type Exchange, headerOf } from './exchange.ts';
import { noSuchKey, notImplemented, S3Error } from './s3-error.ts';

/**
 * Opaque and new with every write. The suffix makes it look like that of a multipart upload, which
 * no client takes for an MD5: computing one would cost more than all else the server does.
 */
export const newEtag = (): string => `"${randomBytes(16).toString('hex')}-1"`;

/** What a condition is evaluated against; `null` when the key holds nothing. */
type Current = { etag: string } | null;

/** Conditions of a PUT: `If-None-Match: *` and `If-Match`, of which S3 takes one at a time. */
export const checkWriteCondition = (exchange: Exchange, current: Current): void => {
  const noneMatch = headerOf(exchange, 'if-none-match');
  const match = headerOf(exchange, 'if-match');
  if (noneMatch !== '' && (noneMatch !== '*' || match !== ''))
    throw notImplemented('If-None-Match with anything but * on a write');
  if (noneMatch === '*' && current !== null) throw preconditionFailed();
  checkMatch(match, current);
};

/** Condition of a DELETE. */
export const checkDeleteCondition = (exchange: Exchange, current: Current): void => {
  if (headerOf(exchange, 'if-none-match') !== '') throw notImplemented('If-None-Match of a delete');
  checkMatch(headerOf(exchange, 'if-match'), current);
};

/** Throws unless the ETag is what `condition` says; an empty condition is none. */
export const checkMatch = (condition: string, current: Current): void => {
  if (condition === '') return;
  if (current === null) throw noSuchKey();
  if (!matches(condition, current.etag)) throw preconditionFailed();
};

/** Compares an ETag condition, quoted or not, with an ETag. */
export const matches = (condition: string, etag: string): boolean =>
  condition
    .split(',')
    .some(
      (one) => one.trim() === '*' || one.trim().replaceAll('"', '') === etag.replaceAll('"', ''),
    );

export const preconditionFailed = (): S3Error =>
  new S3Error(
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold.',
  );
