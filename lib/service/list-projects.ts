import { HoldfastError } from '../errors.ts';
import { DOMAIN } from '../model/domain.ts';
import type { ProjectId } from '../model/ids.ts';
import type { Caller } from './caller.ts';

/**
 * The projects that a credential may know of: its own. `Holdfast.NotFound` when a domain is named
 * and it is another one than there is (spec section 9.7).
 */
export async function listProjects(
  { domainName = DOMAIN.name }: { domainName?: string },
  { projectId }: Caller,
): Promise<ProjectId[]> {
  if (domainName !== DOMAIN.name) {
    throw new HoldfastError('Holdfast.NotFound', { path: `/v3/domain/${domainName}/projects` });
  }
  return [projectId];
}
