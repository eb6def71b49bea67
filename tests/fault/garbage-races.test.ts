import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { keys } from '../../lib/adapters/aws/dynamo-catalog/keys.ts';
import { AWS_LIMITS } from '../../lib/adapters/aws/dynamo-catalog/settle.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { expectCode } from '../support/catalog-assertions.ts';
import {
  AT_MS,
  givenWriter,
  packOf,
  someBinding,
  someSession,
} from '../support/catalog-records.ts';
import { setAttribute } from '../support/catalogs-under-test.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';
import { faultyClient } from '../support/faulty-dynamo.ts';
import { givenGarbage } from '../support/garbage-world.ts';

const LIMITS = { attemptsMax: 5, totalMsMax: 60_000, waitMs: 0, waitMsMax: 0 };
const LATER_MS = AT_MS + 7000;

describe('the collector, when others change what it has read', () => {
  let dynamo: TestDynamo;
  let healthy: Catalog;
  let given: Awaited<ReturnType<typeof givenGarbage>>;
  beforeAll(async () => {
    dynamo = await startDynamo();
    healthy = dynamoCatalog(dynamo.client, dynamo.tables.catalog, LIMITS);
  });
  afterAll(() => dynamo.close());

  /** A catalog before whose first transaction `meddle` runs, in a world of its own. */
  const meddled = async (meddle: () => Promise<unknown>): Promise<Catalog> => {
    given = await givenGarbage(healthy, 'project');
    let isFirst = true;
    const { client } = faultyClient(dynamo.client, (_, command) => {
      if (!isFirst || command !== 'TransactWriteCommand') return undefined;
      isFirst = false;
      return meddle;
    });
    return dynamoCatalog(client, dynamo.tables.catalog, LIMITS);
  };
  const stateOf = async (packId: string) =>
    (await healthy.packs.get(given.vault.id, packId))?.state ?? 'GONE';
  const pin = (packId: string) => () => healthy.packs.pin(given.vault.id, packId, given.m0);
  const another = () => healthy.garbage.begin(given.vault.id, given.newRunId);
  const close = () => healthy.garbage.startDeletingVault('project', given.closing.id, AT_MS);
  const removing = () => ({ m0: given.m0, hiddenBeforeMs: LATER_MS });

  it('condemns and shrinks nothing that a session has stamped meanwhile (R8, R10)', async () => {
    for (const method of ['condemn', 'startShrinking'] as const) {
      const { garbage } = await meddled(() => pin(given.packs.sealed)());
      expect(await garbage[method](given.cycle, given.packs.sealed, given.m0)).toBe(false);
      expect(await stateOf(given.packs.sealed)).toBe('SEALED');
    }
  });

  it('waits until what was seen in part can be seen whole, where that is not one moment', async () => {
    given = await givenGarbage(healthy, 'project');
    const spreadMs = 300;
    const limits = { ...LIMITS, spreadMs };
    const { garbage } = dynamoCatalog(dynamo.client, dynamo.tables.catalog, limits);
    for (const look of [
      () => garbage.begin(given.vault.id, given.newRunId),
      () => garbage.observeUsage(given.vault.id),
    ]) {
      const beganMs = performance.now();
      await look();
      // Timers may be early by a millisecond.
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(spreadMs - 1);
    }
    expect(AWS_LIMITS.spreadMs).toBeGreaterThanOrEqual(1000);
  });

  it('deletes nothing that a session has revived meanwhile (R9)', async () => {
    const { garbage } = await meddled(() => pin(given.packs.condemned)());
    expect(await garbage.startDeleting(given.cycle, given.packs.condemned, given.m0)).toBe(false);
    expect(await stateOf(given.packs.condemned)).toBe('SEALED');
  });

  it('removes no root that was undeleted meanwhile, nor one that was hidden anew (R11)', async () => {
    const undelete = () => healthy.garbage.undelete('project', given.hidden.id, LATER_MS);
    const { garbage } = await meddled(undelete);
    expect(await garbage.removeRoot(given.cycle, given.hidden, removing())).toBe(false);
    expect((await healthy.backups.get('project', given.hidden.id)).root).toBe('VISIBLE');
    const rehiding = await meddled(async () => {
      await undelete();
      await healthy.backups.hide('project', given.hidden.id, LATER_MS);
    });
    expect(await rehiding.garbage.removeRoot(given.cycle, given.hidden, removing())).toBe(false);
    expect((await healthy.backups.get('project', given.hidden.id)).root).toBe('HIDDEN');
  });

  it('undeletes nothing that was removed meanwhile (R12)', async () => {
    const { garbage } = await meddled(() =>
      healthy.garbage.removeRoot(given.cycle, given.hidden, removing()),
    );
    const undelete = garbage.undelete('project', given.hidden.id, LATER_MS);
    await expectCode(undelete, 'BackupService.6200');
    const { backupCount } = await healthy.vaults.usage(given.vault.id);
    expect(backupCount).toBe(0);
  });

  it('writes nothing once another run has begun meanwhile (R7)', async () => {
    const { packs } = await givenGarbage(healthy, 'project');
    const shrunk = { present: new Uint8Array(2), storedBytes: 1 };
    const writes: ((c: Catalog) => Promise<unknown>)[] = [
      (c) => c.garbage.condemn(given.cycle, given.packs.sealed, given.m0),
      (c) => c.garbage.startShrinking(given.cycle, given.packs.sealed, given.m0),
      (c) => c.garbage.startDeleting(given.cycle, given.packs.condemned, given.m0),
      (c) => c.garbage.revive(given.cycle, given.packs.condemned),
      (c) => c.garbage.startDeletingOrphan(given.cycle, given.packs.orphan),
      (c) => c.garbage.removePack(given.cycle, given.packs.deleting),
      (c) => c.garbage.finishShrinking(given.cycle, given.packs.shrinking, shrunk),
      (c) =>
        c.garbage.quarantineShrinking(given.cycle, given.packs.shrinking, {
          live: shrunk.present,
          reason: 'r',
        }),
      (c) => c.garbage.removeRoot(given.cycle, given.hidden, removing()),
      (c) => c.garbage.removeSession(given.cycle, given.session.id),
      (c) => c.garbage.setUsed(given.cycle, 9, given.observed),
    ];
    for (const write of writes) {
      const catalog = await meddled(another);
      await expectCode(write(catalog), 'cycle.superseded');
      const states = await Promise.all(Object.values(given.packs).map(stateOf));
      expect(states).toStrictEqual(['SEALED', 'CONDEMNED', 'DELETING', 'SHRINKING', 'GONE']);
      expect((await healthy.backups.get('project', given.hidden.id)).root).toBe('HIDDEN');
      expect((await healthy.sessions.get(given.vault.id, given.session.id)).state).toBe('FENCED');
      expect((await healthy.vaults.usage(given.vault.id)).usedBytes).toBe(1024);
    }
    expect(Object.keys(packs)).toHaveLength(5);
  });

  it('deletes no pack of a session that is OPEN after all (R14)', async () => {
    let sessionId = '';
    const { garbage } = await meddled(async () => {
      await setAttribute(dynamo, keys.session(given.vault.id, sessionId), 'state', 'OPEN');
    });
    ({ id: sessionId } = await givenWriter(healthy, given.vault.id));
    const pack = packOf(given.vault, given.packs.orphan, sessionId);
    await healthy.packs.open(pack);
    await healthy.sessions.end(given.vault.id, sessionId, 'FENCED');
    expect(await garbage.startDeleting(given.cycle, pack.id, given.m0)).toBe(false);
    expect(await stateOf(pack.id)).toBe('OPEN');
  });

  it('opens no session and binds no disk while its vault begins to be deleted', async () => {
    const catalog = await meddled(() => close());
    given.closing = given.vault;
    const session = someSession(given.protected);
    for (const { diskId, protectingTaskId } of await healthy.vaults.bindings(given.vault.id)) {
      const end = { status: 'success', atMs: AT_MS } as const;
      if (protectingTaskId) await healthy.tasks.end('project', protectingTaskId, end);
      await healthy.vaults.unbind({ projectId: 'project', vaultId: given.vault.id, diskId });
    }
    await expectCode(catalog.sessions.open(session), 'BackupService.6112');
    const bound = await meddled(async () => {
      await healthy.garbage.startDeletingVault('project', given.closing.id, AT_MS);
    });
    given.closing = await freshVault();
    const binding = someBinding(given.closing);
    await expectCode(bound.vaults.bind(binding), 'BackupService.6112');
    expect(await healthy.vaults.bindings(given.closing.id)).toStrictEqual([]);
  });

  it('begins to delete no vault to which a disk is bound meanwhile', async () => {
    const catalog = await meddled(() => healthy.vaults.bind(someBinding(given.closing)));
    given.closing = await freshVault();
    const deletion = catalog.garbage.startDeletingVault('project', given.closing.id, AT_MS);
    await expectCode(deletion, 'BackupService.6111');
    expect((await healthy.vaults.get('project', given.closing.id)).status).toBe('available');
  });

  const freshVault = async () => {
    const { closing } = await givenGarbage(healthy, 'project');
    const vault = { ...closing, id: given.newRunId };
    await healthy.vaults.create(vault, { ...(await keyOf(closing)), vaultId: vault.id });
    return vault;
  };
  const keyOf = ({ id, keyId }: { id: string; keyId: string }) => healthy.vaults.key(id, keyId);
});
