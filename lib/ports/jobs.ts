import type { OperationLogId, ProjectId, VaultId } from '../model/ids.ts';

/** The durable functions, one a kind of task. */
export type JobKind = 'backup' | 'restore' | 'verify' | 'move';

export interface Job {
  kind: JobKind;
  /** The execution's name: the task's id, with `-r<n>` for the n-th restart. */
  name: string;
  projectId: ProjectId;
  operationLogId: OperationLogId;
}

/** A collection of a vault's garbage; it has no task. */
export interface Collection {
  name: string;
  projectId: ProjectId;
  vaultId: VaultId;
}

/**
 * Starts durable executions. Guarantees: the same name starts one execution, however often it is
 * asked for; once `start` resolves, the execution will run, crashes or not. Fails with
 * `job.unavailable`, after which it may or may not have been started.
 */
export interface Jobs {
  start(job: Job): Promise<void>;
  collect(collection: Collection): Promise<void>;
  /** No durable execution: it will run, perhaps twice, and two at once do no harm. */
  audit(vault: Pick<Collection, 'projectId' | 'vaultId'>): Promise<void>;
}
