import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Error } from './s3-error.ts';

/** Access key id -> secret access key. */
export type Credentials = Readonly<Record<string, string>>;

/** What the signature says about the body. */
export interface SignedPayload {
  /** `x-amz-content-sha256`, or UNSIGNED-PAYLOAD of a presigned URL. */
  hash: string;
  /** What the signatures of chunks continue from. */
  seed: { signature: string; key: Buffer; date: string; scope: string };
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SKEW_MS = 15 * 60_000;
const PRESIGNED_SECONDS_MAX = 7 * 86_400;
export const EMPTY_SHA256 = createHash('sha256').digest('hex');

interface Claim {
  accessKeyId: string;
  date: string;
  scope: string;
  region: string;
  service: string;
  signedHeaders: string[];
  signature: string;
  payloadHash: string;
  presigned: boolean;
  expiresSeconds: number;
}

/**
 * Verifies the request's Signature Version 4, in the Authorization header or in a presigned URL.
 * Throws `AccessDenied`, `InvalidAccessKeyId`, `RequestTimeTooSkewed`, `SignatureDoesNotMatch`.
 */
export const verifySignature = (
  request: Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders'>,
  credentials: Credentials,
  nowMs: number,
): SignedPayload => {
  const url = splitUrl(request.url ?? '/');
  const claim = url.query.some(([name]) => name === 'X-Amz-Signature')
    ? presignedClaim(url.query, request)
    : headerClaim(request);
  const secret = Object.hasOwn(credentials, claim.accessKeyId)
    ? credentials[claim.accessKeyId]
    : undefined;
  if (secret === undefined)
    throw new S3Error('InvalidAccessKeyId', 'The access key id does not exist.');
  checkTime(claim, nowMs);
  if (!claim.signedHeaders.includes('host'))
    throw new S3Error('AccessDenied', 'The host header is not signed.');
  const key = signingKey(secret, claim);
  const toSign = [
    ALGORITHM,
    claim.date,
    claim.scope,
    sha256(canonicalRequest(request, url, claim)),
  ].join('\n');
  const expected = hmac(key, toSign).toString('hex');
  if (!sameText(expected, claim.signature)) {
    throw new S3Error('SignatureDoesNotMatch', 'The signature does not match the request.');
  }
  const { date, scope, signature } = claim;
  return { hash: claim.payloadHash, seed: { signature, key, date, scope } };
};

const headerClaim = ({ headers }: Pick<IncomingMessage, 'headers'>): Claim => {
  const { authorization } = headers;
  if (authorization === undefined) throw new S3Error('AccessDenied', 'The request is not signed.');
  const [algorithm, rest] = splitOnce(authorization, ' ');
  if (algorithm !== ALGORITHM)
    throw new S3Error('InvalidRequest', `Only ${ALGORITHM} is understood.`);
  const parts = new Map(rest.split(',').map((part) => splitOnce(part.trim(), '=')));
  const payloadHash = text(headers['x-amz-content-sha256']);
  if (payloadHash === '') throw new S3Error('InvalidRequest', 'x-amz-content-sha256 is missing.');
  return {
    ...credentialOf(parts.get('Credential') ?? ''),
    date: text(headers['x-amz-date']),
    signedHeaders: (parts.get('SignedHeaders') ?? '').split(';'),
    signature: parts.get('Signature') ?? '',
    payloadHash,
    presigned: false,
    expiresSeconds: 0,
  };
};

const presignedClaim = (
  query: [string, string][],
  { headers }: Pick<IncomingMessage, 'headers'>,
): Claim => {
  const value = (name: string) => query.find(([key]) => key === name)?.[1] ?? '';
  if (value('X-Amz-Algorithm') !== ALGORITHM)
    throw new S3Error('InvalidRequest', `Only ${ALGORITHM} is understood.`);
  return {
    ...credentialOf(value('X-Amz-Credential')),
    date: value('X-Amz-Date'),
    signedHeaders: value('X-Amz-SignedHeaders').split(';'),
    signature: value('X-Amz-Signature'),
    payloadHash: text(headers['x-amz-content-sha256']) || 'UNSIGNED-PAYLOAD',
    presigned: true,
    expiresSeconds: Number(value('X-Amz-Expires')),
  };
};

const credentialOf = (credential: string) => {
  const [accessKeyId = '', day = '', region = '', service = '', end = '', ...more] =
    credential.split('/');
  if (end !== 'aws4_request' || service !== 's3' || more.length > 0 || !/^\d{8}$/.test(day)) {
    throw new S3Error('AccessDenied', 'The credential of the signature is malformed.');
  }
  return { accessKeyId, region, service, scope: `${day}/${region}/${service}/aws4_request` };
};

const checkTime = (claim: Claim, nowMs: number): void => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.date);
  if (match === null || !claim.scope.startsWith(claim.date.slice(0, 8))) {
    throw new S3Error('AccessDenied', 'The date of the signature is malformed.');
  }
  const [, year, month, day, hour, minute, second] = match;
  const signedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!claim.presigned) {
    if (!(Math.abs(nowMs - signedMs) <= SKEW_MS)) {
      throw new S3Error('RequestTimeTooSkewed', 'The request is signed too long ago or for later.');
    }
    return;
  }
  const { expiresSeconds } = claim;
  const allowed = expiresSeconds >= 1 && expiresSeconds <= PRESIGNED_SECONDS_MAX;
  if (!allowed || nowMs > signedMs + expiresSeconds * 1000 || signedMs > nowMs + SKEW_MS) {
    throw new S3Error('AccessDenied', 'The request has expired.');
  }
};

const canonicalRequest = (
  { method = '', rawHeaders }: Pick<IncomingMessage, 'method' | 'rawHeaders'>,
  { path, query }: ReturnType<typeof splitUrl>,
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
    .map((value) => value.trim().replaceAll(/ +/g, ' '))
    .join(',');

/** The path and the decoded query pairs of a request target, as sent. */
export const splitUrl = (target: string): { path: string; query: [string, string][] } => {
  const [path, search] = splitOnce(target, '?');
  const query = search
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): [string, string] => {
      const [name, value] = splitOnce(pair, '=');
      return [decode(name), decode(value)];
    });
  return { path, query };
};

/** Percent-decodes; a malformed escape is a bad request, not a crash. */
export const decode = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new S3Error('InvalidArgument', 'The request target has a malformed percent-escape.');
  }
};

/** AWS's encoding: all but unreserved characters, in upper-case hex. */
export const encode = (plain: string): string =>
  encodeURIComponent(plain).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const signingKey = (secret: string, { scope }: Claim): Buffer =>
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

const splitOnce = (whole: string, separator: string): [string, string] => {
  const at = whole.indexOf(separator);
  return at < 0 ? [whole, ''] : [whole.slice(0, at), whole.slice(at + separator.length)];
};
