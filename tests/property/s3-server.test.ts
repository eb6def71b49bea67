import { createHash, createHmac } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { test } from '@fast-check/jest';
import { describe, expect } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeChunked } from '../../local/s3-server/aws-chunked.ts';
import { verifySignature } from '../../local/s3-server/sigv4.ts';
import { encode } from '../../local/s3-server/uri.ts';

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'secret' };
const KNOWN = { [CREDENTIALS.accessKeyId]: CREDENTIALS.secretAccessKey };
const NOW = new Date('2026-01-02T03:04:05Z');
const EMPTY_SHA256 = createHash('sha256').digest('hex');

describe('decodeChunked', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 90 }));

  test.prop([fc.array(bytes, { maxLength: 8 }), cuts])(
    'gives the same bytes and trailers however the network cuts them',
    async (chunks, sizes) => {
      const { input, data } = unsignedBody(chunks);
      const trailers = new Map<string, string>();
      const body = { seed: null, hasTrailer: true };
      const decoded = await collect(decodeChunked(cut(input, sizes), body, trailers));
      expect(decoded.equals(data)).toBe(true);
      expect(Object.fromEntries(trailers)).toEqual({ 'x-amz-checksum-sha256': sha256(data) });
    },
  );

  test.prop([fc.array(bytes, { maxLength: 5 }), cuts, fc.nat()])(
    'refuses whatever is cut off',
    async (chunks, sizes, at) => {
      const { input } = unsignedBody(chunks);
      const short = input.subarray(0, at % input.length);
      const body = { seed: null, hasTrailer: true };
      await expect(collect(decodeChunked(cut(short, sizes), body, new Map()))).rejects.toThrow(
        expect.objectContaining({ code: 'IncompleteBody' }),
      );
    },
  );

  test.prop([fc.array(bytes, { maxLength: 5 }), cuts, fc.option(fc.nat(), { nil: null })])(
    'accepts signed chunks, and none of them changed',
    async (chunks, sizes, flipAt) => {
      const seed = {
        signature: 'a'.repeat(64),
        key: createHash('sha256').update('key').digest(),
        date: '20260102T030405Z',
        scope: '20260102/eu-west-1/s3/aws4_request',
      };
      const { input, data } = signedBody(chunks, seed);
      if (flipAt !== null) input[flipAt % input.length] = (input[flipAt % input.length] ?? 0) ^ 1;
      const body = { seed, hasTrailer: false };
      const decoding = collect(decodeChunked(cut(input, sizes), body, new Map()));
      if (flipAt === null) expect((await decoding).equals(data)).toBe(true);
      else
        await expect(decoding).rejects.toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^(Incomplete|Signature)/) }),
        );
    },
  );
});

describe('verifySignature', () => {
  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 });
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
  const requests = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'HEAD', 'DELETE', 'POST'),
    segments: fc.array(word, { minLength: 1, maxLength: 4 }),
    query: fc.dictionary(word, fc.string({ unit: 'binary', maxLength: 12 }), { maxKeys: 4 }),
    headers: fc.dictionary(
      name.map((text) => `x-amz-meta-${text}`),
      value,
      { maxKeys: 4 },
    ),
  });

  test.prop([requests, fc.boolean()])(
    'accepts what the signer of the SDK signs, in headers and in URLs',
    async (request, presigned) => {
      const signed = await sign(request, presigned);
      expect(() => verifySignature(signed, KNOWN, NOW.getTime())).not.toThrow();
    },
  );

  test.prop([requests, fc.boolean(), fc.constantFrom('method', 'path', 'query', 'header')])(
    'refuses it with another method, path, query or header',
    async (request, presigned, change) => {
      const signed = await sign(request, presigned);
      if (change === 'method') signed.method = signed.method === 'GET' ? 'PUT' : 'GET';
      if (change === 'path') signed.url = `/x${signed.url}`;
      if (change === 'query') signed.url += `${signed.url.includes('?') ? '&' : '?'}added=1`;
      if (change === 'header') {
        signed.headers['x-amz-meta-added'] = '1';
        signed.rawHeaders.push('x-amz-meta-added', '1');
      }
      expect(() => verifySignature(signed, KNOWN, NOW.getTime())).toThrow(
        expect.objectContaining({
          code: change === 'header' ? 'AccessDenied' : 'SignatureDoesNotMatch',
        }),
      );
    },
  );
});

const CLIENT = new S3Client({ region: 'eu-west-1', credentials: CREDENTIALS });

/** What the SDK signs with; its own type leaves out that it presigns too. */
type Signer = Record<'sign' | 'presign', (request: object, options: object) => Promise<Signed>>;
type Signed = Pick<Unsigned, 'query' | 'headers'>;

interface Unsigned {
  method: string;
  segments: string[];
  query: Record<string, string>;
  headers: Record<string, string>;
}

/** The request as the SDK would send it, in the form in which Node's server hands it over. */
async function sign({ method, segments, query, headers }: Unsigned, presigned: boolean) {
  const signer = (await CLIENT.config.signer()) as unknown as Signer;
  const path = `/bucket/${segments.map((segment) => segment.split('/').map(encode).join('/')).join('/')}`;
  const unsigned = {
    method,
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: 3004,
    path,
    query,
    headers: { host: '127.0.0.1:3004', 'x-amz-content-sha256': EMPTY_SHA256, ...headers },
  };
  const hoistable = { unhoistableHeaders: new Set(Object.keys(unsigned.headers)) };
  const signed = presigned
    ? await signer.presign(unsigned, { signingDate: NOW, expiresIn: 60, ...hoistable })
    : await signer.sign(unsigned, { signingDate: NOW });
  const pairs = Object.entries(signed.query).map(([key, text]) => `${encode(key)}=${encode(text)}`);
  return {
    method,
    url: pairs.length === 0 ? path : `${path}?${pairs.join('&')}`,
    headers: { ...signed.headers },
    rawHeaders: Object.entries(signed.headers).flat(),
  };
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('base64');

function unsignedBody(chunks: Uint8Array[]): { input: Buffer; data: Buffer } {
  const data = Buffer.concat(chunks);
  const input = Buffer.concat([
    ...chunks.flatMap((chunk) => [
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`0\r\nx-amz-checksum-sha256:${sha256(data)}\r\n\r\n`),
  ]);
  return { input, data };
}

function signedBody(
  chunks: Uint8Array[],
  seed: { signature: string; key: Buffer; date: string; scope: string },
): { input: Buffer; data: Buffer } {
  let previous = seed.signature;
  const parts = [...chunks, new Uint8Array(0)].flatMap((chunk) => {
    const digest = createHash('sha256').update(chunk).digest('hex');
    const toSign = [
      'AWS4-HMAC-SHA256-PAYLOAD',
      seed.date,
      seed.scope,
      previous,
      EMPTY_SHA256,
      digest,
    ];
    previous = createHmac('sha256', seed.key).update(toSign.join('\n')).digest('hex');
    const head = `${chunk.length.toString(16)};chunk-signature=${previous}\r\n`;
    return [Buffer.from(head), chunk, Buffer.from('\r\n')];
  });
  return { input: Buffer.concat(parts), data: Buffer.concat(chunks) };
}

async function* cut(input: Buffer, sizes: fc.Stream<number>): AsyncGenerator<Buffer> {
  for (let at = 0; at < input.length; ) {
    const size = sizes.next().value as number;
    yield input.subarray(at, at + size);
    at += size;
  }
}

async function collect(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}
