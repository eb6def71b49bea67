import type { PolicyId, ProjectId, VaultId } from './ids.ts';
import type { PolicyType } from './policy.ts';

/** A policy that is applied to a vault; a vault has one of each type at most (spec section 4.1). */
export interface AppliedPolicy {
  projectId: ProjectId;
  vaultId: VaultId;
  type: PolicyType;
  policyId: PolicyId;
  /** Replication: where to. */
  destinationVaultId?: VaultId;
  /** Time points up to here are settled: run, skipped, or before anything was to run. */
  settledUntilMs: number;
  /** Who runs a time point right now. A claim that was not settled in time may be taken over. */
  claim?: Claim;
  appliedAtMs: number;
}

export interface Claim {
  /** Drawn by the one who claims. */
  id: string;
  pointMs: number;
  untilMs: number;
}
