import type { Transitions } from './state-table.ts';

/**
 * Whether a vault's epoch lets sessions and cycles in. RECONCILING: the catalog is being made to
 * agree with the objects; no session opens and nothing is collected until that is done.
 */
export type EpochState = 'OPEN' | 'RECONCILING';

export const EPOCH_TRANSITIONS: Transitions<EpochState> = {
  OPEN: ['RECONCILING'],
  // Another run takes a reconciliation over that was given up half-way.
  RECONCILING: ['OPEN', 'RECONCILING'],
};
