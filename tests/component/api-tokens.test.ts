import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { TOKEN_LIFETIME_MS } from '../../lib/service/issue-token.ts';
import { apiWorld, httpEvent, PROJECT, refusal, send } from '../support/api.ts';
import { admitKey, type OwnedKey, signedEvent } from '../support/signed-event.ts';

const VAULTS = `/v3/${PROJECT}/vaults`;

/** A request for a token, as clients of the clouds send it. */
const asking = (key: OwnedKey | null, project?: object, methods: string[] = ['hw_ak_sk']) =>
  httpEvent('POST', '/v3/auth/tokens', {
    body: {
      auth: {
        identity: {
          methods,
          ...(key && {
            hw_ak_sk: { access: { key: key.accessKeyId }, secret: { key: key.secret } },
          }),
        },
        ...(project && { scope: { project } }),
      },
    },
  });

const tokenOf = ({ headers }: { headers: Record<string, unknown> }) =>
  z.string().length(43).parse(headers['x-subject-token']);

async function world() {
  const ports = await apiWorld();
  ports.clock.advance(Date.parse('2026-11-21T08:15:00Z') - ports.clock.nowMs());
  return { ports, key: await admitKey(ports, PROJECT, { role: 'ReadOnly' }) };
}

const refused = (text: string) => ({
  status: 401,
  body: refusal('Holdfast.Unauthenticated', text),
});

describe('a token for an access key', () => {
  it.each([
    ['its secret', false],
    ['a signature', true],
  ])('is given for %s', async (_, isSigned) => {
    const { ports, key } = await world();
    const event = isSigned
      ? signedEvent(asking(null), key, ports.clock.nowMs())
      : asking(key, { id: PROJECT });
    const answer = await send(event, ports);
    expect(answer).toMatchObject({
      status: 201,
      body: {
        token: {
          issued_at: '2026-11-21T08:15:00.000000Z',
          expires_at: '2026-11-21T09:15:00.000000Z',
          project: { id: PROJECT },
          roles: [{ name: 'ReadOnly' }],
        },
      },
    });
    const token = tokenOf(answer);
    expect(JSON.stringify(answer.body)).not.toContain(token);
    expect((await send(httpEvent('GET', VAULTS, { token }), ports)).status).toBe(200);
  });

  it('may what the key may, for an hour', async () => {
    const { ports, key } = await world();
    const token = tokenOf(await send(asking(key), ports));
    const deleting = httpEvent('DELETE', `${VAULTS}/${ports.ids.uuid()}`, { token });
    expect((await send(deleting, ports)).status).toBe(403);
    const reading = httpEvent('GET', VAULTS, { token });
    ports.clock.advance(TOKEN_LIFETIME_MS - 1);
    expect((await send(reading, ports)).status).toBe(200);
    ports.clock.advance(1);
    expect(await send(reading, ports)).toMatchObject(refused('the token has expired'));
  });

  it('ends with the key', async () => {
    const { ports, key } = await world();
    const token = tokenOf(await send(asking(key), ports));
    await ports.catalog.accessKeys.delete(key.accessKeyId);
    expect(await send(httpEvent('GET', VAULTS, { token }), ports)).toMatchObject(
      refused('the access key of the token is gone'),
    );
    const rotated = await admitKey(ports, PROJECT);
    const outlived = tokenOf(await send(asking(rotated), ports));
    await admitKey(ports, PROJECT, { ...rotated, expiresAtMs: ports.clock.nowMs() });
    expect((await send(httpEvent('GET', VAULTS, { token: outlived }), ports)).status).toBe(401);
    const soon = ports.clock.nowMs() + 5000;
    const ending = await admitKey(ports, PROJECT, { expiresAtMs: soon });
    const answer = await send(asking(ending), ports);
    expect(answer.body).toMatchObject({ token: { expires_at: '2026-11-21T08:15:05.000000Z' } });
    ports.clock.advance(5000);
    expect(await send(asking(ending), ports)).toMatchObject(refused('unknown'));
  });

  it('is stored as its hash, and the requests with it count as the key’s', async () => {
    const { ports: made, key } = await world();
    const ports = { ...made, settings: { ...made.settings, requestsPerSecond: 2 } };
    const token = tokenOf(await send(asking(key), ports));
    expect(await ports.catalog.accessKeys.issued(token)).toBeNull();
    const reading = httpEvent('GET', VAULTS, { token });
    expect((await send(reading, ports)).status).toBe(200);
    expect((await send(reading, ports)).status).toBe(429);
    expect((await send(asking(key), ports)).status).toBe(429);
  });

  it('is not given again for a signed request that was recorded', async () => {
    const { ports, key } = await world();
    const event = signedEvent(asking(null), key, ports.clock.nowMs());
    expect((await send(event, ports)).status).toBe(201);
    expect(await send(event, ports)).toMatchObject(refused('was made before'));
  });

  it('is refused for a wrong secret, an unknown key, and nothing at all', async () => {
    const { ports, key } = await world();
    const wrong = { ...key, secret: `${key.secret}x` };
    const unknown = { ...key, accessKeyId: 'UNKNOWN' };
    for (const pair of [wrong, unknown])
      expect(await send(asking(pair), ports)).toMatchObject(
        refused('the access key is unknown or its secret is wrong'),
      );
    expect(await send(asking(null), ports)).toMatchObject(refused('is not signed'));
    const forged = signedEvent(asking(null), wrong, ports.clock.nowMs());
    expect(await send(forged, ports)).toMatchObject(refused('the signature is wrong'));
  });

  it('is there for its owner, whoever guesses meanwhile, and as often as a request', async () => {
    const { ports: made, key } = await world();
    const ports = { ...made, settings: { ...made.settings, requestsPerSecond: 2 } };
    const guess = { ...key, secret: 'guess' };
    for (let n = 0; n < 5; n++) expect((await send(asking(guess), ports)).status).toBe(401);
    expect((await send(asking(key), ports)).status).toBe(201);
    expect((await send(asking(key), ports)).status).toBe(201);
    expect((await send(asking(key), ports)).status).toBe(429);
  });

  it.each([
    [{ id: PROJECT }, 201],
    [{ name: PROJECT }, 201],
    [{ name: 'local' }, 201],
    [{ id: 'other' }, 401],
    [{ name: 'other' }, 401],
    [{ id: PROJECT, name: 'other' }, 401],
  ])('for the project %j is answered with %d', async (project, status) => {
    const { ports, key } = await world();
    expect((await send(asking(key, project), ports)).status).toBe(status);
  });

  it.each([[['password']], [['hw_ak_sk', 'totp']], [[]]])(
    'is not given by the methods %j',
    async (methods) => {
      const { ports, key } = await world();
      expect(await send(asking(key, undefined, methods), ports)).toMatchObject({
        status: 400,
        body: refusal('BackupService.9900', 'auth.identity.methods'),
      });
    },
  );
});
