import { createHash, timingSafeEqual } from 'node:crypto';
import { HoldfastError } from '../errors.ts';
import {
  type AccessKey,
  type GivenToken,
  hasExpired,
  type IssuedToken,
} from '../model/credential.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { newToken, tokenHash } from './create-credential.ts';
import { limitRequests } from './limit-requests.ts';
import { openSecret } from './open-secret.ts';

/** How long a token is good that is given for an access key. */
export const TOKEN_LIFETIME_MS = 60 * 60_000;

/** Who wants a token: the key and its secret, or null when the request itself is signed. */
export interface IssueToken {
  key: { accessKeyId: string; secret: string } | null;
  /** Absent = the key's project, which is the only one it has. */
  scope?: { id?: string | undefined; name?: string | undefined };
}

/**
 * Gives a short-lived token for an access key, which may what the key may and ends with it.
 * `Holdfast.Unauthenticated` when nothing proves that the caller has the key, or when the project
 * is not the key's.
 */
export async function issueToken(
  { key: given, scope = {} }: IssueToken,
  caller: Caller,
  ports: ApiPorts,
): Promise<GivenToken> {
  const key = given ? await provenKey(given, ports) : await signersKey(caller, ports);
  checkScope(scope, key, ports.settings.region);
  const token = newToken(ports.ids);
  const createdAtMs = ports.clock.nowMs();
  const issued: IssuedToken = {
    tokenSha256: tokenHash(token),
    accessKeyId: key.id,
    createdAtMs,
    expiresAtMs: Math.min(createdAtMs + TOKEN_LIFETIME_MS, key.expiresAtMs ?? Infinity),
  };
  await ports.catalog.accessKeys.issue(issued);
  const { projectId, userId, role } = key;
  return { ...issued, token, grant: { projectId, userId, role } };
}

async function provenKey(
  { accessKeyId, secret }: { accessKeyId: string; secret: string },
  ports: ApiPorts,
): Promise<AccessKey> {
  const key = await liveKey(accessKeyId, ports);
  const isRight = key && isSame(await openSecret(key, ports.keys), secret);
  if (!isRight) throw refused('the access key is unknown or its secret is wrong');
  // Not before: whoever knows the id could lock the owner out by guessing.
  await limitRequests(key.id, ports);
  return key;
}

async function signersKey({ accessKeyId }: Caller, ports: ApiPorts): Promise<AccessKey> {
  const key = accessKeyId === undefined ? null : await liveKey(accessKeyId, ports);
  if (!key) throw refused('the request names no access key and is not signed with one');
  return key;
}

async function liveKey(id: string, { catalog, clock }: ApiPorts): Promise<AccessKey | null> {
  const key = await catalog.accessKeys.find(id);
  return key && !hasExpired(key, clock.nowMs()) ? key : null;
}

/** A project goes by its id here; clients of the clouds name it after the region. */
function checkScope(
  { id, name }: NonNullable<IssueToken['scope']>,
  { projectId }: AccessKey,
  region: string,
): void {
  const isOwn = id === undefined || id === projectId;
  const isNamed = name === undefined || name === projectId || name === region;
  if (!isOwn || !isNamed) throw refused('the access key is not of that project');
}

/** Takes the same time wherever the two differ, and however long they are. */
const isSame = (secret: Uint8Array, given: string): boolean =>
  timingSafeEqual(sha256(secret), sha256(given));

const sha256 = (data: string | Uint8Array): Uint8Array =>
  createHash('sha256').update(data).digest();

const refused = (reason: string): HoldfastError =>
  new HoldfastError('Holdfast.Unauthenticated', { reason });
