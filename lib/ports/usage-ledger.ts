import type { ProjectId } from '../model/ids.ts';
import type { UsageSample, VaultChange } from '../model/usage-ledger.ts';
import type { Vault } from '../model/vault.ts';

/**
 * What vaults were and held, for as long as it is kept; it outlives them. The guarantees are those
 * of `Catalog`. Changes are put by the methods that make them, in the same transaction:
 * `vaults.create`, `vaults.update` if it changes what is metered, `vaults.delete` and
 * `garbage.startDeletingVault`.
 */
export interface UsageLedger {
  /**
   * Consistent: the changes of the project's vaults, of all projects without one; those of a vault
   * follow one another, ascending by revision.
   */
  changes(projectId?: ProjectId): AsyncIterable<VaultChange>;
  /**
   * Meters a vault that has no change, as one that was rebuilt from its objects, from its creation;
   * nothing when its revision has one.
   */
  begin(vault: Vault): Promise<void>;
  /** Removes a change; idempotent. */
  removeChange(change: VaultChange): Promise<void>;

  /** Keeps a sample; the first one of a vault and hour stays. */
  addSample(sample: UsageSample): Promise<void>;
  /** Consistent: the samples of the day (UTC) that began at `dayMs`, by vault and time. */
  samples(projectId: ProjectId, dayMs: number): AsyncIterable<UsageSample>;
  /** Removes the project's samples of days that began before `dayMs`; idempotent. */
  removeSamples(projectId: ProjectId, dayMs: number): Promise<void>;
}
