import type { RouteFacts } from '../api/route.ts';
import { HoldfastError } from '../errors.ts';
import { roleAllows } from '../model/credential.ts';
import type { HttpRequest } from '../model/request-signature.ts';
import type { ApiPorts } from '../service/api-ports.ts';
import type { Caller } from '../service/caller.ts';
import { identifyCaller } from '../service/identify-caller.ts';
import { limitRequests } from '../service/limit-requests.ts';
import { type HttpEvent, pathOf, signedRequestOf } from './http-function-request.ts';

/**
 * Who calls, admitted to a route: a token or a signature proves it, the credential has not asked
 * for too much, the project in the path is its own (else there is nothing there for this caller),
 * and its role allows the route's action.
 */
export async function admitCaller(
  event: HttpEvent,
  route: RouteFacts,
  path: Record<string, string>,
  requestId: string,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'keys' | 'settings'>,
): Promise<Caller> {
  const request = signedRequestOf(event);
  if (route.action === null) {
    const nobody = { projectId: '', userId: '', requestId };
    if (!route.mayBeSigned || !request.headers['authorization']) return nobody;
    const { credentialId, accessKeyId } = await identifyCaller(request, requestId, ports);
    await limitRequests(credentialId, ports);
    return accessKeyId === undefined ? nobody : { ...nobody, accessKeyId };
  }
  const identity = await identifyCaller(request, requestId, ports);
  const { projectId, userId, role } = identity;
  await limitRequests(identity.credentialId, ports);
  // Few routes are no project's: they are about the credential's.
  if ('project_id' in path && path['project_id'] !== projectId) {
    throw new HoldfastError('Holdfast.NotFound', { path: pathOf(event) });
  }
  checkProjectHeader(request, projectId);
  if (!roleAllows(role, route.action)) {
    throw new HoldfastError('Holdfast.ActionDenied', { action: route.action });
  }
  return { projectId, userId, requestId };
}

/**
 * The SDKs name the project of their credential in a header too (spec section 9.1). Where it is
 * another one, nobody can say which was meant: `BackupService.9900`.
 */
function checkProjectHeader({ headers }: HttpRequest, projectId: string): void {
  const named = headers['x-project-id'];
  if (named !== undefined && named !== projectId) {
    const reason = 'names another project than the credential has';
    throw new HoldfastError('BackupService.9900', { field: 'X-Project-Id', reason });
  }
}
