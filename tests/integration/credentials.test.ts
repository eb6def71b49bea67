import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { vaultResponse } from '../../lib/api/vault-schemas.ts';
import { readIdentity } from '../../local/home.ts';
import { httpEvent, vaultRequest } from '../support/api.ts';
import { LocalMode } from '../support/local-mode.ts';
import { signedEvent } from '../support/signed-event.ts';

const TEST_MS = 180_000;

let mode: LocalMode;
beforeAll(async () => {
  mode = await LocalMode.create();
  await mode.start();
}, TEST_MS);
afterAll(() => mode.dispose());

/** A command of the CLI that must succeed; its JSON. */
const holdfast = async (args: string[]): Promise<Record<string, string>> => {
  const { code, stdout, stderr } = await mode.run('cli.ts', [...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, string>;
};

describe('credentials', () => {
  it(
    'are made, used, rotated and revoked by commands',
    async () => {
      const { projectId, token } = await readIdentity(mode.home);
      const statusOf = async (secret: string) => {
        const headers = { 'X-Auth-Token': secret };
        return (await fetch(`${mode.url}/v3/${projectId}/vaults`, { headers })).status;
      };
      const reader = await holdfast(['credential', 'create', '--token', '--role', 'ReadOnly']);
      expect(await statusOf(reader['secret']!)).toBe(200);
      const rotate = ['credential', 'rotate', reader['id']!, '--grace-hours', '0'];
      const next = await holdfast(rotate);
      expect([await statusOf(reader['secret']!), await statusOf(next['secret']!)]).toEqual([
        401, 200,
      ]);
      await holdfast(['credential', 'revoke', next['id']!]);
      expect(await statusOf(next['secret']!)).toBe(401);

      const key = await holdfast(['credential', 'create', '--days', '1', '--user', 'alice']);
      const pair = { access: { key: key['id'] }, secret: { key: key['secret'] } };
      const answer = await fetch(`${mode.url}/v3/auth/tokens`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          auth: { identity: { methods: ['hw_ak_sk'], hw_ak_sk: pair } },
        }),
      });
      expect(answer.status).toBe(201);
      expect(await statusOf(answer.headers.get('x-subject-token') ?? '')).toBe(200);

      const listed = await holdfast(['credential', 'list']);
      expect(Object.keys(listed).toSorted()).toEqual(
        [reader['id']!, key['id']!, createHash('sha256').update(token).digest('hex')].toSorted(),
      );
      expect(JSON.stringify(listed)).not.toContain(key['secret']);
    },
    TEST_MS,
  );

  it(
    'sign requests, whose bytes reach the function as they were sent',
    async () => {
      const { projectId } = await readIdentity(mode.home);
      const { id, secret } = await holdfast(['credential', 'create']);
      const name = 'signed-vault';
      const body = JSON.stringify(vaultRequest({ name, description: 'täglich' }));
      const event = httpEvent('POST', `/v3/${projectId}/vaults`, { body });
      const key = { accessKeyId: id!, secret: secret! };
      const signed = signedEvent(event, key, Date.now(), new URL(mode.url).host);
      const { Host: _, ...headers } = signed.headers as Record<string, string>;
      const sent = {
        method: 'POST',
        headers: { ...headers, 'Content-Type': 'application/json' },
        body,
      };
      const [first, again, changed] = [
        await fetch(`${mode.url}${event.rawPath}`, sent),
        await fetch(`${mode.url}${event.rawPath}`, sent),
        await fetch(`${mode.url}${event.rawPath}`, { ...sent, body: body.replace('ä', 'a') }),
      ];
      expect([first.status, again.status, changed.status]).toEqual([200, 401, 401]);
      expect(vaultResponse.parse(await first.json()).vault.description).toBe('täglich');
    },
    TEST_MS,
  );

  it('are of the known roles, and of a project', async () => {
    const { code, stderr } = await mode.run('cli.ts', ['credential', 'create', '--role', 'Admin']);
    expect([code, stderr]).toEqual([1, '--role is one of Full, BackupsAndVaults, ReadOnly.\n']);
    const deployed = ['credential', 'list', '--stage', 'prod', '--region', 'eu-west-1'];
    expect(await mode.run('cli.ts', deployed)).toMatchObject({
      code: 1,
      stderr: '--project is the id of a project: up to 64 letters, digits or -.\n',
    });
  });
});
