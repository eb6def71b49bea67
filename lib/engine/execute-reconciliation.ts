import { isError } from '../errors.ts';
import { manifestKey, type VaultAddress } from '../format/object-keys.ts';
import type { BlockIndex } from '../ports/block-index.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Cycle } from '../ports/garbage-catalog.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { indexPacks } from './index-packs.ts';
import { isStored } from './is-stored.ts';
import type { ReconciliationPlan } from './plan-reconciliation.ts';
import { runLanes } from './run-lanes.ts';
import type { VaultKeys } from './vault-keys.ts';

/** Catalog writes at once. */
const LANES = 16;

export interface Reconciling extends VaultAddress {
  run: Cycle;
  catalog: Catalog;
  objects: ObjectStore;
  vaultKeys: VaultKeys;
  index: BlockIndex;
  /** The vault's first key: names in the index are made with it. */
  indexKeyId: string;
  nowMs: number;
}

/**
 * Ends every session of before. Nobody writes any more after this, but for a session whose manifest
 * is stored: its backup may have been committed in the time that the catalog has lost.
 */
export const fenceSessions = async ({
  catalog,
  objects,
  ...vault
}: Pick<Reconciling, 'projectId' | 'vaultId' | 'catalog' | 'objects'>): Promise<void> => {
  for (const { id, kind } of await catalog.sessions.listOpen(vault.vaultId)) {
    const isWhole = kind === 'write' && (await isStored(manifestKey(vault, id), objects));
    if (!isWhole) await catalog.sessions.end(vault.vaultId, id, 'FENCED');
  }
};

/**
 * Makes the catalog what the plan says. Each step is conditional on the run and may be repeated;
 * whoever resumes plans anew. The index comes after its packs (rule R2), the backups after all that
 * they name, the used bytes last.
 */
export const executeReconciliation = async (
  plan: ReconciliationPlan,
  { run, catalog, ...reconciling }: Reconciling,
): Promise<void> => {
  const { reconciling: changes, garbage, backups, sessions } = catalog;
  const { vaultId, nowMs } = reconciling;
  const each = <T>(items: T[], change: (item: T) => Promise<unknown>) =>
    runLanes(items.values(), LANES, async (item) => {
      await change(item);
    });
  await each(plan.packs, (pack) => changes.putPack(run, pack));
  await each(plan.dropped, (packId) => changes.dropPack(run, packId));
  await indexPacks(plan.indexed, reconciling);
  await each(plan.sessions, (session) => changes.putSession(run, session));
  await each(plan.checkpoints, (checkpoint) => changes.putCheckpoint(run, checkpoint));
  await each(plan.bringBack, ({ backup, session }) => changes.bringBack(run, backup, session));
  await each(plan.giveUp, (backup) => changes.giveUp(run, backup, GONE, nowMs));
  await each([...plan.damaged, ...damagedOf(plan.bringBack)], ({ backup, failure }) =>
    unlessDeleted(
      backups.setStatus(backup.projectId, backup.id, 'error', { atMs: nowMs, failure }),
    ),
  );
  await each(plan.hideAnew, (backup) => changes.hideAnew(run, backup, nowMs));
  // Sessions with a manifest that was not chosen.
  for (const { id } of await sessions.listOpen(vaultId)) await sessions.end(vaultId, id, 'FENCED');
  await garbage.setUsed(run, plan.usedBytes, await garbage.observeUsage(vaultId));
};

/** Whoever wrote one may have committed it just before: then it is not marked yet. */
const damagedOf = (broughtBack: ReconciliationPlan['bringBack']): ReconciliationPlan['damaged'] =>
  broughtBack.flatMap(({ backup }) =>
    backup.failure === undefined ? [] : [{ backup, failure: backup.failure }],
  );

/** Deletions go on meanwhile. */
const unlessDeleted = async (change: Promise<unknown>): Promise<void> => {
  try {
    await change;
  } catch (error) {
    if (!isError(error, 'catalog.conflict')) throw error;
  }
};

const GONE = {
  code: 'Holdfast.Damaged',
  message: 'Its blocks were freed after the time that the catalog was restored to; delete it.',
};
