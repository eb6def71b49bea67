import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { type SignedRequest, verifySignature } from '../../../local/s3-server/sigv4.ts';

/** The key pair, the time and the signatures of the examples in the S3 API Reference. */
const CREDENTIALS = { AKIAIOSFODNN7EXAMPLE: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const SIGNED_MS = Date.UTC(2013, 4, 24);
const SCOPE = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const WELCOME = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072';

const request = (method: string, url: string, headers: Record<string, string>): SignedRequest => ({
  method,
  url,
  headers: headers as IncomingHttpHeaders,
  rawHeaders: Object.entries(headers).flat(),
});

const signed = (
  method: string,
  url: string,
  signature: string,
  more: Record<string, string> = {},
): SignedRequest => {
  const headers: Record<string, string> = {
    host: 'examplebucket.s3.amazonaws.com',
    'x-amz-content-sha256': EMPTY,
    'x-amz-date': '20130524T000000Z',
    ...more,
  };
  const names = Object.keys(headers).toSorted().join(';');
  const authorization = `AWS4-HMAC-SHA256 Credential=${SCOPE},SignedHeaders=${names},Signature=${signature}`;
  return request(method, url, { ...headers, authorization });
};

const GET = signed(
  'GET',
  '/test.txt',
  'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  { range: 'bytes=0-9' },
);
const LIST = signed(
  'GET',
  '/?max-keys=2&prefix=J',
  '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
);
const presigned = (change: (query: string) => string = (query) => query) =>
  request(
    'GET',
    `/test.txt?${change(
      [
        'X-Amz-Algorithm=AWS4-HMAC-SHA256',
        `X-Amz-Credential=${encodeURIComponent(SCOPE)}`,
        'X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host',
        'X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
      ].join('&'),
    )}`,
    { host: 'examplebucket.s3.amazonaws.com' },
  );

const code = (name: string) => expect.objectContaining({ code: name });
const changed = (
  base: SignedRequest,
  headers: Record<string, string | undefined>,
): SignedRequest => {
  const all = Object.entries({ ...base.headers, ...headers }).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  );
  return { ...base, ...request(base.method ?? '', base.url ?? '', Object.fromEntries(all)) };
};

describe('verifySignature accepts the examples of the S3 API Reference', () => {
  it.each([
    ['an object with a range', GET],
    [
      'a put with a key to be encoded',
      signed(
        'PUT',
        '/test%24file.text',
        '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
        {
          date: 'Fri, 24 May 2013 00:00:00 GMT',
          'x-amz-content-sha256': WELCOME,
          'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        },
      ),
    ],
    [
      'a query without a value',
      signed(
        'GET',
        '/?lifecycle',
        'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
      ),
    ],
    ['a listing', LIST],
  ])('%s', (_what, example) => {
    const { hash, seed } = verifySignature(example, CREDENTIALS, SIGNED_MS);
    expect(hash).toBe(example.headers['x-amz-content-sha256']);
    expect(example.headers.authorization).toContain(seed.signature);
  });

  it('a presigned URL, whose payload is not signed', () => {
    const { hash } = verifySignature(presigned(), CREDENTIALS, SIGNED_MS);
    expect(hash).toBe('UNSIGNED-PAYLOAD');
  });
});

describe('verifySignature', () => {
  it('does not mind how the query and the path are written', () => {
    const other = { ...LIST, url: '/?prefix=%4A&max-keys=2' };
    expect(() => verifySignature(other, CREDENTIALS, SIGNED_MS)).not.toThrow();
    const get = { ...GET, url: '/te%73t.txt' };
    expect(() => verifySignature(get, CREDENTIALS, SIGNED_MS)).not.toThrow();
  });

  it.each([
    ['another method', { ...GET, method: 'PUT' }],
    ['another path', { ...GET, url: '/test.tx' }],
    ['a query', { ...GET, url: '/test.txt?acl' }],
    ['another query', { ...LIST, url: '/?max-keys=3&prefix=J' }],
    ['another header', changed(GET, { range: 'bytes=0-8' })],
    ['another payload', changed(GET, { 'x-amz-content-sha256': WELCOME })],
    ['another time', changed(GET, { 'x-amz-date': '20130524T000001Z' })],
    ['another presigned path', { ...presigned(), url: presigned().url?.replace('test', 'text') }],
    ['a longer validity', presigned((query) => query.replace('86400', '86401'))],
    ['a shorter signature', presigned((query) => query.slice(0, -1))],
  ])('refuses %s', (_what, other) => {
    expect(() => verifySignature(other as SignedRequest, CREDENTIALS, SIGNED_MS)).toThrow(
      code('SignatureDoesNotMatch'),
    );
  });

  it('refuses another secret, and a key id it does not know', () => {
    const wrong = { AKIAIOSFODNN7EXAMPLE: 'other' };
    expect(() => verifySignature(GET, wrong, SIGNED_MS)).toThrow(code('SignatureDoesNotMatch'));
    expect(() => verifySignature(GET, {}, SIGNED_MS)).toThrow(code('InvalidAccessKeyId'));
  });

  it.each([
    ['no signature', changed(GET, { authorization: undefined }), 'AccessDenied'],
    ['another algorithm', changed(GET, { authorization: 'AWS x:y' }), 'InvalidRequest'],
    ['no payload hash', changed(GET, { 'x-amz-content-sha256': undefined }), 'InvalidRequest'],
    ['an unsigned x-amz header', changed(GET, { 'x-amz-meta-a': 'b' }), 'AccessDenied'],
    [
      'no credential',
      changed(GET, { authorization: 'AWS4-HMAC-SHA256 Signature=0' }),
      'AuthorizationHeaderMalformed',
    ],
    [
      'another service',
      changed(GET, { authorization: GET.headers.authorization?.replace('/s3/', '/sts/') }),
      'AuthorizationHeaderMalformed',
    ],
    [
      'the day of another signature',
      changed(GET, { authorization: GET.headers.authorization?.replace('20130524', '20130523') }),
      'AccessDenied',
    ],
    ['a time that is none', changed(GET, { 'x-amz-date': '2013-05-24' }), 'AccessDenied'],
    [
      'a host that is not signed',
      changed(GET, { authorization: GET.headers.authorization?.replace('host;', '') }),
      'AccessDenied',
    ],
    [
      'a presigned URL for ever',
      presigned((query) => query.replace('86400', '604801')),
      'AuthorizationQueryParametersError',
    ],
    [
      'a presigned URL without an end',
      presigned((query) => query.replace('&X-Amz-Expires=86400', '')),
      'AuthorizationQueryParametersError',
    ],
    ['a malformed escape', { ...GET, url: '/%ff' }, 'InvalidURI'],
    ['a target that is no path', { ...GET, url: 'http://host/' }, 'InvalidURI'],
  ])('refuses %s', (_what, other, name) => {
    expect(() => verifySignature(other, CREDENTIALS, SIGNED_MS)).toThrow(code(name));
  });

  const minuteMs = 60_000;
  it.each([
    [GET, 15 * minuteMs, null],
    [GET, -15 * minuteMs, null],
    [GET, 15 * minuteMs + 1, 'RequestTimeTooSkewed'],
    [GET, -15 * minuteMs - 1, 'RequestTimeTooSkewed'],
    [presigned(), 86_400_000, null],
    [presigned(), 86_400_001, 'AccessDenied'],
    [presigned(), -15 * minuteMs, null],
    [presigned(), -15 * minuteMs - 1, 'AccessDenied'],
  ])('judges %# by its time', (example, afterMs, name) => {
    const verify = () => verifySignature(example, CREDENTIALS, SIGNED_MS + afterMs);
    if (name === null) expect(verify).not.toThrow();
    else expect(verify).toThrow(code(name));
  });
});
