import { randomUUID } from 'node:crypto';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { AT_MS, givenProtecting, givenVault, somePackId, someStats } from './catalog-records.ts';
import { givenCycle, givenHidden, givenSealedPack } from './garbage-records.ts';

export type GarbageWorld = Awaited<ReturnType<typeof givenGarbage>>;

/** A vault in which every write of the collector finds something to do, and one to be ended. */
export const givenGarbage = async (catalog: Catalog, projectId: string) => {
  const { garbage, sessions } = catalog;
  const vault = await givenVault(catalog, { projectId });
  const hidden = await givenHidden(catalog, vault);
  const { session, backup } = await givenProtecting(catalog, vault);
  const range = { from: 0, to: 1, segments: [null], stats: someStats() };
  await sessions.putRange(vault.id, session.id, range);
  await sessions.end(vault.id, session.id, 'FENCED');
  const packs = {
    sealed: await givenSealedPack(catalog, vault),
    condemned: await givenSealedPack(catalog, vault),
    deleting: await givenSealedPack(catalog, vault),
    shrinking: await givenSealedPack(catalog, vault),
    orphan: somePackId(),
  };
  const first = await givenCycle(catalog, vault.id);
  for (const id of [packs.condemned, packs.deleting])
    await garbage.condemn(first.cycle, id, first.m0);
  const second = await givenCycle(catalog, vault.id);
  await garbage.startDeleting(second.cycle, packs.deleting, second.m0);
  await garbage.startShrinking(second.cycle, packs.shrinking, second.m0);
  const observed = await garbage.observeUsage(vault.id);

  const closing = await givenVault(catalog, { projectId });
  await garbage.startDeletingVault(projectId, closing.id, AT_MS);
  return {
    vault,
    hidden,
    protected: backup,
    session,
    packs,
    observed,
    ...(await givenCycle(catalog, vault.id)),
    newRunId: randomUUID(),
    closing,
    /** It has no horizon yet. */
    closingCycle: await garbage.begin(closing.id, randomUUID()),
  };
};
