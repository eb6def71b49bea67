import type { AppliedPolicy, Claim } from '../model/applied-policy.ts';
import type { PolicyId, ProjectId, VaultId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';

/** Policies, and the vaults that they are applied to. The guarantees are those of `Catalog`. */
export interface PolicyCatalog {
  /** `BackupService.6001` when the project has 32 policies of the type. */
  create(policy: Policy): Promise<void>;
  /** `BackupService.6000` when the project has no such policy. */
  get(projectId: ProjectId, id: PolicyId): Promise<Policy>;
  /** Consistent: the project's policies, newest first. At most 32 of each type. */
  list(projectId: ProjectId): Promise<Policy[]>;
  /** Replaces the policy if its revision is still `policy.revision`; stores revision + 1. */
  update(policy: Policy): Promise<Policy>;
  /** Removes the policy; what it was applied to is removed with `unapply`, which may come later. */
  delete(projectId: ProjectId, id: PolicyId): Promise<void>;

  /**
   * In one transaction: vault and policy exist -> the policy is applied to the vault, in place of
   * another one of its type. `BackupService.6105` without the vault, `BackupService.6000` without
   * the policy.
   */
  apply(applied: Omit<AppliedPolicy, 'claim'>): Promise<void>;
  /** Takes the policy off the vault; idempotent. */
  unapply(projectId: ProjectId, vaultId: VaultId, policyId: PolicyId): Promise<void>;
  /** Consistent: the policies of the vault, one of each type at most. */
  appliedTo(projectId: ProjectId, vaultId: VaultId): Promise<AppliedPolicy[]>;
  /** Consistent: what is applied in the project; without a project, in all of them. */
  applied(projectId?: ProjectId): AsyncIterable<AppliedPolicy>;

  /**
   * Takes a time point for the one who calls: the policy is applied as `applied` says, the time
   * point is not settled, and nobody's claim is alive at `atMs`. False when it is not so.
   */
  claim(applied: AppliedPolicy, claim: Claim, atMs: number): Promise<boolean>;
  /**
   * Settles time points up to `pointMs` and drops the claim of any of them; nothing when they are
   * settled, or the policy is not applied as `applied` says any more.
   */
  settle(applied: AppliedPolicy, pointMs: number): Promise<void>;
}
