import { describe, expect, it } from '@jest/globals';
import type { Context } from 'aws-lambda';
import { createHandler as vaultsFunction } from '../../functions/api/vaults.ts';
import { LATER_ENDPOINTS } from '../../lib/api/later-endpoints.ts';
import { ROUTES_BY_NOUN } from '../../lib/api/routes.ts';
import { HoldfastError } from '../../lib/errors.ts';
import { BODY_BYTES_MAX, BODY_DEPTH_MAX } from '../../lib/runtime/http-function-request.ts';
import { apiWorld, httpEvent, PROJECT, refusal, send, vaultRequest } from '../support/api.ts';

const ROUTES = Object.values(ROUTES_BY_NOUN)
  .flat()
  .flatMap((route) => route.paths.map((path) => [route.method, path, route] as const));
const ADMITTED = ROUTES.filter(([, , { action }]) => action !== null);
const OF_PROJECTS = ADMITTED.filter(([, template]) => template.includes('{project_id}'));

/** A path of a template: the project, and ids that name nothing. */
const pathOf = (template: string, project = PROJECT) =>
  template
    .replace('{project_id}', project)
    .replace('{protectable_type}', 'disk')
    .replaceAll(/{\w+}/g, '11111111-2222-3333-4444-555555555555');

describe('who may come in', () => {
  it.each(ADMITTED)('%s %s needs a known token', async (method, template) => {
    const world = await apiWorld();
    for (const token of [undefined, '', 'unknown', 'x'.repeat(10_000)]) {
      const answer = await send(httpEvent(method, pathOf(template), { token }), world);
      expect(answer).toMatchObject({ status: 401, body: refusal('Holdfast.Unauthenticated') });
    }
  });

  it.each(OF_PROJECTS)('%s %s shows nothing of another project', async (method, template) => {
    const world = await apiWorld();
    const token = await world.admit('other');
    const answer = await send(httpEvent(method, pathOf(template), { token, body: {} }), world);
    expect(answer).toMatchObject({ status: 404, body: refusal('Holdfast.NotFound') });
  });

  it('refuses a token from the moment it expires', async () => {
    const world = await apiWorld();
    const token = await world.admit(PROJECT, 'Full', {
      token: 'short-lived',
      expiresAtMs: world.clock.nowMs() + 1000,
    });
    const event = httpEvent('GET', `/v3/${PROJECT}/vaults`, { token });
    world.clock.advance(999);
    expect((await send(event, world)).status).toBe(200);
    world.clock.advance(1);
    expect(await send(event, world)).toMatchObject({
      status: 401,
      body: refusal('Holdfast.Unauthenticated', 'expired'),
    });
  });

  it.each(['x-auth-token', 'X-Auth-Token', 'X-AUTH-TOKEN'])('reads the header %s', async (name) => {
    const world = await apiWorld();
    const event = {
      ...httpEvent('GET', `/v3/${PROJECT}/vaults`),
      headers: { [name]: world.token },
    };
    expect((await send(event, world)).status).toBe(200);
  });

  it("does not find another project's things under one's own path", async () => {
    const world = await apiWorld();
    const { vaultId, backupId } = await world.addBackup();
    const token = await world.admit('other');
    for (const path of [`vaults/${vaultId}`, `backups/${backupId}`]) {
      expect((await send(httpEvent('GET', `/v3/other/${path}`, { token }), world)).status).toBe(
        404,
      );
    }
    const list = await send(httpEvent('GET', '/v3/other/backups', { token }), world);
    expect(list.body).toMatchObject({ count: 0 });
  });
});

describe('the header X-Project-Id', () => {
  const withHeader = (path: string, token: string, named: string) => ({
    ...httpEvent('GET', path, { token }),
    headers: { 'X-Auth-Token': token, 'X-Project-Id': named },
  });

  it.each([`/v3/${PROJECT}/vaults`, '/v3/region-projects'])(
    'may name the project of the credential and no other: %s',
    async (path) => {
      const world = await apiWorld();
      expect((await send(withHeader(path, world.token, PROJECT), world)).status).toBe(200);
      for (const named of ['other', '', PROJECT.toUpperCase()]) {
        expect(await send(withHeader(path, world.token, named), world)).toMatchObject({
          status: 400,
          body: refusal('BackupService.9900', 'X-Project-Id: '),
        });
      }
    },
  );

  it('opens no other project', async () => {
    const world = await apiWorld();
    const token = await world.admit('other');
    const event = withHeader(`/v3/${PROJECT}/vaults`, token, PROJECT);
    expect(await send(event, world)).toMatchObject({
      status: 404,
      body: refusal('Holdfast.NotFound'),
    });
  });
});

describe('projects', () => {
  const get = async (path: string) => {
    const world = await apiWorld();
    const token = await world.admit('p-1');
    return send(httpEvent('GET', path, { token }), world);
  };

  it("are the credential's own one, in the one domain there is", async () => {
    expect((await get('/v3/region-projects')).body).toMatchObject({
      projects: [{ id: 'p-1', name: 'p-1', domain_id: 'default', enabled: true }],
    });
    expect((await get('/v3/domain/Default/projects')).body).toEqual({
      projects: [{ project_id: 'p-1', project_name: 'p-1' }],
    });
    expect((await get('/v3/domain/p-1')).body).toEqual({
      domain_id: 'default',
      domain_name: 'Default',
      project_id: 'p-1',
      project_name: 'p-1',
    });
  });

  it.each([`/v3/domain/${PROJECT}`, '/v3/domain/p-2', '/v3/domain/other/projects'])(
    'are no others: %s',
    async (path) => {
      expect(await get(path)).toMatchObject({ status: 404, body: refusal('Holdfast.NotFound') });
    },
  );
});

describe('what there is', () => {
  it('names its version to anybody', async () => {
    const world = await apiWorld();
    const version = { id: 'v3', status: 'CURRENT', links: [{ href: '/v3', rel: 'self' }] };
    expect(await send(httpEvent('GET', '/'), world)).toMatchObject({
      status: 300,
      body: { versions: [version] },
    });
    expect(await send(httpEvent('GET', '/v3'), world)).toMatchObject({
      status: 200,
      body: { version },
    });
  });

  it.each([
    ['GET', '/nowhere'],
    ['GET', '/v3/p/vault'],
    ['PATCH', '/v3/p/vaults'],
    ['POST', '/'],
    ['GET', '/v3/p/vaults/'],
    ['GET', '//p/vaults'],
    ['GET', '/v4/p/vaults'],
    ['', ''],
  ])('answers 404 for %s %s', async (method, path) => {
    const world = await apiWorld();
    const answer = await send(httpEvent(method, path), world);
    const found = method === '' ? 404 : answer.status;
    expect(found).toBe(404);
    expect(answer.body).toEqual(refusal('Holdfast.NotFound'));
  });

  it.each(LATER_ENDPOINTS.map(({ method, path, feature }) => [method, path, feature]))(
    'says of %s %s that it is not there yet',
    async (method, path, feature) => {
      const world = await apiWorld();
      const event = httpEvent(method, path.replaceAll(/{\w+}/g, 'x'));
      expect(await send(event, world)).toMatchObject({
        status: 501,
        body: refusal('Holdfast.NotImplemented', feature),
      });
      expect(world.probe.problems).toEqual([]);
      expect(world.probe.notes).toMatchObject([
        { event: 'api.answered', facts: { status: 501, code: 'Holdfast.NotImplemented' } },
      ]);
    },
  );
});

describe('bodies', () => {
  const post = async (body: string, more: object = {}) => {
    const world = await apiWorld();
    const event = {
      ...httpEvent('POST', `/v3/${PROJECT}/vaults`, { token: world.token, body }),
      ...more,
    };
    return send(event, world);
  };
  const nested = (depth: number) => `{"vault":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  it.each([
    ['no JSON', '{', 'must be JSON'],
    ['a list', '[]', 'must be a JSON object'],
    ['null', 'null', 'must be a JSON object'],
    ['a text', '"x"', 'must be a JSON object'],
    ['deep nesting', nested(BODY_DEPTH_MAX), `is nested deeper than ${BODY_DEPTH_MAX}`],
    ['a body that is too large', `{"a":"${'x'.repeat(BODY_BYTES_MAX)}"}`, 'is larger than'],
  ])('refuses %s', async (_, body, text) => {
    expect(await post(body)).toMatchObject({
      status: 400,
      body: refusal('BackupService.9900', `body: ${text}`),
    });
  });

  it('refuses bytes that are no UTF-8', async () => {
    const body = Buffer.from([0x7b, 0xff, 0x7d]).toString('base64');
    expect((await post(body, { isBase64Encoded: true })).body).toEqual(
      refusal('BackupService.9900', 'UTF-8'),
    );
  });

  it('does not count brackets within texts, nor refuse what is just deep enough', async () => {
    expect((await post(nested(BODY_DEPTH_MAX - 1))).body).toEqual(
      refusal('BackupService.9900', 'vault: '),
    );
    const name = `"${'[{'.repeat(BODY_DEPTH_MAX)}\\`;
    expect((await post(JSON.stringify(vaultRequest({ name, note: '\\"' })))).body).toEqual(
      refusal('BackupService.9900', 'vault.name'),
    );
  });

  it('takes no longer for a text that never ends', async () => {
    const startedMs = performance.now();
    const answer = await post(`{"a":"${'\\"'.repeat(BODY_BYTES_MAX / 2 - 10)}`);
    expect(answer.body).toEqual(refusal('BackupService.9900', 'must be JSON'));
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });

  it('says which field is missing when there is no body', async () => {
    expect((await post('')).body).toEqual(refusal('BackupService.9900', 'vault: '));
  });

  it('reads a body in base64', async () => {
    const body = Buffer.from(JSON.stringify(vaultRequest({ description: 'ä' }))).toString('base64');
    expect(await post(body, { isBase64Encoded: true })).toMatchObject({
      status: 200,
      body: { vault: { description: 'ä' } },
    });
  });

  it('is not harmed by names of the language', async () => {
    const request = JSON.stringify(vaultRequest()).replace(
      '{"vault":{',
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"vault":{"__proto__":{"locked":true},',
    );
    expect(await post(request)).toMatchObject({ status: 200, body: { vault: { locked: false } } });
    expect('polluted' in {}).toBe(false);
  });
});

describe('failures', () => {
  it('are answered without what is inside, and noted with it', async () => {
    const world = await apiWorld();
    const failures: [unknown, number, string, string][] = [
      [new Error('secret'), 500, 'BackupService.9910', 'Unknown error.'],
      ['secret', 500, 'BackupService.9910', 'Unknown error.'],
      [
        new HoldfastError('store.denied', { operation: 'get', key: 'secret' }),
        500,
        'BackupService.9910',
        'Unknown error.',
      ],
      [
        new HoldfastError('catalog.conflict', { item: 'secret', reason: 'x' }),
        500,
        'BackupService.9910',
        'Unknown error.',
      ],
      [
        new HoldfastError('store.unavailable', { operation: 'get', key: 'secret' }),
        503,
        'Holdfast.Unavailable',
        'The service cannot answer right now; try again.',
      ],
    ];
    for (const [failure, status, code, text] of failures) {
      const get = async () => {
        throw failure;
      };
      const catalog = { ...world.catalog, vaults: { ...world.catalog.vaults, get } };
      const answer = await world.call('GET', `/vaults/${world.ids.uuid()}`, undefined, {
        ...world,
        catalog,
      });
      expect(answer).toMatchObject({ status, body: { error_code: code, error_msg: text } });
      expect(world.probe.problems.at(-1)).toMatchObject({
        event: 'api.failed',
        error: failure,
        facts: { requestId: answer.headers['x-request-id'], operation: 'ShowVault' },
      });
    }
  });

  it('that are refusals are no problems', async () => {
    const world = await apiWorld();
    await world.call('GET', `/vaults/${world.ids.uuid()}`);
    expect(world.probe.problems).toEqual([]);
    expect(world.probe.notes.at(-1)).toMatchObject({
      event: 'api.answered',
      facts: { operation: 'ShowVault', status: 404, code: 'BackupService.6105' },
    });
  });

  it('answers before the function is stopped', async () => {
    const world = await apiWorld();
    const get = () => new Promise<never>(() => undefined);
    const catalog = { ...world.catalog, vaults: { ...world.catalog.vaults, get } };
    const handler = vaultsFunction(() => ({ ...world, catalog }));
    const path = `/v3/${PROJECT}/vaults/${world.ids.uuid()}`;
    const context = { getRemainingTimeInMillis: () => 520 } as Context;
    const { statusCode, body } = await handler(
      httpEvent('GET', path, { token: world.token }),
      context,
    );
    expect(statusCode).toBe(503);
    expect(JSON.parse(body!)).toEqual(refusal('Holdfast.Unavailable'));
  });

  it('fails as a whole when its ports cannot be made', async () => {
    const handler = vaultsFunction(() => {
      throw new HoldfastError('config.invalid', { name: 'X', reason: 'missing' });
    });
    await expect(handler(httpEvent('GET', '/v3/p/vaults'), {} as Context)).rejects.toThrow(
      'Setting X: missing',
    );
  });
});

it('gives every answer its headers', async () => {
  const world = await apiWorld();
  const { headers } = await world.call('GET', '/vaults');
  expect(headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  });
  const deleted = await world.call('DELETE', `/vaults/${await world.addVault()}`);
  expect(Object.keys(deleted.headers)).toEqual(['x-request-id', 'cache-control']);
});
