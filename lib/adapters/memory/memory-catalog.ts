import type { Catalog } from '../../ports/catalog.ts';
import { memoryBackups } from './memory-catalog-backups.ts';
import {
  memoryAccessKeys,
  memoryCredentials,
  memoryRequests,
} from './memory-catalog-credentials.ts';
import { memoryGarbage } from './memory-catalog-garbage.ts';
import { memoryPacks } from './memory-catalog-packs.ts';
import { memoryPolicies } from './memory-catalog-policies.ts';
import { memoryReconciling } from './memory-catalog-reconcile.ts';
import { memorySessions } from './memory-catalog-sessions.ts';
import { memoryCatalogState } from './memory-catalog-state.ts';
import { memoryTasks } from './memory-catalog-tasks.ts';
import { memoryVaults } from './memory-catalog-vaults.ts';
import { memoryUsageLedger } from './memory-usage-ledger.ts';

/**
 * A catalog in the memory of one process. A method runs to its end before another begins (none of
 * them awaits anything), which makes each of them atomic. Data is copied on its way in and out.
 */
export const memoryCatalog = (state = memoryCatalogState()): Catalog => ({
  vaults: memoryVaults(state),
  backups: memoryBackups(state),
  policies: memoryPolicies(state),
  sessions: memorySessions(state),
  packs: memoryPacks(state),
  garbage: memoryGarbage(state),
  ledger: memoryUsageLedger(state),
  reconciling: memoryReconciling(state),
  tasks: memoryTasks(state),
  credentials: memoryCredentials(state),
  accessKeys: memoryAccessKeys(state),
  requests: memoryRequests(state),
});
