import { createHash, type Hash } from 'node:crypto';
import { S3Error } from './s3-error.ts';
import { EMPTY_SHA256, hmac, type SignedPayload, sameText } from './sigv4.ts';

/** Longest line between chunks and longest trailer part: far above what any client sends. */
const LINE_BYTES_MAX = 8 * 1024;

export interface ChunkedBody {
  /** Present when each chunk is signed (STREAMING-AWS4-HMAC-SHA256-PAYLOAD and -TRAILER). */
  seed: SignedPayload['seed'] | null;
  /** True when trailers follow the last chunk. */
  hasTrailer: boolean;
}

/**
 * Decodes an `aws-chunked` body: yields its data and fills `trailers` (lower-case names). However
 * the network cuts the input, the output is the same. Malformed or cut-off input is
 * `IncompleteBody`; a chunk whose signature is wrong is `SignatureDoesNotMatch`.
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  body: ChunkedBody,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = new Reader(source);
  const signatures = body.seed === null ? null : new ChunkSignatures(body.seed);
  try {
    for (;;) {
      const { sizeBytes, signature } = parseChunkHead(await reader.line());
      if (sizeBytes === 0) {
        signatures?.check(EMPTY_SHA256, signature);
        break;
      }
      const hash = signatures === null ? null : createHash('sha256');
      yield* chunkData(reader, sizeBytes, hash);
      if (hash !== null) signatures?.check(hash.digest('hex'), signature);
      if ((await reader.line()) !== '') throw incomplete('a chunk does not end where it says');
    }
    await readTrailers(reader, body, signatures, trailers);
    await reader.end();
  } finally {
    await reader.release();
  }
}

async function* chunkData(
  reader: Reader,
  sizeBytes: number,
  hash: Hash | null,
): AsyncGenerator<Buffer> {
  for (let left = sizeBytes; left > 0; ) {
    const part = await reader.some(left);
    hash?.update(part);
    left -= part.length;
    yield part;
  }
}

const parseChunkHead = (line: string): { sizeBytes: number; signature: string } => {
  const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
  if (match === null) throw incomplete('a chunk has a malformed head');
  return { sizeBytes: Number.parseInt(match[1] ?? '', 16), signature: match[2] ?? '' };
};

const readTrailers = async (
  reader: Reader,
  { hasTrailer }: ChunkedBody,
  signatures: ChunkSignatures | null,
  trailers: Map<string, string>,
): Promise<void> => {
  let canonical = '';
  for (;;) {
    const line = await reader.line();
    if (line === '') break;
    const at = line.indexOf(':');
    if (at < 1 || !hasTrailer) throw incomplete('there is a malformed trailer');
    const [name, value] = [line.slice(0, at).toLowerCase().trim(), line.slice(at + 1).trim()];
    trailers.set(name, value);
    if (name !== 'x-amz-trailer-signature') canonical += `${name}:${value}\n`;
    if (trailers.size > 16) throw incomplete('there are too many trailers');
  }
  if (hasTrailer)
    signatures?.checkTrailer(canonical, trailers.get('x-amz-trailer-signature') ?? '');
};

class ChunkSignatures {
  #previous: string;
  readonly #seed: SignedPayload['seed'];

  constructor(seed: SignedPayload['seed']) {
    this.#seed = seed;
    this.#previous = seed.signature;
  }

  check(dataSha256: string, signature: string): void {
    this.#verify(['AWS4-HMAC-SHA256-PAYLOAD', EMPTY_SHA256, dataSha256], signature);
  }

  checkTrailer(canonical: string, signature: string): void {
    const digest = createHash('sha256').update(canonical).digest('hex');
    this.#verify(['AWS4-HMAC-SHA256-TRAILER', digest], signature);
  }

  #verify([algorithm, ...digests]: string[], signature: string): void {
    const { key, date, scope } = this.#seed;
    const expected = hmac(
      key,
      [algorithm, date, scope, this.#previous, ...digests].join('\n'),
    ).toString('hex');
    if (!sameText(expected, signature)) {
      throw new S3Error('SignatureDoesNotMatch', 'The signature of a chunk does not match.');
    }
    this.#previous = expected;
  }
}

/** Lines and runs of bytes out of a stream of buffers. */
class Reader {
  readonly #source: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `most`. */
  async some(most: number): Promise<Buffer> {
    while (this.#buffer.length === 0) await this.#more();
    const part = this.#buffer.subarray(0, most);
    this.#buffer = this.#buffer.subarray(part.length);
    return part;
  }

  /** The next line without its CRLF. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end > LINE_BYTES_MAX || (end < 0 && this.#buffer.length > LINE_BYTES_MAX)) {
        throw incomplete('a line is too long');
      }
      if (end >= 0) {
        const line = this.#buffer.toString('latin1', 0, end);
        this.#buffer = this.#buffer.subarray(end + 2);
        return line;
      }
      await this.#more();
    }
  }

  /** Throws unless the input ends here. */
  async end(): Promise<void> {
    for (let rest: Buffer | undefined = this.#buffer; rest !== undefined; ) {
      if (rest.length > 0) throw incomplete('it goes on behind its end');
      const next = await this.#source.next();
      rest = next.done ? undefined : next.value;
    }
  }

  /** Lets go of the source. */
  async release(): Promise<void> {
    await this.#source.return?.();
  }

  async #more(): Promise<void> {
    const next = await this.#source.next();
    if (next.done) throw incomplete('it ends too early');
    this.#buffer =
      this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
  }
}

const incomplete = (reason: string): S3Error =>
  new S3Error('IncompleteBody', `The aws-chunked body is malformed: ${reason}.`);
