import { createHash } from 'node:crypto';
import type { RouteFacts } from '../api/route.ts';
import { HoldfastError } from '../errors.ts';
import { type Credential, roleAllows } from '../model/credential.ts';
import type { ApiPorts } from '../service/api-ports.ts';
import type { Caller } from '../service/caller.ts';
import { type HttpEvent, headerOf, pathOf } from './http-function-request.ts';

/** Longer than any token that we make; hashing stops there. */
const TOKEN_CHARACTERS_MAX = 4096;

/**
 * Who calls, admitted to a route: the token is known, the project in the path is the token's (else
 * there is nothing there for this caller), and its role allows the route's action.
 */
export async function admitCaller(
  event: HttpEvent,
  route: RouteFacts,
  path: Record<string, string>,
  requestId: string,
  ports: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<Caller> {
  if (route.action === null) return { projectId: '', userId: '', requestId };
  const { projectId, userId, role } = await authenticate(event, ports);
  if (path['project_id'] !== projectId) {
    throw new HoldfastError('Holdfast.NotFound', { path: pathOf(event) });
  }
  if (!roleAllows(role, route.action)) {
    throw new HoldfastError('Holdfast.ActionDenied', { action: route.action });
  }
  return { projectId, userId, requestId };
}

async function authenticate(
  event: HttpEvent,
  { catalog, clock }: Pick<ApiPorts, 'catalog' | 'clock'>,
): Promise<Credential> {
  const token = headerOf(event, 'x-auth-token');
  if (!token) throw refused('the header X-Auth-Token is missing');
  if (token.length > TOKEN_CHARACTERS_MAX) throw refused('the token is unknown');
  const credential = await catalog.credentials.find(
    createHash('sha256').update(token).digest('hex'),
  );
  if (!credential) throw refused('the token is unknown');
  if (credential.expiresAtMs !== undefined && credential.expiresAtMs <= clock.nowMs()) {
    throw refused('the token has expired');
  }
  return credential;
}

const refused = (reason: string): HoldfastError =>
  new HoldfastError('Holdfast.Unauthenticated', { reason });
