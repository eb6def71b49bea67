import { test } from '@fast-check/jest';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { KeyProvider } from '../../lib/ports/key-provider.ts';
import { SIGNATURE_WINDOW_MS } from '../../lib/service/identify-caller.ts';
import { apiWorld, httpEvent, PROJECT, refusal, send, vaultRequest } from '../support/api.ts';
import { admitKey, signedEvent } from '../support/signed-event.ts';

const VAULTS = `/v3/${PROJECT}/vaults`;
const reading = httpEvent('GET', `${VAULTS}?limit=10&name=v`);
const writing = httpEvent('POST', VAULTS, { body: vaultRequest() });

/** A second, since signatures have no less. */
const someTimeMs = Date.parse('2026-11-21T08:15:00Z');

async function world() {
  const made = await apiWorld();
  made.clock.advance(someTimeMs - made.clock.nowMs());
  return { ...made, key: await admitKey(made, PROJECT) };
}

const unauthenticated = (text: string) => ({
  status: 401,
  body: refusal('Holdfast.Unauthenticated', text),
});

describe('a signed request', () => {
  it('is admitted without a token', async () => {
    const { key, ...ports } = await world();
    const nowMs = ports.clock.nowMs();
    expect((await send(signedEvent(reading, key, nowMs), ports)).status).toBe(200);
    expect((await send(signedEvent(writing, key, nowMs), ports)).status).toBe(200);
  });

  it('is checked over the bytes of a body that came in base64', async () => {
    const { key, ...ports } = await world();
    const body = Buffer.from(JSON.stringify(vaultRequest({ description: 'täglich' })));
    const event = { ...writing, body: body.toString('base64'), isBase64Encoded: true };
    const answer = await send(signedEvent(event, key, ports.clock.nowMs()), ports);
    expect(answer).toMatchObject({ status: 200, body: { vault: { description: 'täglich' } } });
  });

  it('is refused when it was changed on its way', async () => {
    const { key, ...ports } = await world();
    const event = signedEvent(writing, key, ports.clock.nowMs());
    const changed = [
      { ...event, body: event.body?.replace('100', '101') ?? '' },
      { ...event, rawQueryString: 'a=b' },
      { ...event, headers: { ...event.headers, Host: 'other.example.com' } },
      signedEvent(writing, { ...key, secret: `${key.secret}x` }, ports.clock.nowMs()),
      signedEvent(writing, { ...key, accessKeyId: 'UNKNOWN' }, ports.clock.nowMs()),
    ];
    for (const one of changed)
      expect(await send(one, ports)).toMatchObject(
        unauthenticated('the access key is unknown or the signature is wrong'),
      );
    expect((await send(event, ports)).status).toBe(200);
  });

  it('is good for 15 minutes before and after its time', async () => {
    const { key, ...ports } = await world();
    const nowMs = ports.clock.nowMs();
    for (const offMs of [-SIGNATURE_WINDOW_MS, SIGNATURE_WINDOW_MS])
      expect((await send(signedEvent(reading, key, nowMs + offMs), ports)).status).toBe(200);
    for (const offMs of [-SIGNATURE_WINDOW_MS - 1000, SIGNATURE_WINDOW_MS + 1000])
      expect(await send(signedEvent(reading, key, nowMs + offMs), ports)).toMatchObject(
        unauthenticated('more than 15 minutes from now'),
      );
  });

  it('is taken once when it changes something, however often it is sent', async () => {
    const { key, ...ports } = await world();
    const event = signedEvent(writing, key, ports.clock.nowMs());
    const answers = await Promise.all([1, 2, 3].map(() => send(event, ports)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(2);
    ports.clock.advance(SIGNATURE_WINDOW_MS);
    expect(await send(event, ports)).toMatchObject(unauthenticated('was made before'));
    expect(await Array.fromAsync(ports.catalog.vaults.list(PROJECT))).toHaveLength(1);
  });

  it('may be sent again when it reads: its time has seconds alone', async () => {
    const { key, ...ports } = await world();
    const event = signedEvent(reading, key, ports.clock.nowMs());
    for (let n = 0; n < 3; n++) expect((await send(event, ports)).status).toBe(200);
  });

  it('tells no more about a key that there is than about another', async () => {
    const { key, ...ports } = await world();
    const answersTo = (change: (headers: Record<string, string>) => Record<string, string>) =>
      Promise.all(
        [key.accessKeyId, 'UNKNOWN'].map(async (accessKeyId) => {
          const owned = { accessKeyId, secret: 'guess' };
          const event = signedEvent(writing, owned, ports.clock.nowMs());
          const headers = change(event.headers as Record<string, string>);
          const { status, body } = await send({ ...event, headers }, ports);
          return { status, body };
        }),
      );
    for (const change of [
      (headers: Record<string, string>) => headers,
      (headers: Record<string, string>) => ({ ...headers, 'X-Sdk-Content-Sha256': 'x' }),
      ({ Authorization = '', ...headers }: Record<string, string>) => ({
        ...headers,
        Authorization: Authorization.replace('host;', 'constructor;'),
      }),
    ]) {
      const [known, unknown] = await answersTo(change);
      expect(known).toEqual(unknown);
      expect(known?.status).toBe(401);
    }
  });

  it('is not remembered when its signature is wrong', async () => {
    const { key, ...ports } = await world();
    const event = signedEvent(writing, key, ports.clock.nowMs());
    const forged = { ...event, body: '{}' };
    expect((await send(forged, ports)).status).toBe(401);
    expect((await send(event, ports)).status).toBe(200);
  });

  it('is refused from the moment its key expires, and once the key is gone', async () => {
    const { key: _, ...ports } = await world();
    const expiresAtMs = ports.clock.nowMs() + 5000;
    const key = await admitKey(ports, PROJECT, { expiresAtMs });
    ports.clock.advance(4999);
    expect((await send(signedEvent(reading, key, expiresAtMs), ports)).status).toBe(200);
    ports.clock.advance(1);
    expect((await send(signedEvent(reading, key, expiresAtMs), ports)).status).toBe(401);
    const other = await admitKey(ports, PROJECT);
    expect((await send(signedEvent(reading, other, expiresAtMs), ports)).status).toBe(200);
    await ports.catalog.accessKeys.delete(other.accessKeyId);
    expect((await send(signedEvent(reading, other, expiresAtMs), ports)).status).toBe(401);
  });

  it('may what the role of its key may, in the project of its key', async () => {
    const { key: _, ...ports } = await world();
    const nowMs = ports.clock.nowMs();
    const key = await admitKey(ports, PROJECT, { role: 'ReadOnly' });
    expect((await send(signedEvent(reading, key, nowMs), ports)).status).toBe(200);
    expect(await send(signedEvent(writing, key, nowMs), ports)).toMatchObject({
      status: 403,
      body: refusal('Holdfast.ActionDenied', 'cbr:vaults:create'),
    });
    const stranger = await admitKey(ports, 'other');
    expect((await send(signedEvent(reading, stranger, nowMs), ports)).status).toBe(404);
  });

  it('opens the secret of a key once', async () => {
    const { key, ...ports } = await world();
    let openedTimes = 0;
    const keys: KeyProvider = {
      ...ports.keys,
      unwrap: (wrapped, context) => {
        openedTimes += 1;
        return ports.keys.unwrap(wrapped, context);
      },
    };
    const event = signedEvent(reading, key, ports.clock.nowMs());
    for (let n = 0; n < 5; n++) await send(event, { ...ports, keys });
    expect(openedTimes).toBe(1);
  });

  it('does not count when there is a token: the token decides', async () => {
    const { key, ...ports } = await world();
    const event = signedEvent(reading, key, ports.clock.nowMs());
    const headers = { ...event.headers, 'X-Auth-Token': 'unknown' };
    expect(await send({ ...event, headers }, ports)).toMatchObject(
      unauthenticated('the token is unknown'),
    );
  });
});

describe('a malformed signature', () => {
  const GOOD = {
    Access: 'ABCDEF',
    SignedHeaders: 'host;x-sdk-date',
    Signature: 'a'.repeat(64),
  };
  const headerOf = (parts: Record<string, string>, algorithm = 'SDK-HMAC-SHA256') =>
    `${algorithm} ${Object.entries(parts)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ')}`;

  it.each([
    ['another algorithm', headerOf(GOOD, 'AWS4-HMAC-SHA256'), 'SDK-HMAC-SHA256'],
    ['nothing but the algorithm', 'SDK-HMAC-SHA256', 'Access'],
    ['no key', headerOf({ ...GOOD, Access: '' }), 'Access'],
    ['a key that is none', headerOf({ ...GOOD, Access: '../x' }), 'Access'],
    ['a short signature', headerOf({ ...GOOD, Signature: 'ab' }), 'Signature'],
    ['no hex', headerOf({ ...GOOD, Signature: 'g'.repeat(64) }), 'Signature'],
    ['a missing header', headerOf({ ...GOOD, SignedHeaders: 'host;x-not-there' }), 'not there'],
    ['a name of the language', headerOf({ ...GOOD, SignedHeaders: 'host;__proto__' }), 'not there'],
    ['what every object has', headerOf({ ...GOOD, SignedHeaders: 'constructor' }), 'not there'],
    ['no headers', headerOf({ ...GOOD, SignedHeaders: '' }), 'not there'],
    ['too many headers', headerOf({ ...GOOD, SignedHeaders: 'host;'.repeat(65) }), 'too many'],
    ['a header without end', `SDK-HMAC-SHA256 ${'x'.repeat(10_000)}`, 'too long'],
  ])('is refused: %s', async (_, authorization, text) => {
    const ports = await apiWorld();
    const headers = { host: 'h', 'x-sdk-date': '20261121T081500Z', authorization };
    expect(await send({ ...reading, headers }, ports)).toMatchObject(unauthenticated(text));
  });

  it.each(['', 'now', '2026-11-21T08:15:00Z', '20261121T081500', '20261121T081500+0100'])(
    'is refused: the time %j',
    async (date) => {
      const ports = await apiWorld();
      const headers = { host: 'h', 'x-sdk-date': date, authorization: headerOf(GOOD) };
      expect(await send({ ...reading, headers }, ports)).toMatchObject(
        unauthenticated('X-Sdk-Date'),
      );
    },
  );

  const anyHeader = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .tuple(
        fc.constantFrom('SDK-HMAC-SHA256', 'sdk-hmac-sha256', 'Bearer', ''),
        fc.dictionary(
          fc.constantFrom('Access', 'SignedHeaders', 'Signature', '__proto__', 'x'),
          fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...Object.values(GOOD))),
        ),
      )
      .map(([algorithm, parts]) => headerOf(parts, algorithm)),
  );
  test.prop(
    {
      authorization: anyHeader,
      date: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('20261121T081500Z')),
      rawPath: fc.constantFrom(VAULTS, `${VAULTS}%`, `${VAULTS}/%ff`, `${VAULTS}/\ud800`),
      rawQueryString: fc.string({ unit: 'binary' }),
      body: fc.string({ unit: 'binary' }),
      isBase64Encoded: fc.boolean(),
    },
    { numRuns: 500 },
  )('never is more than a refusal', async ({ authorization, date, ...request }) => {
    const { key, ...ports } = await world();
    await ports.catalog.accessKeys.put({
      ...(await ports.catalog.accessKeys.find(key.accessKeyId))!,
      id: GOOD.Access,
      wrapped: await ports.keys.wrap(Buffer.from('x'), { accessKeyId: GOOD.Access }),
    });
    const headers = { host: 'h', 'x-sdk-date': date, authorization };
    const answer = await send({ ...reading, ...request, headers }, ports);
    expect([400, 401, 404]).toContain(answer.status);
  });
});

describe('requests of one credential', () => {
  it('are limited by the second, and the refusal says when to come again', async () => {
    const { key, token, ...made } = await world();
    const ports = { ...made, settings: { ...made.settings, requestsPerSecond: 3 } };
    const event = signedEvent(reading, key, ports.clock.nowMs());
    for (let n = 0; n < 3; n++) expect((await send(event, ports)).status).toBe(200);
    expect(await send(event, ports)).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
      body: refusal('Holdfast.Throttled', 'more than 3 requests in a second'),
    });
    expect((await send({ ...reading, headers: { 'X-Auth-Token': token } }, ports)).status).toBe(
      200,
    );
    ports.clock.advance(1000);
    expect((await send(event, ports)).status).toBe(200);
  });

  it('count also when they are denied, and not when nobody is known', async () => {
    const { key: _, ...made } = await world();
    const ports = { ...made, settings: { ...made.settings, requestsPerSecond: 2 } };
    const key = await admitKey(ports, PROJECT, { role: 'ReadOnly' });
    const forged = signedEvent(reading, { ...key, secret: 'x' }, ports.clock.nowMs());
    for (let n = 0; n < 5; n++) expect((await send(forged, ports)).status).toBe(401);
    const denied = httpEvent('DELETE', `${VAULTS}/${ports.ids.uuid()}`);
    const [first, second, third] = [0, 1000, 2000].map((ms) =>
      signedEvent(denied, key, ports.clock.nowMs() - ms),
    );
    expect((await send(first!, ports)).status).toBe(403);
    expect((await send(second!, ports)).status).toBe(403);
    expect((await send(third!, ports)).status).toBe(429);
  });
});
