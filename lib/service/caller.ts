import type { ProjectId } from '../model/ids.ts';

/** On whose behalf a use case runs. */
export interface Caller {
  projectId: ProjectId;
  userId: string;
  requestId: string;
}
