import { createHash } from 'node:crypto';
import { HoldfastError } from '../errors.ts';
import { type AccessKey, type Grant, hasExpired } from '../model/credential.ts';
import {
  type HttpRequest,
  isSignedWith,
  type SignatureClaim,
  signatureClaim,
} from '../model/request-signature.ts';
import type { ApiPorts } from './api-ports.ts';
import { openSecret } from './open-secret.ts';

/** A signature is good for so long before and after its time: clocks of callers differ. */
export const SIGNATURE_WINDOW_MS = 15 * 60_000;

/** Longer than any token that we make; hashing stops there. */
const TOKEN_CHARACTERS_MAX = 4096;

/** Who calls, and what proved it. */
export interface Identity extends Grant {
  /** An access key's id, or the SHA-256 of a token; the tokens of a key count as the key. */
  credentialId: string;
  /** The access key that signed the request itself; absent when it came with a token. */
  accessKeyId?: string;
}

export type IdentityPorts = Pick<ApiPorts, 'catalog' | 'clock' | 'keys'>;

/**
 * Who sent a request: by the token in `X-Auth-Token`, else by the signature in `Authorization`
 * (spec section 9.1). `Holdfast.Unauthenticated` when nothing proves it. A signed request that
 * changes something is taken once.
 */
export async function identifyCaller(
  request: HttpRequest,
  requestId: string,
  ports: IdentityPorts,
): Promise<Identity> {
  const token = request.headers['x-auth-token'];
  if (token) return byToken(token, ports);
  if (request.headers['authorization']) return bySignature(request, requestId, ports);
  throw refused('the header X-Auth-Token is missing, and the request is not signed');
}

async function byToken(token: string, ports: IdentityPorts): Promise<Identity> {
  if (token.length > TOKEN_CHARACTERS_MAX) throw refused('the token is unknown');
  const tokenSha256 = createHash('sha256').update(token).digest('hex');
  const { credentials, accessKeys } = ports.catalog;
  const nowMs = ports.clock.nowMs();
  const credential = await credentials.find(tokenSha256);
  if (credential) {
    if (hasExpired(credential, nowMs)) throw refused('the token has expired');
    return { ...credential, credentialId: tokenSha256 };
  }
  const issued = await accessKeys.issued(tokenSha256);
  if (!issued) throw refused('the token is unknown');
  if (hasExpired(issued, nowMs)) throw refused('the token has expired');
  const key = await liveKey(issued.accessKeyId, ports);
  if (!key) throw refused('the access key of the token is gone');
  return { ...key, credentialId: key.id };
}

async function bySignature(
  request: HttpRequest,
  requestId: string,
  ports: IdentityPorts,
): Promise<Identity> {
  const claim = signatureClaim(request);
  if (Math.abs(ports.clock.nowMs() - claim.signedAtMs) > SIGNATURE_WINDOW_MS) {
    throw refused(`X-Sdk-Date ${claim.date} is more than 15 minutes from now`);
  }
  const key = await liveKey(claim.accessKeyId, ports);
  // The same answer for both: nobody learns which keys there are.
  const isRight = key && isSignedWith(await openSecret(key, ports.keys), claim, request);
  if (!isRight) throw refused('the access key is unknown or the signature is wrong');
  if (request.method !== 'GET') await refuseReplay(claim, requestId, ports);
  return { ...key, credentialId: key.id, accessKeyId: key.id };
}

/** The key, unless there is none or it has expired. */
async function liveKey(id: string, { catalog, clock }: IdentityPorts): Promise<AccessKey | null> {
  const key = await catalog.accessKeys.find(id);
  return key && !hasExpired(key, clock.nowMs()) ? key : null;
}

/**
 * A request that reads may come again: its time has seconds alone, so that two of one second are
 * alike, and it changes nothing. For any other, whoever recorded it could repeat it.
 */
async function refuseReplay(
  { accessKeyId, signature, signedAtMs }: SignatureClaim,
  requestId: string,
  { catalog }: IdentityPorts,
): Promise<void> {
  const untilMs = signedAtMs + 2 * SIGNATURE_WINDOW_MS;
  const signed = { accessKeyId, signature, requestId, untilMs };
  if (!(await catalog.requests.admitOnce(signed))) {
    throw refused('this very request was made before; sign it again with a new X-Sdk-Date');
  }
}

const refused = (reason: string): HoldfastError =>
  new HoldfastError('Holdfast.Unauthenticated', { reason });
