import { createHash } from 'node:crypto';
import type { AccessKey, Credential, Grant, Role } from '../model/credential.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { KeyProvider } from '../ports/key-provider.ts';

/** What the operator's commands need. No function has them: whoever makes a credential is one. */
export interface CredentialPorts {
  catalog: Pick<Catalog, 'credentials' | 'accessKeys'>;
  keys: KeyProvider;
  clock: Clock;
  ids: Ids;
}

export type CredentialKind = 'token' | 'access-key';

export interface CreateCredential {
  kind: CredentialKind;
  projectId: string;
  userId: string;
  role: Role;
  /** Absent = until it is revoked. */
  lifetimeMs?: number;
}

/** A credential as its owner gets it, once: what is stored cannot give the secret back. */
export interface CreatedCredential extends Grant {
  kind: CredentialKind;
  /** The access key's id, or the token's SHA-256. */
  id: string;
  secret: string;
}

const TOKEN_BYTES = 32;
/** 20 and 40 characters, as long as those of the clouds that clients know. */
const ACCESS_KEY_BYTES = 10;
const SECRET_BYTES = 30;

/** Makes a token, of which its hash is stored, or an access key, of which the secret is wrapped. */
export async function createCredential(
  { kind, lifetimeMs, ...command }: CreateCredential,
  ports: CredentialPorts,
): Promise<CreatedCredential> {
  const createdAtMs = ports.clock.nowMs();
  const grant: Grant = {
    ...command,
    createdAtMs,
    ...(lifetimeMs === undefined ? {} : { expiresAtMs: createdAtMs + lifetimeMs }),
  };
  const { id, secret } =
    kind === 'token' ? await makeToken(grant, ports) : await makeKey(grant, ports);
  return { kind, id, secret, ...grant };
}

async function makeToken(grant: Grant, { catalog, ids }: CredentialPorts) {
  const secret = newToken(ids);
  const credential: Credential = { ...grant, tokenSha256: tokenHash(secret) };
  await catalog.credentials.put(credential);
  return { id: credential.tokenSha256, secret };
}

async function makeKey(grant: Grant, { catalog, ids, keys }: CredentialPorts) {
  const id = Buffer.from(ids.bytes(ACCESS_KEY_BYTES)).toString('hex').toUpperCase();
  const secret = Buffer.from(ids.bytes(SECRET_BYTES)).toString('base64url');
  const wrapped = await keys.wrap(Buffer.from(secret), { accessKeyId: id });
  const key: AccessKey = { ...grant, id, provider: keys.name, wrapped };
  await catalog.accessKeys.put(key);
  return { id, secret };
}

/** 256 random bits, in characters that may stand in any header. */
export const newToken = (ids: Ids): string =>
  Buffer.from(ids.bytes(TOKEN_BYTES)).toString('base64url');

/** By what a token is known. */
export const tokenHash = (token: string): string =>
  createHash('sha256').update(token).digest('hex');
