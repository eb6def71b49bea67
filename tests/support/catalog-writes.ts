import { firstChange } from '../../lib/adapters/catalog-rules/ledger-rules.ts';
import { DAY_MS, HOUR_MS } from '../../lib/model/duration.ts';
import { dayOf } from '../../lib/model/usage-ledger.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import {
  AT_MS,
  commitOf,
  packOf,
  someAccessKey,
  someKey,
  someSample,
  someStats,
} from './catalog-records.ts';
import type { World } from './catalog-world.ts';

const SEALED = { slotCount: 3, storedBytes: 300, startEpoch: 1 };
const RANGE = { from: 64, to: 65, segments: [null], stats: someStats() };

/** Every method that writes, with a call that changes something. */
export const WRITES: Record<string, (catalog: Catalog, world: World) => Promise<unknown>> = {
  'vaults.create': (c, w) => c.vaults.create(w.fresh, someKey(w.fresh)),
  'vaults.update': (c, w) => c.vaults.update({ ...w.vault, name: 'new' }),
  'vaults.delete': (c, w) => c.vaults.delete(w.empty.projectId, w.empty.id),
  'vaults.bind': (c, w) => c.vaults.bind(w.unbound),
  'vaults.unbind': (c, w) => c.vaults.unbind(w.spare),
  'vaults.rebind': (c, w) =>
    c.vaults.rebind(w.spare, {
      fromVaultId: w.spare.vaultId,
      toVaultId: w.empty.id,
      atMs: AT_MS + 7,
    }),
  'vaults.setSuspended': (c, w) => c.vaults.setSuspended(w.spare, true),
  'vaults.update (a resize)': (c, w) => c.vaults.update({ ...w.vault, sizeGib: 200 }),
  'vaults.update (unmetered)': (c, w) => c.vaults.update({ ...w.vault, threshold: 7 }),
  'ledger.addSample': (c, w) => c.ledger.addSample(someSample(w.empty)),
  'ledger.addSample (the next)': (c, w) =>
    c.ledger.addSample(someSample(w.vault, { atMs: AT_MS + HOUR_MS })),
  'ledger.begin': (c, w) => c.ledger.begin({ ...w.empty, revision: 7 }),
  'ledger.removeChange': (c, w) => c.ledger.removeChange(firstChange(w.empty)),
  'ledger.removeSamples': (c, w) =>
    c.ledger.removeSamples(w.vault.projectId, dayOf(AT_MS) + DAY_MS),
  'backups.putCheckpoint': (c, w) => c.backups.putCheckpoint(w.checkpoint),
  'backups.begin': (c, w) => c.backups.begin(w.begun, w.begunTask),
  'backups.rename': (c, w) =>
    c.backups.rename(w.vault.projectId, w.committed.backup.id, 'new', AT_MS + 100),
  'backups.setStatus': (c, w) =>
    c.backups.setStatus(w.vault.projectId, w.protecting.backup.id, 'error', {
      atMs: AT_MS + 100,
      failure: { code: 'bug', message: 'no' },
    }),
  'backups.hide': (c, w) => c.backups.hide(w.vault.projectId, w.committed.backup.id, AT_MS + 100),
  'policies.create': (c, w) => c.policies.create(w.newPolicy),
  'policies.create (the first)': (c, w) => c.policies.create(w.firstPolicy),
  'policies.update': (c, w) => c.policies.update({ ...w.policy, name: 'new' }),
  'policies.delete': (c, w) => c.policies.delete(w.policy.projectId, w.policy.id),
  'policies.apply': (c, w) => c.policies.apply({ ...w.applied, appliedAtMs: AT_MS + 1 }),
  'policies.apply (the first)': (c, w) => c.policies.apply({ ...w.applied, vaultId: w.empty.id }),
  'policies.unapply': (c, w) => c.policies.unapply(w.vault.projectId, w.vault.id, w.policy.id),
  'policies.claim': (c, w) =>
    c.policies.claim(
      w.applied,
      { id: w.firstPolicy.id, pointMs: AT_MS + 5, untilMs: AT_MS + 9 },
      AT_MS + 5,
    ),
  'policies.settle': (c, w) => c.policies.settle(w.applied, AT_MS + 5),
  'sessions.open (write)': (c, w) => c.sessions.open(w.opened),
  'sessions.open (read)': (c, w) => c.sessions.open(w.reader),
  'sessions.renew': (c, w) =>
    c.sessions.renew(w.vault.id, w.protecting.session.id, AT_MS + 999_000),
  'sessions.pinParent': (c, w) =>
    c.sessions.pinParent(w.vault.id, w.protecting.session.id, w.committed.backup.id),
  'sessions.putRange': (c, w) => c.sessions.putRange(w.vault.id, w.protecting.session.id, RANGE),
  'sessions.commit': (c, w) =>
    c.sessions.commit(commitOf(w.protecting.backup, w.protecting.session.id)),
  'sessions.end': (c, w) => c.sessions.end(w.vault.id, w.protecting.session.id, 'FENCED'),
  'packs.open': (c, w) => c.packs.open(packOf(w.vault, w.packs.fresh, w.protecting.session.id)),
  'packs.seal': (c, w) => c.packs.seal(w.vault.id, w.packs.open, SEALED),
  'packs.pin': (c, w) => c.packs.pin(w.vault.id, w.packs.sealed, 5),
  'packs.quarantine': (c, w) => c.packs.quarantine(w.vault.id, w.packs.sealed, 'damaged'),
  'packs.release': (c, w) => c.packs.release(w.vault.id, w.packs.bad),
  'garbage.startDeletingVault': (c, w) =>
    c.garbage.startDeletingVault(w.empty.projectId, w.empty.id, AT_MS + 1),
  'tasks.create': (c, w) => c.tasks.create(w.begunTask),
  'tasks.start': (c, w) =>
    c.tasks.start(w.vault.projectId, w.protecting.task.id, { atMs: AT_MS + 100, totalBytes: 7 }),
  'tasks.progress': (c, w) =>
    c.tasks.progress(w.vault.projectId, w.protecting.task.id, {
      from: 64,
      doneBytes: 5,
      atMs: AT_MS + 100,
    }),
  'tasks.end': (c, w) =>
    c.tasks.end(w.vault.projectId, w.protecting.task.id, { status: 'failed', atMs: AT_MS + 100 }),
  'tasks.requestCancel': (c, w) =>
    c.tasks.requestCancel(w.vault.projectId, w.protecting.task.id, AT_MS + 100),
  'accessKeys.put': (c, w) =>
    c.accessKeys.put(
      someAccessKey({
        id: w.tokenSha256,
        projectId: w.vault.projectId,
        wrapped: Uint8Array.of(1, 2, 255),
      }),
    ),
  'accessKeys.issue': (c, w) =>
    c.accessKeys.issue({
      tokenSha256: w.tokenSha256,
      accessKeyId: 'AK',
      createdAtMs: AT_MS,
      expiresAtMs: AT_MS + 1000,
    }),
  'requests.admitOnce': (c, w) =>
    c.requests.admitOnce({
      accessKeyId: 'AK',
      signature: w.tokenSha256,
      requestId: 'first',
      untilMs: AT_MS + 1000,
    }),
  'credentials.put': (c, w) =>
    c.credentials.put({
      tokenSha256: w.tokenSha256,
      projectId: w.vault.projectId,
      userId: 'user',
      role: 'Full',
      createdAtMs: AT_MS,
    }),
};
