import type { Backup } from '../../../model/backup.ts';
import { EPOCH_TRANSITIONS } from '../../../model/epoch.ts';
import type { VaultId } from '../../../model/ids.ts';
import type { Pack } from '../../../model/pack.ts';
import {
  SESSION_RECONCILIATIONS,
  SESSION_TRANSITIONS,
  type Session,
  type SessionState,
} from '../../../model/session.ts';
import { statesBefore } from '../../../model/state-table.ts';
import type { Cycle } from '../../../ports/garbage-catalog.ts';
import type { ReconcileCatalog } from '../../../ports/reconcile-catalog.ts';
import {
  bringingBack,
  broughtBack,
  checkReconciling,
  dropping,
  givenUp,
  isToHideAnew,
  isToReconcile,
  isToReopen,
  ownReconciliation,
  puttingSession,
  replacing,
} from '../../catalog-rules/reconcile-rules.ts';
import { isVaultToCreate } from '../../catalog-rules/vault-rules.ts';
import { countBackup, statusMoved } from './backup-counts.ts';
import type { CatalogTable } from './catalog-table.ts';
import {
  backupCodec,
  backupPointerCodec,
  checkpointCodec,
  sessionCodec,
  vaultCodec,
} from './codecs.ts';
import type { Condition, Write } from './expression.ts';
import { keys } from './keys.ts';
import { packCodec, quarantinedPackCodec } from './pack-codecs.ts';
import { readBackup, readEpoch } from './reads.ts';
import { epochCodec, epochStateOf, runningEpoch } from './run-codecs.ts';
import { settle } from './settle.ts';
import { createVaultWrites } from './vaults.ts';

/** How a catalog is made to agree with the objects: each write is a transaction with its run. */
export const dynamoReconciling = (table: CatalogTable): ReconcileCatalog => {
  /** Makes what `plan` decides on, while the vault is RECONCILING under the run. */
  const change = <T>(
    operation: string,
    run: Cycle,
    plan: () => Promise<{ done: T } | { writes: Write[]; answer: T }>,
  ): Promise<T> =>
    settle(`reconciling.${operation}`, table.limits, async () => {
      const item = await table.get(epochCodec, keys.epoch(run.vaultId));
      checkReconciling(item && runningEpoch(item), epochStateOf(item), run);
      const planned = await plan();
      if ('done' in planned) return planned;
      const { writes, answer } = planned;
      return { write: () => table.transact([isRunning(run), ...writes]).then(() => answer) };
    });

  return {
    state: async (vaultId) => epochStateOf(await readEpoch(table, vaultId)),

    async createVault(vault, wrapped) {
      const vaultId = vault.id;
      await settle('reconciling.createVault', table.limits, async () => {
        const [stored, epoch] = await table.snapshot(
          [vaultCodec, keys.vault(vaultId)],
          [epochCodec, keys.epoch(vaultId)],
        );
        if (!isVaultToCreate(stored, epoch !== null, vault)) return { done: undefined };
        const writes = createVaultWrites(vault, wrapped, { state: 'RECONCILING' });
        return { write: () => table.transact(writes) };
      });
    },

    begin: (vaultId, runId) => begin(table, vaultId, runId),

    putSession: (run, session) =>
      change('putSession', run, async () => {
        const stored = await table.get(sessionCodec, keys.session(run.vaultId, session.id));
        if (puttingSession(stored, session) !== 'write') return { done: undefined };
        const from = statesBefore(SESSION_RECONCILIATIONS, session.state);
        return { writes: sessionWrites(stored, session, from), answer: undefined };
      }),

    putPack: (run, pack) =>
      change('putPack', run, async () => {
        const stored = await table.get(packCodec, keys.pack(run.vaultId, pack.id));
        const verdict = replacing(stored, pack);
        if (typeof verdict !== 'object') return { done: verdict === 'done' };
        return { writes: putPackWrites(stored, verdict.put), answer: true };
      }),

    dropPack: (run, packId) =>
      change('dropPack', run, async () => {
        const stored = await table.get(packCodec, keys.pack(run.vaultId, packId));
        const verdict = dropping(stored);
        if (stored === null || verdict !== 'write') return { done: verdict === 'done' };
        const { vaultId, id } = stored;
        const writes = [
          { remove: keys.pack(vaultId, id), when: unmoved(stored) },
          { remove: keys.quarantinedPack(vaultId, id) },
        ];
        return { writes, answer: true };
      }),

    putCheckpoint: (run, checkpoint) =>
      change('putCheckpoint', run, async () => {
        if ((await table.get(checkpointCodec, keys.checkpoint(checkpoint.id))) !== null)
          return { done: undefined };
        const writes = [{ put: checkpointCodec.encode(checkpoint), when: { exists: false } }];
        return { writes, answer: undefined };
      }),

    bringBack: (run, backup, session) =>
      change('bringBack', run, async () => {
        const stored = await readBackup(table, backup.id);
        const known = await table.get(sessionCodec, keys.session(run.vaultId, session.id));
        const verdict = bringingBack(stored, known, backup);
        if (verdict !== 'write') return { done: verdict === 'done' };
        const writes = [
          ...visibleWrites(stored, broughtBack(stored, backup)),
          ...(known?.state === 'COMMITTED'
            ? []
            : sessionWrites(known, session, statesBefore(SESSION_TRANSITIONS, 'COMMITTED'))),
        ];
        return { writes, answer: true };
      }),

    giveUp: (run, { id }, failure, atMs) =>
      change('giveUp', run, async () => {
        const stored = await readBackup(table, id);
        if (stored?.manifest === undefined) return { done: undefined };
        return { writes: giveUpWrites(stored, givenUp(stored, failure, atMs)), answer: undefined };
      }),

    hideAnew: (run, { id, failure }, atMs) =>
      change('hideAnew', run, async () => {
        const stored = await readBackup(table, id);
        if (!isToHideAnew(stored, run)) return { done: undefined };
        const set = { deletedEpoch: run.epoch, hiddenAtMs: atMs, ...(failure && { failure }) };
        const writes = [{ update: keyOf(stored), change: { set }, when: isSame(stored) }];
        return { writes, answer: undefined };
      }),

    async end(run) {
      await settle('reconciling.end', table.limits, async () => {
        const item = await table.get(epochCodec, keys.epoch(run.vaultId));
        const state = ownReconciliation(item && runningEpoch(item), epochStateOf(item), run);
        if (!isToReopen(state)) return { done: undefined };
        const { check: key, when } = isRunning(run);
        const set = { state: 'OPEN' };
        return { write: () => table.update(key, { set }, when).then(() => undefined) };
      });
    },
  };
};

const begin = (table: CatalogTable, vaultId: VaultId, runId: string): Promise<Cycle> =>
  settle('reconciling.begin', table.limits, async () => {
    const item = await readEpoch(table, vaultId);
    const { epoch } = item;
    if (!isToReconcile(runningEpoch(item), epochStateOf(item), runId))
      return { done: { vaultId, runId, epoch } };
    const set = { epoch: epoch + 1, runId, state: 'RECONCILING' };
    const change = { set, remove: ['horizon', 'hasCounted'] };
    const begun = { vaultId, runId, epoch: epoch + 1 };
    return {
      write: () =>
        table.update(keys.epoch(vaultId), change, { equal: { epoch } }).then(() => begun),
    };
  });

/** Part of every transaction of a reconciliation: it is still the vault's. */
const isRunning = ({ vaultId, runId, epoch }: Cycle) => ({
  check: keys.epoch(vaultId),
  when: { equal: { runId, epoch }, oneOf: { state: statesBefore(EPOCH_TRANSITIONS, 'OPEN') } },
});

const unmoved = ({ state, lastRefEpoch }: Pack): Condition => ({ equal: { state, lastRefEpoch } });

const putPackWrites = (stored: Pack | null, pack: Pack): Write[] => {
  const { vaultId, id, reason } = pack;
  const marker = quarantinedPackCodec.encode({ vaultId, id });
  return [
    { put: packCodec.encode(pack), when: stored === null ? { exists: false } : unmoved(stored) },
    reason === undefined ? { remove: keys.quarantinedPack(vaultId, id) } : { put: marker },
  ];
};

const keyOf = (backup: Backup) => keys.backup(backup.vaultId, backup.createdAtMs, backup.id);

/** Nobody has renamed, hidden, undeleted or moved it since it was read. */
const isSame = ({ name, root, status, deletedEpoch }: Backup): Condition => ({
  equal: { name, root, status, ...(deletedEpoch !== undefined && { deletedEpoch }) },
});

/** `backup`: as it is to be, VISIBLE. */
const visibleWrites = (stored: Backup | null, backup: Backup): Write[] => {
  const { id, projectId, vaultId, operationLogId, createdAtMs } = backup;
  const pointer = { id, projectId, vaultId, operationLogId, createdAtMs };
  const isNew = stored === null;
  return [
    { put: backupCodec.encode(backup), when: isNew ? { exists: false } : isSame(stored) },
    ...(isNew ? [{ put: backupPointerCodec.encode(pointer), when: { exists: false } }] : []),
    {
      update: keys.usage(vaultId),
      change: {
        add: { heldCount: isNew ? 1 : 0, backupCount: 1 },
        count: statusMoved(stored?.status ?? 'deleted', backup.status),
      },
      when: { exists: true },
    },
    countBackup(backup, 1, backup.stats?.storedBytes ?? 0),
  ];
};

/** Puts an ended session, or makes its item what it is, from one of these states. */
const sessionWrites = (known: Session | null, session: Session, from: SessionState[]): Write[] => {
  const { vaultId, id, state } = session;
  if (known === null) return [{ put: sessionCodec.encode(session), when: { exists: false } }];
  return [
    {
      update: keys.session(vaultId, id),
      change: { set: { state } },
      when: { oneOf: { state: from } },
    },
    { remove: keys.openSession(vaultId, id) },
  ];
};

/** `backup`: as it is to be, without a manifest. */
const giveUpWrites = (stored: Backup, backup: Backup): Write[] => {
  const put = { put: backupCodec.encode(backup), when: isSame(stored) };
  if (stored.root !== 'VISIBLE') return [put];
  return [
    put,
    {
      update: keys.usage(stored.vaultId),
      change: { add: { backupCount: -1 }, count: statusMoved(stored.status, backup.status) },
      when: { exists: true },
    },
    countBackup(stored, -1, stored.stats?.storedBytes ?? 0),
  ];
};
