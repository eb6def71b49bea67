import { describe, expect, it } from '@jest/globals';
import type { Role } from '../../../lib/model/credential.ts';
import {
  type CreateCredential,
  type CredentialKind,
  createCredential,
  tokenHash,
} from '../../../lib/service/create-credential.ts';
import { listCredentials } from '../../../lib/service/list-credentials.ts';
import { revokeCredential } from '../../../lib/service/revoke-credential.ts';
import { rotateCredential } from '../../../lib/service/rotate-credential.ts';
import { httpEvent, PROJECT, send } from '../../support/api.ts';
import { type MemoryWorld, memoryWorld } from '../../support/memory-world.ts';
import { signedEvent } from '../../support/signed-event.ts';

const KINDS: CredentialKind[] = ['token', 'access-key'];
const HOUR_MS = 3_600_000;

const some = (kind: CredentialKind, more: Partial<CreateCredential> = {}): CreateCredential => ({
  kind,
  projectId: PROJECT,
  userId: 'somebody',
  role: 'Full',
  ...more,
});

/** The status that a list of vaults is answered with. */
const statusFor = async (
  world: MemoryWorld,
  { kind, id, secret }: { kind: CredentialKind; id: string; secret: string },
  method = 'GET',
) => {
  const event = httpEvent(method, `/v3/${PROJECT}/vaults`, {
    token: kind === 'token' ? secret : undefined,
    ...(method === 'GET' ? {} : { body: {} }),
  });
  const sent =
    kind === 'token' ? event : signedEvent(event, { accessKeyId: id, secret }, world.clock.nowMs());
  return (await send(sent, world)).status;
};

describe.each(KINDS)('a credential: %s', (kind) => {
  it('lets its owner in as soon as it is made, with its role', async () => {
    const world = memoryWorld();
    const roles: Role[] = ['Full', 'ReadOnly'];
    for (const role of roles) {
      const created = await createCredential(some(kind, { role }), world);
      expect(await statusFor(world, created)).toBe(200);
      expect(await statusFor(world, created, 'POST')).toBe(role === 'Full' ? 400 : 403);
    }
  });

  it('is stored without its secret, and listed without what is stored for it', async () => {
    const world = memoryWorld();
    const { secret, ...rest } = await createCredential(some(kind), world);
    const shown = await listCredentials(PROJECT, world);
    expect(shown).toEqual([rest]);
    const stored = [
      ...(await Array.fromAsync(world.catalog.credentials.list(PROJECT))),
      ...(await Array.fromAsync(world.catalog.accessKeys.list(PROJECT))),
    ];
    expect(stored).toHaveLength(1);
    const bytes = Buffer.from(Object.values(stored[0]!).map(String).join());
    expect(bytes.includes(secret)).toBe(false);
    expect(rest.id === tokenHash(secret)).toBe(kind === 'token');
    expect(await listCredentials('other', world)).toEqual([]);
  });

  it('ends when its time has come', async () => {
    const world = memoryWorld();
    const created = await createCredential(some(kind, { lifetimeMs: HOUR_MS }), world);
    world.clock.advance(HOUR_MS - 1);
    expect(await statusFor(world, created)).toBe(200);
    world.clock.advance(1);
    expect(await statusFor(world, created)).toBe(401);
  });

  it('is gone once it is revoked', async () => {
    const world = memoryWorld();
    const created = await createCredential(some(kind), world);
    expect(await statusFor(world, created)).toBe(200);
    await revokeCredential(created.id, world);
    expect(await statusFor(world, created)).toBe(401);
    expect(await listCredentials(PROJECT, world)).toEqual([]);
    await expect(revokeCredential(created.id, world)).rejects.toMatchObject({
      code: 'credential.missing',
    });
  });

  it('works beside its successor for a while', async () => {
    const world = memoryWorld();
    const old = await createCredential(some(kind, { role: 'ReadOnly' }), world);
    world.clock.advance(1000);
    const next = await rotateCredential({ id: old.id, graceMs: HOUR_MS }, world);
    const { projectId, userId, role } = old;
    expect(next).toMatchObject({ kind, projectId, userId, role });
    expect(next.expiresAtMs).toBeUndefined();
    expect([next.id === old.id, next.secret === old.secret]).toEqual([false, false]);
    for (const one of [old, next]) expect(await statusFor(world, one)).toBe(200);
    world.clock.advance(HOUR_MS);
    expect(await statusFor(world, old)).toBe(401);
    expect(await statusFor(world, next)).toBe(200);
  });

  it('is never prolonged by being rotated, and its successor lives as long as it did', async () => {
    const world = memoryWorld();
    const old = await createCredential(some(kind, { lifetimeMs: 2 * HOUR_MS }), world);
    world.clock.advance(HOUR_MS);
    const next = await rotateCredential({ id: old.id, graceMs: 10 * HOUR_MS }, world);
    expect(next.expiresAtMs).toBe(world.clock.nowMs() + 2 * HOUR_MS);
    world.clock.advance(HOUR_MS);
    expect(await statusFor(world, old)).toBe(401);
    await expect(rotateCredential({ id: 'none', graceMs: 0 }, world)).rejects.toMatchObject({
      code: 'credential.missing',
    });
  });
});
