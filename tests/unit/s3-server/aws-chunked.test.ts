import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { type ChunkedBody, decodeChunked } from '../../../local/s3-server/aws-chunked.ts';
import { verifySignature } from '../../../local/s3-server/sigv4.ts';

const UNSIGNED: ChunkedBody = { seed: null, hasTrailer: true };
const code = (name: string) => expect.objectContaining({ code: name });

const decode = async (input: string, body: ChunkedBody) => {
  const trailers = new Map<string, string>();
  const parts: Buffer[] = [];
  for await (const part of decodeChunked(Readable.from([Buffer.from(input)]), body, trailers))
    parts.push(part);
  return { text: Buffer.concat(parts).toString(), trailers: Object.fromEntries(trailers) };
};

describe('decodeChunked, of chunks that are not signed', () => {
  it('joins the chunks and keeps the trailers', async () => {
    const input = '3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Amz-Checksum-Crc32: AAAA\r\n\r\n';
    expect(await decode(input, UNSIGNED)).toEqual({
      text: 'abc0123456789',
      trailers: { 'x-amz-checksum-crc32': 'AAAA' },
    });
  });

  it.each(['', '\r\n'])('needs no trailer', async (end) => {
    const input = `1\r\na\r\n0\r\n${end}\r\n`;
    if (end === '') expect(await decode(input, UNSIGNED)).toEqual({ text: 'a', trailers: {} });
    else await expect(decode(input, UNSIGNED)).rejects.toThrow(code('IncompleteBody'));
  });

  it.each([
    ['nothing', ''],
    ['no end of the head', '3'],
    ['too little data', '3\r\nab'],
    ['no end of the chunk', '3\r\nabc'],
    ['too much data', '3\r\nabcd\r\n0\r\n\r\n'],
    ['no last chunk', '3\r\nabc\r\n'],
    ['no end', '3\r\nabc\r\n0\r\n'],
    ['a cut trailer', '3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AA'],
    ['a trailer without a name', '0\r\n:AAAA\r\n\r\n'],
    ['a length that is none', 'x\r\nabc\r\n0\r\n\r\n'],
    ['a negative length', '-3\r\nabc\r\n0\r\n\r\n'],
    ['a length without bound', 'fffffffffffff\r\n'],
    ['a line without end', 'a'.repeat(100_000)],
    ['a long line', `${'a'.repeat(10_000)}\r\n`],
    ['many trailers', `0\r\n${'a:b\r\n'.repeat(3)}${trailers(17)}\r\n`],
    ['data behind the end', '0\r\n\r\n1\r\na\r\n'],
  ])('refuses %s', async (_what, input) => {
    await expect(decode(input, UNSIGNED)).rejects.toThrow(code('IncompleteBody'));
  });
});

function trailers(count: number): string {
  return Array.from({ length: count }, (_, n) => `x-${n}:y\r\n`).join('');
}

/** The uploads in signed chunks of the S3 API Reference: 65 KiB of the letter a. */
describe('decodeChunked, of signed chunks', () => {
  const seedOf = (signature: string, more: Record<string, string>) => {
    const headers = {
      host: 's3.amazonaws.com',
      'content-encoding': 'aws-chunked',
      'x-amz-date': '20130524T000000Z',
      'x-amz-decoded-content-length': '66560',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      ...more,
    };
    const authorization = [
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
      `SignedHeaders=${Object.keys(headers).toSorted().join(';')}`,
      `Signature=${signature}`,
    ].join(',');
    return verifySignature(
      {
        method: 'PUT',
        url: '/examplebucket/chunkObject.txt',
        headers: { ...headers, authorization },
        rawHeaders: Object.entries(headers).flat(),
      },
      { AKIAIOSFODNN7EXAMPLE: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
      Date.UTC(2013, 4, 24),
    ).seed;
  };
  const chunk = (sizeBytes: number, signature: string) =>
    `${sizeBytes.toString(16)};chunk-signature=${signature}\r\n${'a'.repeat(sizeBytes)}\r\n`;

  const plain: ChunkedBody = {
    seed: seedOf('4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9', {
      'content-length': '66824',
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    }),
    hasTrailer: false,
  };
  const plainChunks = [
    chunk(65_536, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'),
    chunk(1024, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'),
    chunk(0, 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'),
  ];
  const trailing: ChunkedBody = {
    seed: seedOf('106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e', {
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      'x-amz-trailer': 'x-amz-checksum-crc32c',
    }),
    hasTrailer: true,
  };
  const trailingChunks = [
    chunk(65_536, 'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2'),
    chunk(1024, '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7'),
    '0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n',
    'x-amz-checksum-crc32c:sOO8/Q==\r\n',
    'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n',
    '\r\n',
  ];
  const input = plainChunks.join('');
  const trailed = trailingChunks.join('');

  it('accepts the examples', async () => {
    expect(await decode(input, plain)).toEqual({ text: 'a'.repeat(66_560), trailers: {} });
    const { text, trailers } = await decode(trailed, trailing);
    expect(text).toBe('a'.repeat(66_560));
    expect(trailers['x-amz-checksum-crc32c']).toBe('sOO8/Q==');
  });

  it.each([
    ['a changed byte', plain, input.replace('aaa', 'aba')],
    ['chunks in another order', plain, [1, 0, 2].map((at) => plainChunks[at]).join('')],
    ['a missing chunk', plain, [0, 2].map((at) => plainChunks[at]).join('')],
    ['an early end', plain, plainChunks[2] ?? ''],
    ['no signature', plain, input.replace(/;chunk-signature=\w+/, '')],
    [
      'no signature of the end',
      plain,
      input.replace(/0;chunk-signature=\w+\r\n\r\n$/, '0\r\n\r\n'),
    ],
    ['another trailer', trailing, trailed.replace('sOO8', 'sOO9')],
    ['one more trailer', trailing, trailed.replace('x-amz-trailer-', 'a:b\r\nx-amz-trailer-')],
    ['no signature of the trailer', trailing, trailed.replace(/x-amz-trailer-sig.*\r\n/, '')],
  ])('refuses %s', async (_what, body, text) => {
    await expect(decode(text, body)).rejects.toThrow(code('SignatureDoesNotMatch'));
  });

  it('refuses a trailer that was not announced', async () => {
    const text = input.replace(/\r\n$/, 'x-amz-meta-a:b\r\n\r\n');
    await expect(decode(text, plain)).rejects.toThrow(code('IncompleteBody'));
  });
});
