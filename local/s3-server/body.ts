import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { decodeChunked } from './aws-chunked.ts';
import type { Exchange } from './exchange.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import type { SignedPayload } from './sigv4.ts';

/** S3's limit for one PUT. */
const OBJECT_BYTES_MAX = 5 * 2 ** 30;
const HEX_SHA256 = /^[0-9a-f]{64}$/;
const CRC32 = 'x-amz-checksum-crc32';
const SHA256 = 'x-amz-checksum-sha256';
const TRAILER_SIGNATURE = 'x-amz-trailer-signature';

/** Checksums as the client gave them, base64; stored and given back. */
export interface GivenChecksums {
  crc32: string | null;
  sha256: string | null;
}

/**
 * A request's body while it is received: its data, and after it the checks of everything the client
 * said about it. A digest is computed once, and only when something is compared with it.
 */
export class CheckedBody {
  readonly #request: IncomingMessage;
  readonly #payload: SignedPayload;
  readonly #declaredTrailers: string[];
  readonly #trailers = new Map<string, string>();
  readonly #sha256: Hash | null;
  readonly #md5: Hash | null;
  readonly #wantsCrc32: boolean;
  readonly #sizeBytesMax: number;
  #crc32 = 0;
  #sizeBytes = 0;

  /** Throws when the headers show already that the body cannot be taken. */
  constructor(
    { request, payload }: Pick<Exchange, 'request' | 'payload'>,
    sizeBytesMax = OBJECT_BYTES_MAX,
  ) {
    const { headers } = request;
    this.#request = request;
    this.#payload = payload;
    this.#sizeBytesMax = sizeBytesMax;
    const trailer = headers['x-amz-trailer'];
    this.#declaredTrailers =
      typeof trailer === 'string' ? trailer.split(',').map((name) => name.trim()) : [];
    for (const name of this.#declaredTrailers)
      if (name !== CRC32 && name !== SHA256) throw notImplemented(`The trailer ${name}`);
    this.#wantsCrc32 = this.#isGiven(CRC32);
    const wantsSha256 = HEX_SHA256.test(payload.hash) || this.#isGiven(SHA256);
    this.#sha256 = wantsSha256 ? createHash('sha256') : null;
    this.#md5 = headers['content-md5'] === undefined ? null : createHash('md5');
    this.#checkHeaders();
  }

  #isGiven(checksum: string): boolean {
    return checksum in this.#request.headers || this.#declaredTrailers.includes(checksum);
  }

  #checkHeaders(): void {
    const { headers } = this.#request;
    const { hash } = this.#payload;
    const isStreaming = hash.startsWith('STREAMING-');
    if (!isStreaming && hash !== 'UNSIGNED-PAYLOAD' && !HEX_SHA256.test(hash)) {
      throw new S3Error(
        'InvalidArgument',
        'x-amz-content-sha256 is neither a SHA-256 nor a known word.',
      );
    }
    if (
      'x-amz-sdk-checksum-algorithm' in headers &&
      !this.#isGiven(CRC32) &&
      !this.#isGiven(SHA256)
    ) {
      throw new S3Error('InvalidRequest', 'x-amz-sdk-checksum-algorithm comes without a checksum.');
    }
    const declared = headers[isStreaming ? 'x-amz-decoded-content-length' : 'content-length'];
    if (isStreaming && !/^\d+$/.test(String(declared))) {
      throw new S3Error('MissingContentLength', 'x-amz-decoded-content-length is missing.');
    }
    if (Number(declared ?? 0) > this.#sizeBytesMax) throw this.#tooLarge();
  }

  /** The data, as it arrives. Leaving it early leaves the rest of the request unread. */
  async *data(): AsyncGenerator<Buffer> {
    for await (const part of this.#source()) {
      this.#sizeBytes += part.length;
      if (this.#sizeBytes > this.#sizeBytesMax) throw this.#tooLarge();
      this.#sha256?.update(part);
      this.#md5?.update(part);
      if (this.#wantsCrc32) this.#crc32 = crc32(part, this.#crc32);
      yield part;
    }
  }

  #source(): AsyncIterable<Buffer> {
    const { hash, seed } = this.#payload;
    // Not destroyed on failure: the connection has an answer to carry.
    const raw = this.#request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    switch (hash) {
      case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
        return decodeChunked(raw, { seed: null, hasTrailer: true }, this.#trailers);
      case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
        return decodeChunked(raw, { seed, hasTrailer: false }, this.#trailers);
      case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
        return decodeChunked(raw, { seed, hasTrailer: true }, this.#trailers);
      default:
        if (hash.startsWith('STREAMING-')) throw notImplemented(hash);
        return raw;
    }
  }

  /** After the data: throws unless all that the client said is true. */
  check(): GivenChecksums {
    const { headers } = this.#request;
    const decoded = headers['x-amz-decoded-content-length'];
    if (decoded !== undefined && Number(decoded) !== this.#sizeBytes) {
      throw new S3Error(
        'IncompleteBody',
        'The body does not have x-amz-decoded-content-length bytes.',
      );
    }
    this.#checkTrailers();
    const sha256 = this.#sha256?.digest();
    const { hash } = this.#payload;
    if (HEX_SHA256.test(hash) && sha256?.toString('hex') !== hash) {
      throw new S3Error('XAmzContentSHA256Mismatch', 'The body does not have the signed SHA-256.');
    }
    const md5 = headers['content-md5'];
    if (md5 !== undefined) compare('Content-MD5', 16, String(md5), this.#md5?.digest());
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.#crc32);
    return { crc32: this.#given(CRC32, 4, crc), sha256: this.#given(SHA256, 32, sha256) };
  }

  #checkTrailers(): void {
    const received = [...this.#trailers.keys()].filter((name) => name !== TRAILER_SIGNATURE);
    const declared = this.#declaredTrailers;
    if (received.length !== declared.length || received.some((name) => !declared.includes(name))) {
      throw new S3Error('MalformedTrailerError', 'The trailers are not those of x-amz-trailer.');
    }
  }

  #given(name: string, sizeBytes: number, actual: Buffer | undefined): string | null {
    const header = this.#request.headers[name];
    const given = typeof header === 'string' ? header : this.#trailers.get(name);
    if (given === undefined) return null;
    compare(name, sizeBytes, given, actual);
    return given;
  }

  #tooLarge(): S3Error {
    return new S3Error('EntityTooLarge', `The body has more than ${this.#sizeBytesMax} bytes.`);
  }
}

const compare = (
  name: string,
  sizeBytes: number,
  given: string,
  actual: Buffer | undefined,
): void => {
  const bytes = Buffer.from(given, 'base64');
  if (bytes.length !== sizeBytes || bytes.toString('base64') !== given) {
    throw name === 'Content-MD5'
      ? new S3Error('InvalidDigest', `${name} is malformed.`)
      : new S3Error('InvalidRequest', `Value for ${name} header is invalid.`);
  }
  if (actual === undefined || !bytes.equals(actual)) {
    throw new S3Error('BadDigest', `The body does not have the ${name} that was given.`);
  }
};

/**
 * The whole of a small body, checked. Throws `EntityTooLarge` beyond `sizeBytesMax`, and what
 * {@link CheckedBody} throws.
 */
export const readSmallBody = async (exchange: Exchange, sizeBytesMax: number): Promise<Buffer> => {
  const body = new CheckedBody(exchange, sizeBytesMax);
  inviteBody(exchange);
  const parts: Buffer[] = [];
  for await (const part of body.data()) parts.push(part);
  body.check();
  return Buffer.concat(parts);
};

/** Tells a client that waits for it (`Expect: 100-continue`) to send the body. */
export const inviteBody = ({ request, response }: Exchange): void => {
  if (request.headers.expect !== undefined) response.writeContinue();
};
