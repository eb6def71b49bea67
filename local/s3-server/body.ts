import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { decodeChunked } from './aws-chunked.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import type { SignedPayload } from './sigv4.ts';

/** S3's limit for one PUT. */
const OBJECT_BYTES_MAX = 5 * 2 ** 30;
const UNSUPPORTED_CHECKSUMS = [
  'crc32c',
  'crc64nvme',
  'sha1',
  'xxhash64',
  'xxhash3',
  'xxhash128',
  'md5',
  'sha512',
];

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
  readonly #trailers = new Map<string, string>();
  readonly #sha256: Hash | null;
  readonly #md5: Hash | null;
  readonly #wantsCrc32: boolean;
  #crc32 = 0;
  #sizeBytes = 0;

  constructor(request: IncomingMessage, payload: SignedPayload) {
    const { headers } = request;
    for (const name of UNSUPPORTED_CHECKSUMS) {
      const header = `x-amz-checksum-${name}`;
      if (headers[header] !== undefined || headers['x-amz-trailer'] === header)
        throw notImplemented(header);
    }
    this.#request = request;
    this.#payload = payload;
    const trailer = String(headers['x-amz-trailer'] ?? '');
    const hexHash = /^[0-9a-f]{64}$/.test(payload.hash);
    const wantsSha256 = hexHash || 'x-amz-checksum-sha256' in headers || trailer.includes('sha256');
    this.#sha256 = wantsSha256 ? createHash('sha256') : null;
    this.#md5 = headers['content-md5'] === undefined ? null : createHash('md5');
    this.#wantsCrc32 = 'x-amz-checksum-crc32' in headers || trailer.includes('crc32');
    if (!hexHash && payload.hash !== 'UNSIGNED-PAYLOAD' && !payload.hash.startsWith('STREAMING-')) {
      throw new S3Error(
        'InvalidArgument',
        'x-amz-content-sha256 is neither a SHA-256 nor a known word.',
      );
    }
    const declared = Number(
      headers['x-amz-decoded-content-length'] ?? headers['content-length'] ?? 0,
    );
    if (declared > OBJECT_BYTES_MAX)
      throw new S3Error('EntityTooLarge', 'An object has at most 5 GiB.');
  }

  /** The data, as it arrives. */
  async *data(): AsyncGenerator<Buffer> {
    for await (const part of this.#source()) {
      this.#sizeBytes += part.length;
      if (this.#sizeBytes > OBJECT_BYTES_MAX)
        throw new S3Error('EntityTooLarge', 'An object has at most 5 GiB.');
      this.#sha256?.update(part);
      this.#md5?.update(part);
      if (this.#wantsCrc32) this.#crc32 = crc32(part, this.#crc32);
      yield part;
    }
  }

  #source(): AsyncIterable<Buffer> {
    const { hash, seed } = this.#payload;
    switch (hash) {
      case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
        return decodeChunked(this.#request, { seed: null, hasTrailer: true }, this.#trailers);
      case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
        return decodeChunked(this.#request, { seed, hasTrailer: false }, this.#trailers);
      case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
        return decodeChunked(this.#request, { seed, hasTrailer: true }, this.#trailers);
      default:
        if (hash.startsWith('STREAMING-')) throw notImplemented(hash);
        return this.#request;
    }
  }

  /** After the data: throws unless all that the client said is true. */
  check(): GivenChecksums {
    const { headers } = this.#request;
    if (!this.#request.complete) throw new S3Error('IncompleteBody', 'The body ended too early.');
    const decoded = headers['x-amz-decoded-content-length'];
    if (decoded !== undefined && Number(decoded) !== this.#sizeBytes) {
      throw new S3Error(
        'IncompleteBody',
        'The body does not have x-amz-decoded-content-length bytes.',
      );
    }
    const sha256 = this.#sha256?.digest();
    if (
      /^[0-9a-f]{64}$/.test(this.#payload.hash) &&
      sha256?.toString('hex') !== this.#payload.hash
    ) {
      throw new S3Error('XAmzContentSHA256Mismatch', 'The body does not have the signed SHA-256.');
    }
    const md5 = headers['content-md5'];
    if (md5 !== undefined) compare('Content-MD5', 16, String(md5), this.#md5?.digest());
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(this.#crc32);
    return {
      crc32: this.#given('x-amz-checksum-crc32', 4, crc),
      sha256: this.#given('x-amz-checksum-sha256', 32, sha256),
    };
  }

  #given(name: string, sizeBytes: number, actual: Buffer | undefined): string | null {
    const header = this.#request.headers[name];
    const given = typeof header === 'string' ? header : this.#trailers.get(name);
    if (given === undefined) return null;
    compare(name, sizeBytes, given, actual);
    return given;
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
