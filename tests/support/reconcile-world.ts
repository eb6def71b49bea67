import { randomUUID } from 'node:crypto';
import type { Backup } from '../../lib/model/backup.ts';
import type { Pack } from '../../lib/model/pack.ts';
import { allSlots } from '../../lib/model/pack.ts';
import type { Session } from '../../lib/model/session.ts';
import type { Vault } from '../../lib/model/vault.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import {
  AT_MS,
  givenCommitted,
  givenProtecting,
  givenVault,
  someBackup,
  someBinding,
  someCheckpoint,
  someKey,
  somePackId,
  someStats,
  someVault,
} from './catalog-records.ts';
import { givenCycle, givenHidden, givenSealedPack } from './garbage-records.ts';

export type ReconcileWorld = Awaited<ReturnType<typeof givenReconciling>>;

/** A pack as its object shows it: 3 slots of which 2 are left. */
export const shownPack = (vault: Vault, fields: Partial<Pack> = {}): Pack => ({
  vaultId: vault.id,
  id: somePackId(),
  state: 'SEALED',
  keyId: vault.keyId,
  sessionId: '',
  slotCount: 3,
  present: Uint8Array.of(0b101),
  lastRefEpoch: 2,
  storedBytes: 300,
  ...fields,
});

/** What a manifest says of a backup. */
export const shownBackup = (backup: Backup, sessionId: string, fields: Partial<Backup> = {}) => ({
  ...backup,
  status: 'available' as const,
  root: 'VISIBLE' as const,
  manifest: { sessionId, sha256: 'b'.repeat(64) },
  stats: someStats(),
  completedAtMs: AT_MS,
  updatedAtMs: AT_MS + 9000,
  ...fields,
});

export const endedSession = (backup: Backup, id: string): Session => ({
  vaultId: backup.vaultId,
  id,
  kind: 'write',
  state: 'COMMITTED',
  startEpoch: 2,
  backupId: backup.id,
  operationLogId: backup.operationLogId,
  quarantined: [],
  leaseUntilMs: AT_MS,
  createdAtMs: AT_MS,
});

/** A vault that is RECONCILING, in which every write finds something to do. */
export const givenReconciling = async (catalog: Catalog, projectId: string) => {
  const vault = await givenVault(catalog, { projectId });
  const hidden = await givenHidden(catalog, vault);
  const visible = (await givenCommitted(catalog, vault)).backup;
  const { backup: begun, session } = await givenProtecting(catalog, vault);
  const condemned = await givenSealedPack(catalog, vault);
  const { cycle, m0 } = await givenCycle(catalog, vault.id);
  await catalog.garbage.condemn(cycle, condemned, m0);
  return {
    vault,
    hidden,
    visible,
    begun,
    session,
    condemned,
    unknown: someBackup(someBinding(vault)),
    unknownSessionId: randomUUID(),
    pack: shownPack(vault),
    checkpoint: someCheckpoint(vault),
    lost: someVault({ projectId }),
    newRunId: randomUUID(),
    run: await catalog.reconciling.begin(vault.id, randomUUID()),
  };
};

const GONE = { code: 'Holdfast.Damaged', message: 'gone' };

/** Every method that writes, with a call that changes something. */
export const RECONCILE_WRITES: Record<
  string,
  (catalog: Catalog, world: ReconcileWorld) => Promise<unknown>
> = {
  'reconciling.createVault': (c, r) => c.reconciling.createVault(r.lost, [someKey(r.lost)]),
  'reconciling.begin': (c, r) => c.reconciling.begin(r.vault.id, r.newRunId),
  'reconciling.putSession': (c, r) =>
    c.reconciling.putSession(r.run, endedSession(r.unknown, r.unknownSessionId)),
  'reconciling.putSession of a known one': (c, r) =>
    c.reconciling.putSession(r.run, endedSession(r.begun, r.session.id)),
  'reconciling.putPack': (c, r) => c.reconciling.putPack(r.run, r.pack),
  'reconciling.putPack of a damaged one': (c, r) =>
    c.reconciling.putPack(r.run, { ...r.pack, state: 'QUARANTINED', reason: 'gone' }),
  'reconciling.putPack of a known one': (c, r) =>
    c.reconciling.putPack(r.run, {
      ...r.pack,
      id: r.condemned,
      slotCount: 9,
      present: allSlots(9),
    }),
  'reconciling.dropPack': (c, r) => c.reconciling.dropPack(r.run, r.condemned),
  'reconciling.putCheckpoint': (c, r) => c.reconciling.putCheckpoint(r.run, r.checkpoint),
  'reconciling.bringBack': (c, r) =>
    c.reconciling.bringBack(
      r.run,
      shownBackup(r.unknown, r.unknownSessionId),
      endedSession(r.unknown, r.unknownSessionId),
    ),
  'reconciling.bringBack of a known one': (c, r) =>
    c.reconciling.bringBack(
      r.run,
      shownBackup(r.begun, r.session.id),
      endedSession(r.begun, r.session.id),
    ),
  'reconciling.giveUp': (c, r) => c.reconciling.giveUp(r.run, r.visible, GONE, AT_MS + 9000),
  'reconciling.giveUp of a hidden one': (c, r) =>
    c.reconciling.giveUp(r.run, r.hidden, GONE, AT_MS + 9000),
  'reconciling.hideAnew': (c, r) => c.reconciling.hideAnew(r.run, r.hidden, AT_MS + 9000),
  'reconciling.end': (c, r) => c.reconciling.end(r.run),
};
