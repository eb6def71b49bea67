import { randomUUID } from 'node:crypto';
import { allSlots } from '../../lib/model/pack.ts';
import type { Vault } from '../../lib/model/vault.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import type { Cycle } from '../../lib/ports/garbage-catalog.ts';
import { AT_MS, givenCommitted, givenOpenPack } from './catalog-records.ts';

/** A run that has its horizon: the cycle's own epoch unless told. */
export const givenCycle = async (
  catalog: Catalog,
  vaultId: string,
  m0?: number,
): Promise<{ cycle: Cycle; m0: number }> => {
  const cycle = await catalog.garbage.begin(vaultId, randomUUID());
  return { cycle, m0: await catalog.garbage.setHorizon(cycle, m0 ?? cycle.epoch) };
};

/** A pack of 9 slots that was written at `startEpoch`. */
export const givenSealedPack = async (
  catalog: Catalog,
  vault: Vault,
  startEpoch = 1,
): Promise<string> => {
  const { id } = await givenOpenPack(catalog, vault);
  await catalog.packs.seal(vault.id, id, { slotCount: 9, storedBytes: 900, startEpoch });
  return id;
};

/** A pack that an earlier cycle has condemned. */
export const givenCondemned = async (catalog: Catalog, vault: Vault): Promise<string> => {
  const id = await givenSealedPack(catalog, vault);
  const { cycle, m0 } = await givenCycle(catalog, vault.id);
  await catalog.garbage.condemn(cycle, id, m0);
  return id;
};

/** A backup that was whole and is hidden. */
export const givenHidden = async (catalog: Catalog, vault: Vault, atMs = AT_MS + 6000) => {
  const { backup } = await givenCommitted(catalog, vault);
  await catalog.backups.hide(backup.projectId, backup.id, atMs);
  return catalog.backups.get(backup.projectId, backup.id);
};

/** The bits of 9 slots without those given. */
export const without = (...slots: number[]): Uint8Array => {
  const bits = allSlots(9);
  for (const slot of slots) bits[slot >> 3]! &= ~(1 << (slot & 7));
  return bits;
};
