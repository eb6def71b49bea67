import type { ProjectId } from '../model/ids.ts';

/** On whose behalf a use case runs. */
export interface Caller {
  projectId: ProjectId;
  userId: string;
  requestId: string;
  /** The access key that signed the request, on routes where that is all that is asked. */
  accessKeyId?: string;
}
