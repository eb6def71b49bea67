import { HoldfastError } from '../errors.ts';
import type { ProjectId } from '../model/ids.ts';
import type { Caller } from './caller.ts';

/** The credential's own project. `Holdfast.NotFound` for any other: nobody learns which exist. */
export async function showProject(
  { projectId }: { projectId: ProjectId },
  caller: Caller,
): Promise<ProjectId> {
  if (projectId !== caller.projectId) {
    throw new HoldfastError('Holdfast.NotFound', { path: `/v3/domain/${projectId}` });
  }
  return projectId;
}
