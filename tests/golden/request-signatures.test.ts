import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import {
  type HttpRequest,
  isSignedWith,
  signatureClaim,
} from '../../lib/model/request-signature.ts';

/**
 * Requests as the Python SDK of Huawei Cloud signed them (huaweicloudsdkcore 3.1.219): what its
 * clients send, this service must accept. The keys are made up.
 */
const vectors = z
  .array(
    z.object({
      name: z.string(),
      accessKeyId: z.string(),
      secret: z.string(),
      method: z.string(),
      path: z.string(),
      query: z.string(),
      headers: z.record(z.string(), z.string()),
      body: z.string(),
    }),
  )
  .parse(JSON.parse(readFileSync(new URL('./request-signatures.json', import.meta.url), 'utf8')))
  .map(({ name, accessKeyId, secret, body, ...request }) => ({
    name,
    accessKeyId,
    secret: Buffer.from(secret),
    request: { ...request, body: Buffer.from(body) } satisfies HttpRequest,
  }));

const signed = vectors.filter(({ name }) => name !== 'unsigned payload');

describe('what the SDK signed', () => {
  it.each(signed)('is accepted: $name', ({ accessKeyId, secret, request }) => {
    const claim = signatureClaim(request);
    expect(claim.accessKeyId).toBe(accessKeyId);
    expect(isSignedWith(secret, claim, request)).toBe(true);
  });

  it.each(signed)('is refused when anything of it changes: $name', ({ secret, request }) => {
    const claim = signatureClaim(request);
    const others: HttpRequest[] = [
      { ...request, method: request.method === 'PUT' ? 'POST' : 'PUT' },
      { ...request, path: `${request.path}x` },
      { ...request, query: `${request.query}&y=1` },
      { ...request, headers: { ...request.headers, host: 'elsewhere.example.com' } },
    ];
    for (const other of others) expect(isSignedWith(secret, claim, other)).toBe(false);
    const later = { ...claim, date: '20261121T081501Z' };
    expect(isSignedWith(secret, later, request)).toBe(false);
    expect(isSignedWith(Buffer.from('another secret'), claim, request)).toBe(false);
    const isNamed = request.headers['x-sdk-content-sha256'] !== undefined;
    const changed = { ...request, body: Buffer.concat([request.body, Buffer.from(' ')]) };
    if (isNamed) expect(() => signatureClaim(changed)).toThrow('not the hash');
    else expect(isSignedWith(secret, signatureClaim(changed), changed)).toBe(false);
  });

  it('is refused when the signature leaves the body out', () => {
    const { request } = vectors.find(({ name }) => name === 'unsigned payload')!;
    expect(() => signatureClaim(request)).toThrow(
      'X-Sdk-Content-Sha256 is not the hash of the body',
    );
  });

  it('reads the time that was signed', () => {
    const { request } = vectors.find(({ name }) => name === 'leap day')!;
    expect(signatureClaim(request).signedAtMs).toBe(Date.parse('2024-02-29T23:59:59Z'));
  });
});
