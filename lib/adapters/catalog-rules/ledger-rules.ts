import { isDeepStrictEqual } from 'node:util';
import {
  hourOf,
  type MeteredSpec,
  type UsageSample,
  type VaultChange,
} from '../../model/usage-ledger.ts';
import type { Vault } from '../../model/vault.ts';

const specOf = ({ name, sizeGib, tags, enterpriseProjectId }: Vault): MeteredSpec => ({
  name,
  sizeGib,
  tags,
  enterpriseProjectId,
});

/** Metering begins with the vault (spec row BF1). */
export const firstChange = (vault: Vault): VaultChange => ({
  projectId: vault.projectId,
  vaultId: vault.id,
  revision: vault.revision,
  atMs: vault.createdAtMs,
  spec: specOf(vault),
});

/** `next` with its own revision; null when nothing that is metered changes. */
export const changeBetween = (stored: Vault, next: Vault): VaultChange | null =>
  isDeepStrictEqual(specOf(stored), specOf(next))
    ? null
    : { ...firstChange(next), atMs: next.updatedAtMs };

/** Metering ends at `atMs`, with the deletion of a vault as it was read (spec row B9). */
export const lastChange = (stored: Vault, atMs: number): VaultChange => ({
  projectId: stored.projectId,
  vaultId: stored.id,
  revision: stored.revision + 1,
  atMs,
});

/** One sample a vault and hour: a schedule that fires twice adds nothing. */
export const isSampleToAdd = (ofVault: readonly UsageSample[], { atMs }: UsageSample): boolean =>
  !ofVault.some((stored) => hourOf(stored.atMs) === hourOf(atMs));
