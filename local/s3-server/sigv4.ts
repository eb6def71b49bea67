import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Error } from './s3-error.ts';
import { decode, encode, splitOnce, splitTarget } from './uri.ts';

/** Access key id -> secret access key. */
export type Credentials = Readonly<Record<string, string>>;

/** What the signature says about the body. */
export interface SignedPayload {
  /** `x-amz-content-sha256`, or UNSIGNED-PAYLOAD of a presigned URL. */
  hash: string;
  /** What the signatures of chunks continue from. */
  seed: { signature: string; key: Buffer; date: string; scope: string };
}

/** The parts of a request that a signature covers. */
export type SignedRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders'>;

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SKEW_MS = 15 * 60_000;
const PRESIGNED_SECONDS_MAX = 7 * 86_400;
export const EMPTY_SHA256 = createHash('sha256').digest('hex');

interface Claim {
  accessKeyId: string;
  date: string;
  /** Day, region, service and `aws4_request`, joined by slashes. */
  scope: string;
  signedHeaders: string[];
  signature: string;
  payloadHash: string;
  /** How long a presigned URL is valid; `null` when the signature is in a header. */
  expiresSeconds: number | null;
}

/**
 * Verifies the request's Signature Version 4, in the Authorization header or in a presigned URL.
 * The canonical request is S3's: the path is encoded once, dot segments stay. Throws
 * `AccessDenied`, `InvalidAccessKeyId`, `RequestTimeTooSkewed`, `SignatureDoesNotMatch`, and for
 * what cannot be read `AuthorizationHeaderMalformed` or `AuthorizationQueryParametersError`.
 */
export const verifySignature = (
  request: SignedRequest,
  credentials: Credentials,
  nowMs: number,
): SignedPayload => {
  const target = splitTarget(request.url ?? '');
  const claim = target.query.some(([name]) => name === 'X-Amz-Signature')
    ? presignedClaim(target.query, request)
    : headerClaim(request);
  const secret = Object.hasOwn(credentials, claim.accessKeyId)
    ? credentials[claim.accessKeyId]
    : undefined;
  if (secret === undefined)
    throw new S3Error('InvalidAccessKeyId', 'The access key id does not exist.');
  checkTime(claim, nowMs);
  checkSignedHeaders(request, claim);
  const { date, scope, signature, payloadHash } = claim;
  const canonical = sha256(canonicalRequest(request, target, claim));
  const key = signingKey(secret, scope);
  const expected = hmac(key, [ALGORITHM, date, scope, canonical].join('\n')).toString('hex');
  if (!sameText(expected, signature)) {
    throw new S3Error('SignatureDoesNotMatch', 'The signature does not match the request.');
  }
  return { hash: payloadHash, seed: { signature, key, date, scope } };
};

const headerClaim = ({ headers }: SignedRequest): Claim => {
  const { authorization } = headers;
  if (authorization === undefined) throw new S3Error('AccessDenied', 'The request is not signed.');
  const [algorithm, rest] = splitOnce(authorization, ' ');
  if (algorithm !== ALGORITHM)
    throw new S3Error('InvalidRequest', `Only ${ALGORITHM} is understood.`);
  const parts = new Map(rest.split(',').map((part) => splitOnce(part.trim(), '=')));
  const credential = parseCredential(parts.get('Credential') ?? '');
  if (credential === null) {
    throw new S3Error('AuthorizationHeaderMalformed', 'The Authorization header is malformed.');
  }
  const payloadHash = text(headers['x-amz-content-sha256']);
  if (payloadHash === '') throw new S3Error('InvalidRequest', 'x-amz-content-sha256 is missing.');
  return {
    ...credential,
    date: text(headers['x-amz-date']),
    signedHeaders: (parts.get('SignedHeaders') ?? '').split(';'),
    signature: parts.get('Signature') ?? '',
    payloadHash,
    expiresSeconds: null,
  };
};

const presignedClaim = (query: [string, string][], { headers }: SignedRequest): Claim => {
  const value = (name: string) => query.find(([key]) => key === name)?.[1] ?? '';
  const credential = parseCredential(value('X-Amz-Credential'));
  const expires = value('X-Amz-Expires');
  if (value('X-Amz-Algorithm') !== ALGORITHM || credential === null || !/^\d{1,9}$/.test(expires)) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      `X-Amz-Algorithm is not ${ALGORITHM}, or X-Amz-Credential or X-Amz-Expires is malformed.`,
    );
  }
  return {
    ...credential,
    date: value('X-Amz-Date'),
    signedHeaders: value('X-Amz-SignedHeaders').split(';'),
    signature: value('X-Amz-Signature'),
    payloadHash:
      value('X-Amz-Content-Sha256') || text(headers['x-amz-content-sha256']) || 'UNSIGNED-PAYLOAD',
    expiresSeconds: Number(expires),
  };
};

/** Any region will do: one server stands for all of them. */
const parseCredential = (credential: string): Pick<Claim, 'accessKeyId' | 'scope'> | null => {
  const match = /^([^/]+)\/(\d{8}\/[a-z0-9-]+\/s3\/aws4_request)$/.exec(credential);
  return match === null ? null : { accessKeyId: match[1] ?? '', scope: match[2] ?? '' };
};

const checkTime = ({ date, scope, expiresSeconds }: Claim, nowMs: number): void => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (match === null || !scope.startsWith(date.slice(0, 8))) {
    throw new S3Error('AccessDenied', 'The date of the signature is malformed.');
  }
  const [, year, month, day, hour, minute, second] = match;
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (expiresSeconds === null) {
    if (!(Math.abs(nowMs - signedMs) <= SKEW_MS)) {
      throw new S3Error('RequestTimeTooSkewed', 'The request is signed too long ago or for later.');
    }
    return;
  }
  if (expiresSeconds < 1 || expiresSeconds > PRESIGNED_SECONDS_MAX) {
    throw new S3Error('AuthorizationQueryParametersError', 'X-Amz-Expires is out of range.');
  }
  if (!(nowMs <= signedMs + expiresSeconds * 1000 && signedMs <= nowMs + SKEW_MS)) {
    throw new S3Error('AccessDenied', 'The request has expired, or is signed for later.');
  }
};

/** An unsigned `x-amz-` header could be added by anybody who sees the request. */
const checkSignedHeaders = ({ headers }: SignedRequest, { signedHeaders }: Claim): void => {
  const unsigned = Object.keys(headers).filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !signedHeaders.includes(name),
  );
  if (unsigned.length > 0)
    throw new S3Error('AccessDenied', `There are headers that are not signed: ${unsigned.join()}.`);
};

const canonicalRequest = (
  { method = '', rawHeaders }: SignedRequest,
  { path, query }: ReturnType<typeof splitTarget>,
  { signedHeaders, payloadHash }: Claim,
): string => {
  const pairs = query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`);
  const headers = signedHeaders
    .map((name) => `${name}:${headerValues(rawHeaders, name)}\n`)
    .join('');
  const uri = decode(path).split('/').map(encode).join('/');
  return [method, uri, pairs.join('&'), headers, signedHeaders.join(';'), payloadHash].join('\n');
};

const headerValues = (rawHeaders: string[], name: string): string =>
  rawHeaders
    .flatMap((header, at) =>
      at % 2 === 0 && header.toLowerCase() === name ? [rawHeaders[at + 1] ?? ''] : [],
    )
    .map((value) => value.trim().replaceAll(/\s+/g, ' '))
    .join(',');

const signingKey = (secret: string, scope: string): Buffer =>
  scope.split('/').reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`));

export const hmac = (key: Buffer, data: string): Buffer =>
  createHmac('sha256', key).update(data).digest();

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');

/** Compares in constant time. */
export const sameText = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const text = (header: string | string[] | undefined): string =>
  Array.isArray(header) ? '' : (header ?? '');
