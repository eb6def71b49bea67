import type { Catalog } from '../../lib/ports/catalog.ts';
import { AT_MS } from './catalog-records.ts';
import { without } from './garbage-records.ts';
import type { GarbageWorld } from './garbage-world.ts';

/** Every method of the collector that writes, with a call that changes something. */
export const GARBAGE_WRITES: Record<
  string,
  (catalog: Catalog, world: GarbageWorld) => Promise<unknown>
> = {
  'garbage.begin': (c, g) => c.garbage.begin(g.vault.id, g.newRunId),
  'garbage.setHorizon': (c, g) => c.garbage.setHorizon(g.closingCycle, 1),
  'garbage.condemn': (c, g) => c.garbage.condemn(g.cycle, g.packs.sealed, g.m0),
  'garbage.revive': (c, g) => c.garbage.revive(g.cycle, g.packs.condemned),
  'garbage.startDeleting': (c, g) => c.garbage.startDeleting(g.cycle, g.packs.condemned, g.m0),
  'garbage.startDeletingOrphan': (c, g) => c.garbage.startDeletingOrphan(g.cycle, g.packs.orphan),
  'garbage.removePack': (c, g) => c.garbage.removePack(g.cycle, g.packs.deleting),
  'garbage.startShrinking': (c, g) => c.garbage.startShrinking(g.cycle, g.packs.sealed, g.m0),
  'garbage.finishShrinking': (c, g) =>
    c.garbage.finishShrinking(g.cycle, g.packs.shrinking, {
      present: without(1),
      storedBytes: 800,
    }),
  'garbage.quarantineShrinking': (c, g) =>
    c.garbage.quarantineShrinking(g.cycle, g.packs.shrinking, { live: without(1), reason: 'r' }),
  'garbage.removeRoot': (c, g) =>
    c.garbage.removeRoot(g.cycle, g.hidden, {
      m0: g.m0,
      hiddenBeforeMs: AT_MS + 7000,
    }),
  'garbage.undelete': (c, g) => c.garbage.undelete(g.vault.projectId, g.hidden.id, AT_MS + 7000),
  'garbage.removeSession': (c, g) => c.garbage.removeSession(g.cycle, g.session.id),
  'garbage.setUsed': (c, g) => c.garbage.setUsed(g.cycle, 5, g.observed),
  'garbage.removeVaultItems': (c, g) => c.garbage.removeVaultItems(g.closingCycle),
};
