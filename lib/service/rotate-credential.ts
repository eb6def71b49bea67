import { HoldfastError } from '../errors.ts';
import type { Grant } from '../model/credential.ts';
import {
  type CreatedCredential,
  type CredentialPorts,
  createCredential,
} from './create-credential.ts';

/**
 * Makes a new credential with the rights and the lifetime of an old one, which ends after `graceMs`
 * (or earlier, if it was to): so long its owner has to change over. `credential.missing` when there
 * is none.
 */
export async function rotateCredential(
  { id, graceMs }: { id: string; graceMs: number },
  ports: CredentialPorts,
): Promise<CreatedCredential> {
  const { credentials, accessKeys } = ports.catalog;
  const key = await accessKeys.find(id);
  const token = key ? null : await credentials.find(id);
  const old = key ?? token;
  if (!old) throw new HoldfastError('credential.missing', { id });
  const { projectId, userId, role, createdAtMs, expiresAtMs } = old;
  // The new one first: a rotation that stops half-way leaves its owner with one that is good.
  const created = await createCredential(
    {
      kind: key ? 'access-key' : 'token',
      projectId,
      userId,
      role,
      ...(expiresAtMs === undefined ? {} : { lifetimeMs: expiresAtMs - createdAtMs }),
    },
    ports,
  );
  const end = endOf(old, ports.clock.nowMs() + graceMs);
  if (key) await accessKeys.put({ ...key, expiresAtMs: end });
  if (token) await credentials.put({ ...token, expiresAtMs: end });
  return created;
}

const endOf = ({ expiresAtMs = Number.MAX_SAFE_INTEGER }: Grant, atMs: number): number =>
  Math.min(expiresAtMs, atMs);
