import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BATCH_LIMITS, batchGet, batchPut } from '../../lib/adapters/aws/dynamo-batches.ts';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { keys } from '../../lib/adapters/aws/dynamo-catalog/keys.ts';
import { backupEntryOf } from '../../lib/adapters/catalog-rules/list-rules.ts';
import type { Backup } from '../../lib/model/backup.ts';
import type { FinishedRange } from '../../lib/model/session.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { expectCode } from '../support/catalog-assertions.ts';
import { AT_MS, commitOf, somePackId, someSession, someStats } from '../support/catalog-records.ts';
import { givenWorld, type World } from '../support/catalog-world.ts';
import { setAttribute } from '../support/catalogs-under-test.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';
import { faultyClient, timeout } from '../support/faulty-dynamo.ts';

const LIMITS = { attemptsMax: 5, totalMsMax: 60_000, waitMs: 0, waitMsMax: 0 };

describe('a catalog that others change between a read and the write', () => {
  let dynamo: TestDynamo;
  let healthy: Catalog;
  let world: World;
  beforeAll(async () => {
    dynamo = await startDynamo();
    healthy = dynamoCatalog(dynamo.client, dynamo.tables.catalog, LIMITS);
  });
  afterAll(async () => {
    await dynamo.close();
  });

  /** A catalog before whose first write `meddle` runs, in a world of its own. */
  const meddled = async (
    meddle: () => Promise<unknown>,
    before = 'TransactWriteCommand',
  ): Promise<Catalog> => {
    world = await givenWorld(healthy);
    let isFirst = true;
    const { client } = faultyClient(dynamo.client, (_, command) => {
      if (!isFirst || command !== before) return undefined;
      isFirst = false;
      return meddle;
    });
    return dynamoCatalog(client, dynamo.tables.catalog, LIMITS);
  };

  const setEpoch = (epoch: number) =>
    setAttribute(dynamo, keys.epoch(world.vault.id), 'epoch', epoch);
  const commitArguments = () => commitOf(world.protecting.backup, world.protecting.session.id);
  const hideParent = () =>
    healthy.backups.hide(world.vault.projectId, world.committed.backup.id, AT_MS);
  const fence = () => healthy.sessions.end(world.vault.id, world.protecting.session.id, 'FENCED');

  it('opens a session at the new epoch', async () => {
    const catalog = await meddled(() => setEpoch(9));
    expect(await catalog.sessions.open(world.opened)).toMatchObject({ startEpoch: 9 });
    expect(await healthy.sessions.get(world.vault.id, world.opened.id)).toMatchObject({
      startEpoch: 9,
    });
  });

  it('hides a backup at the new epoch', async () => {
    const catalog = await meddled(() => setEpoch(9));
    const { projectId, id } = world.committed.backup;
    await catalog.backups.hide(projectId, id, AT_MS);
    expect(await healthy.backups.get(projectId, id)).toMatchObject({ deletedEpoch: 9 });
  });

  describe('lists what a backup became when it was renamed meanwhile', () => {
    const NAME = 'renamed';
    const listed = () => Array.fromAsync(healthy.backups.entries(world.vault.projectId, {}));
    const expectEntry = async (id: string) => {
      const backup = await healthy.backups.get(world.vault.projectId, id);
      expect(backup.name).toBe(NAME);
      expect(await listed()).toContainEqual(backupEntryOf(backup));
    };
    const rename = ({ projectId, id }: Backup, catalog = healthy) =>
      catalog.backups.rename(projectId, id, NAME, AT_MS);

    it('by its commit', async () => {
      const catalog = await meddled(() => rename(world.protecting.backup));
      await catalog.sessions.commit(commitArguments());
      await expectEntry(world.protecting.backup.id);
    });

    it('by its failure', async () => {
      const catalog = await meddled(() => rename(world.protecting.backup));
      const { projectId, id } = world.protecting.backup;
      await catalog.backups.setStatus(projectId, id, 'error', { atMs: AT_MS });
      await expectEntry(id);
    });

    it('by its deletion', async () => {
      const catalog = await meddled(() => rename(world.committed.backup));
      const { projectId, id } = world.committed.backup;
      await catalog.backups.hide(projectId, id, AT_MS);
      await expectEntry(id);
    });

    it('by taking its deletion back', async () => {
      const catalog = await meddled(() => rename(world.committed.backup));
      const { projectId, id } = world.committed.backup;
      await healthy.backups.hide(projectId, id, AT_MS);
      await catalog.garbage.undelete(projectId, id, AT_MS);
      await expectEntry(id);
    });

    it('while its status changed', async () => {
      const hide = () => healthy.backups.hide(projectId, id, AT_MS);
      const catalog = await meddled(hide, 'UpdateCommand');
      const { projectId, id } = world.committed.backup;
      await rename(world.committed.backup, catalog);
      await expectEntry(id);
    });
  });

  it('opens no reader of what is no root any more', async () => {
    const catalog = await meddled(() => {
      const { id, createdAtMs } = world.committed.backup;
      return setAttribute(dynamo, keys.backup(world.vault.id, createdAtMs, id), 'root', 'NONE');
    });
    await expectCode(catalog.sessions.open(world.reader), 'catalog.conflict');
    await expectCode(healthy.sessions.get(world.vault.id, world.reader.id), 'catalog.conflict');
  });

  it('does not pin a parent that was just hidden', async () => {
    const catalog = await meddled(hideParent);
    const { id } = world.protecting.session;
    const pinned = catalog.sessions.pinParent(world.vault.id, id, world.committed.backup.id);
    expect(await pinned).toBe(false);
    expect(await healthy.sessions.get(world.vault.id, id)).not.toHaveProperty('parentBackupId');
  });

  it.each([
    ['a pin of a parent', (catalog: Catalog) => catalog.sessions.pinParent(...pinArguments())],
    ['a range', (catalog: Catalog) => catalog.sessions.putRange(...rangeArguments())],
    ['a commit', (catalog: Catalog) => catalog.sessions.commit(commitArguments())],
  ])('refuses %s of a session that was just fenced', async (_, change) => {
    const catalog = await meddled(fence);
    await expectCode(change(catalog), 'session.not-open');
    const { backup } = world.protecting;
    expect(await healthy.backups.get(backup.projectId, backup.id)).toMatchObject({ root: 'NONE' });
    expect(await healthy.vaults.usage(world.vault.id)).toMatchObject({ backupCount: 1 });
    const { id } = world.protecting.session;
    expect(await healthy.sessions.ranges(world.vault.id, id)).toStrictEqual([]);
  });
  const pinArguments = () =>
    [world.vault.id, world.protecting.session.id, world.committed.backup.id] as const;
  const rangeArguments = () =>
    [
      world.vault.id,
      world.protecting.session.id,
      { from: 0, to: 1, segments: [null], stats: someStats() } as FinishedRange,
    ] as const;
  it.each([
    ['claimed', () => healthy.policies.claim(world.applied, someClaim('first'), AT_MS)],
    ['settled', () => healthy.policies.settle(world.applied, AT_MS + 5)],
    ['applied anew', () => healthy.policies.apply({ ...world.applied, appliedAtMs: AT_MS + 1 })],
  ])('gives nobody a time point of what was just %s', async (_, meddle) => {
    const catalog = await meddled(meddle, 'UpdateCommand');
    expect(await catalog.policies.claim(world.applied, someClaim('late'), AT_MS)).toBe(false);
    const [stored] = await healthy.policies.appliedTo(world.vault.projectId, world.vault.id);
    expect(stored?.claim?.id).not.toBe('late');
  });
  const someClaim = (id: string) => ({ id, pointMs: AT_MS + 5, untilMs: AT_MS + 99 });

  it('does not apply a policy that was just deleted, or to a vault that was', async () => {
    const { policies } = await meddled(() =>
      healthy.policies.delete(world.policy.projectId, world.policy.id),
    );
    const anew = { ...world.applied, appliedAtMs: AT_MS + 1 };
    await expectCode(policies.apply(anew), 'BackupService.6000');
    const { policies: others } = await meddled(() =>
      healthy.vaults.delete(world.empty.projectId, world.empty.id),
    );
    const elsewhere = { ...world.applied, vaultId: world.empty.id };
    await expectCode(others.apply(elsewhere), 'BackupService.6105');
  });

  it('does not delete a vault that just took a disk', async () => {
    const catalog = await meddled(() => healthy.vaults.bind(moved()));
    const moved = () => ({ ...world.unbound, vaultId: world.empty.id });
    const { projectId, id } = world.empty;
    await expectCode(catalog.vaults.delete(projectId, id), 'catalog.conflict');
    expect(await healthy.vaults.bindings(id)).toStrictEqual([moved()]);
  });

  it('does not unbind a disk that is just being protected', async () => {
    const catalog = await meddled(() => healthy.backups.begin(world.begun, world.begunTask));
    const { projectId, diskId } = world.spare;
    await expectCode(catalog.vaults.unbind(world.spare), 'catalog.conflict');
    expect(await healthy.vaults.binding(projectId, diskId)).toMatchObject({
      protectingTaskId: world.begunTask.id,
    });
  });

  it('does not move a disk that is just being protected, or to a vault that just went', async () => {
    const move = (toVaultId: string) => ({ fromVaultId: world.vault.id, toVaultId, atMs: AT_MS });
    const going = await meddled(() => healthy.vaults.delete(world.empty.projectId, world.empty.id));
    await expectCode(going.vaults.rebind(world.spare, move(world.empty.id)), 'BackupService.6105');
    expect(await healthy.vaults.bindings(world.vault.id)).toContainEqual(world.spare);
    const beginning = await meddled(() => healthy.backups.begin(world.begun, world.begunTask));
    await expectCode(
      beginning.vaults.rebind(world.spare, move(world.empty.id)),
      'catalog.conflict',
    );
    expect(await healthy.vaults.bindings(world.empty.id)).toEqual([]);
  });

  it('finds a disk that moves between the read of its pointer and the read of its binding', async () => {
    world = await givenWorld(healthy);
    const { projectId, diskId, vaultId: fromVaultId } = world.spare;
    const move = { fromVaultId, toVaultId: world.empty.id, atMs: AT_MS + 5 };
    const { client } = faultyClient(dynamo.client, (call, command) =>
      call === 1 && command === 'GetCommand'
        ? () => healthy.vaults.rebind(world.spare, move)
        : undefined,
    );
    const catalog = dynamoCatalog(client, dynamo.tables.catalog, LIMITS);
    const moved = { ...world.spare, vaultId: world.empty.id, createdAtMs: move.atMs };
    expect(await catalog.vaults.binding(projectId, diskId)).toStrictEqual(moved);
  });

  it('leaves a disk alone that was bound anew after its unbinding', async () => {
    world = await givenWorld(healthy);
    const { projectId, diskId } = world.spare;
    const anew = { ...world.spare, createdAtMs: AT_MS + 5 };
    let isFirst = true;
    const { client } = faultyClient(dynamo.client, (_, command) => {
      if (!isFirst || command !== 'TransactWriteCommand') return undefined;
      isFirst = false;
      // The unbinding lands, its answer is lost, and somebody binds the disk again.
      return async () => {
        await healthy.vaults.unbind(world.spare);
        await healthy.vaults.bind(anew);
        throw timeout();
      };
    });
    await dynamoCatalog(client, dynamo.tables.catalog, LIMITS).vaults.unbind(world.spare);
    expect(await healthy.vaults.binding(projectId, diskId)).toStrictEqual(anew);
  });

  it('pins what moved between its read and its write, or misses', async () => {
    world = await givenWorld(healthy);
    const { vault, packs } = world;
    const pinAfter = (meddle: () => Promise<unknown>) => {
      let isFirst = true;
      const { client } = faultyClient(dynamo.client, (_, command) => {
        if (!isFirst || command !== 'UpdateCommand') return undefined;
        isFirst = false;
        return meddle;
      });
      const catalog = dynamoCatalog(client, dynamo.tables.catalog, LIMITS);
      return catalog.packs.pin(vault.id, packs.sealed, 5);
    };
    const pinned = await pinAfter(() => healthy.packs.pin(vault.id, packs.sealed, 7));
    expect(pinned).toMatchObject({ lastRefEpoch: 7 });
    await setAttribute(dynamo, keys.pack(vault.id, packs.sealed), 'lastRefEpoch', 1);
    const missed = await pinAfter(() => healthy.packs.quarantine(vault.id, packs.sealed, 'bad'));
    expect(missed).toBeNull();
    expect(await healthy.packs.get(vault.id, packs.sealed)).toMatchObject({ lastRefEpoch: 1 });
  });
});

describe('a catalog whose table is not as it should be', () => {
  let dynamo: TestDynamo;
  let catalog: Catalog;
  beforeAll(async () => {
    dynamo = await startDynamo();
    catalog = dynamoCatalog(dynamo.client, dynamo.tables.catalog, LIMITS);
  });
  afterAll(async () => {
    await dynamo.close();
  });

  it('names an item that it cannot read, and the attribute', async () => {
    const { vault, packs } = await givenWorld(catalog);
    const key = keys.pack(vault.id, packs.sealed);
    for (const [name, value] of [
      ['state', 'MELTED'],
      ['slotCount', 'nine'],
      ['present', 'text'],
    ]) {
      const before = await catalog.packs.get(vault.id, packs.sealed);
      await setAttribute(dynamo, key, name!, value);
      const reading = catalog.packs.get(vault.id, packs.sealed);
      await expect(reading).rejects.toMatchObject({
        code: 'catalog.malformed',
        message: expect.stringContaining(`${key.pk} ${key.sk} cannot be read: ${name}`),
      });
      await setAttribute(dynamo, key, name!, before![name as keyof typeof before]);
    }
    await dynamo.client.send(new PutCommand({ TableName: dynamo.tables.catalog, Item: key }));
    await expectCode(catalog.packs.pin(vault.id, packs.sealed, 2), 'catalog.malformed');
  });

  it('keeps no mark of what has ended: lists of what has not stay short', async () => {
    const { vault, committed, protecting, packs } = await givenWorld(catalog);
    const { task, session } = protecting;
    const marks = [
      keys.unfinishedTask(task.createdAtMs, task.id),
      keys.openSession(vault.id, session.id),
      keys.quarantinedPack(vault.id, packs.bad),
    ];
    const marked = () =>
      Promise.all(
        marks.map(async (Key) => {
          const command = new GetCommand({ TableName: dynamo.tables.catalog, Key });
          return (await dynamo.client.send(command)).Item !== undefined;
        }),
      );
    expect(await marked()).toStrictEqual([true, true, true]);
    await catalog.tasks.end(task.projectId, task.id, { status: 'failed', atMs: AT_MS });
    await catalog.sessions.end(vault.id, session.id, 'ABORTED');
    await catalog.packs.release(vault.id, packs.bad);
    marks.push(keys.openSession(vault.id, committed.session.id));
    expect(await marked()).toStrictEqual([false, false, false, false]);
  });

  it('refuses what would make an item too large', async () => {
    const { vault, protecting } = await givenWorld(catalog);
    const segments = Array.from({ length: 513 }, () => null);
    const range = { from: 0, to: 513, segments, stats: someStats() };
    const put = catalog.sessions.putRange(vault.id, protecting.session.id, range);
    await expectCode(put, 'catalog.conflict');
    const quarantined = Array.from({ length: 4096 }, somePackId);
    const session = await catalog.sessions.open(someSession(protecting.backup, { quarantined }));
    expect(session.quarantined).toHaveLength(4096);
    quarantined.push(somePackId());
    const open = catalog.sessions.open(someSession(protecting.backup, { quarantined }));
    await expectCode(open, 'catalog.conflict');
  });
});

describe('batches of which a part is not processed', () => {
  let dynamo: TestDynamo;
  beforeAll(async () => {
    dynamo = await startDynamo();
  });
  afterAll(async () => {
    await dynamo.close();
  });

  const limits = { ...BATCH_LIMITS, waitMs: 0 };

  /** A client that processes only the first `count` items of every batch. */
  const partial = (count: number) => {
    const { blocks } = dynamo.tables;
    const send = async (command: { input: { RequestItems: Record<string, unknown> } }) => {
      const all = command.input.RequestItems[blocks] as unknown[] & { Keys?: unknown[] };
      const wanted = all.Keys ?? all;
      const [now, later] = [wanted.slice(0, count), wanted.slice(count)];
      const pack = (items: unknown[]) => ({ [blocks]: all.Keys ? { Keys: items } : items });
      const left = later.length > 0 ? pack(later) : {};
      if (now.length === 0) return { Responses: {}, UnprocessedKeys: left, UnprocessedItems: left };
      command.input.RequestItems = pack(now);
      const answer = await dynamo.client.send(command as never);
      return Object.assign({}, answer, { UnprocessedKeys: left, UnprocessedItems: left });
    };
    return { send } as unknown as TestDynamo['client'];
  };

  it('sends the rest again', async () => {
    const items = Array.from({ length: 60 }, (_, n) => ({ pk: `batch#${n}`, slot: n }));
    await batchPut(partial(7), dynamo.tables.blocks, items, limits);
    const wanted = items.map(({ pk }) => ({ pk }));
    const found = await batchGet(partial(30), dynamo.tables.blocks, wanted, {}, limits);
    expect(found.toSorted((a, b) => Number(a['slot']) - Number(b['slot']))).toStrictEqual(items);
  });

  it('gives up on what stays unprocessed', async () => {
    const put = batchPut(partial(0), dynamo.tables.blocks, [{ pk: 'never' }], limits);
    await expect(put).rejects.toThrow('1 items stay unprocessed');
  });
});
