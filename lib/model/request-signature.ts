import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { HoldfastError } from '../errors.ts';

/**
 * Requests signed with an access key, as the SDKs of CBR sign them (spec section 9.1): the hex of
 * HMAC-SHA256(secret, string to sign). What is signed covers the method, the path, the query, the
 * named headers, the time and the body.
 */

const ALGORITHM = 'SDK-HMAC-SHA256';
const DATE_HEADER = 'x-sdk-date';
const BODY_HASH_HEADER = 'x-sdk-content-sha256';

/** Longer than any header that a client makes; reading stops there. */
const HEADER_CHARACTERS_MAX = 4096;
const SIGNED_HEADERS_MAX = 64;

/** A request as it came: nothing decoded. */
export interface HttpRequest {
  method: string;
  path: string;
  /** Without the question mark. */
  query: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  body: Uint8Array;
}

/** What a request says about its signature. */
export interface SignatureClaim {
  accessKeyId: string;
  /** Names of the headers that are signed, in their order. */
  signedHeaders: readonly string[];
  /** 64 lower-case hex digits. */
  signature: string;
  /** Of the body that came, 64 lower-case hex digits. */
  bodySha256: string;
  /** As the header has it, such as `20261121T081500Z`. */
  date: string;
  signedAtMs: number;
}

/**
 * Reads what a request says about its signature, and checks that it is whole.
 * `Holdfast.Unauthenticated` when anything is missing, malformed or not the form that is known; so
 * is a body that is not the one whose hash the client signed, or that the signature leaves out. All
 * of it is said before anybody looks for the key: it tells nothing about which keys there are.
 */
export function signatureClaim({
  headers,
  body,
}: Pick<HttpRequest, 'headers' | 'body'>): SignatureClaim {
  const authorization = headers['authorization'] ?? '';
  if (authorization.length > HEADER_CHARACTERS_MAX) throw refused('the header is too long');
  const [algorithm, ...rest] = authorization.split(' ');
  if (algorithm !== ALGORITHM) throw refused(`the only signature that is known is ${ALGORITHM}`);
  const parts = new Map(rest.join(' ').split(',').map(nameAndValue));
  const accessKeyId = parts.get('Access') ?? '';
  const signature = parts.get('Signature') ?? '';
  const signedHeaders = (parts.get('SignedHeaders') ?? '').split(';');
  if (!/^[A-Za-z0-9]{1,64}$/.test(accessKeyId)) throw refused('Access is not an access key');
  if (!/^[0-9a-f]{64}$/.test(signature)) throw refused('Signature is not 64 hex digits');
  if (signedHeaders.length > SIGNED_HEADERS_MAX) throw refused('SignedHeaders names too many');
  for (const name of signedHeaders) {
    // Not `undefined`: every object has a `constructor`.
    const isNamed = /^[a-z0-9-]+$/.test(name) && typeof headers[name] === 'string';
    if (!isNamed) throw refused('SignedHeaders names a header that is not there');
  }
  const date = headers[DATE_HEADER] ?? '';
  const signedAtMs = millisecondsOf(date);
  const bodySha256 = bodyHash(headers, body);
  return { accessKeyId, signedHeaders, signature, date, signedAtMs, bodySha256 };
}

/**
 * True when the claim's signature is the one that this secret makes of this request. Takes the same
 * time wherever the two differ.
 */
export function isSignedWith(
  secret: Uint8Array,
  claim: SignatureClaim,
  request: HttpRequest,
): boolean {
  const expected = createHmac('sha256', secret).update(stringToSign(claim, request)).digest();
  return timingSafeEqual(expected, Buffer.from(claim.signature, 'hex'));
}

const stringToSign = (claim: SignatureClaim, request: HttpRequest): string =>
  [ALGORITHM, claim.date, sha256(canonicalRequest(claim, request))].join('\n');

function canonicalRequest(
  { signedHeaders, bodySha256 }: SignatureClaim,
  request: HttpRequest,
): string {
  const headers = signedHeaders.map((name) => `${name}:${request.headers[name]?.trim()}\n`);
  return [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query),
    headers.join(''),
    signedHeaders.join(';'),
    bodySha256,
  ].join('\n');
}

/** Encoded in one way, however the client encoded it, and ending in a slash. */
function canonicalPath(path: string): string {
  const encoded = decodedPath(path).split('/').map(encoded3986).join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw refused('the path is not properly percent-encoded');
  }
}

/**
 * Sorted by name, then by value. It is read as the routes read it, so what is signed is what is
 * used.
 */
const canonicalQuery = (query: string): string =>
  [...new URLSearchParams(query)]
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${encoded3986(name)}=${encoded3986(value)}`)
    .join('&');

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** A client may name the hash itself; it must be the body's. */
function bodyHash(headers: HttpRequest['headers'], body: Uint8Array): string {
  const actual = sha256(body);
  const named = headers[BODY_HASH_HEADER];
  if (named !== undefined && named.trim() !== actual) {
    throw refused('X-Sdk-Content-Sha256 is not the hash of the body');
  }
  return actual;
}

const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** RFC 3986: all but letters, digits, `-`, `.`, `_` and `~`. Lone surrogates are replaced. */
const encoded3986 = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const nameAndValue = (part: string): [string, string] => {
  const at = part.indexOf('=');
  return at < 0 ? [part.trim(), ''] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
};

function millisecondsOf(date: string): number {
  const [, ...digits] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const [year, month, day, hour, minute, second] = digits.map(Number);
  if (year === undefined) throw refused('X-Sdk-Date is not of the form 20261121T081500Z');
  return Date.UTC(year, (month as number) - 1, day, hour, minute, second);
}

const refused = (reason: string): HoldfastError =>
  new HoldfastError('Holdfast.Unauthenticated', { reason });
