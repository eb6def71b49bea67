import { describe, expect, it } from '@jest/globals';
import { packKey } from '../../lib/format/object-keys.ts';
import { planCollection } from '../../lib/service/collect-vault.ts';
import {
  bytesOf,
  collect,
  collectAll,
  collectorWorld,
  expectNoLoss,
  expectRestored,
  hide,
  keysOf,
  storedBytes,
} from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import { backUp, beginBackup, PROJECT, verify } from '../support/data-world.ts';

const write = async (world: Awaited<ReturnType<typeof collectorWorld>>, texts: string[]) => {
  for (const [number, text] of texts.entries()) await writeBlock(world, number, text);
};
const usage = (world: Awaited<ReturnType<typeof collectorWorld>>) =>
  world.ports.catalog.vaults.usage(world.vaultId);

/** The first pack that a backup has written. */
const packBy = async (
  world: Awaited<ReturnType<typeof collectorWorld>>,
  { manifest }: Awaited<ReturnType<typeof backUp>>,
) => {
  const packs = await Array.fromAsync(world.ports.catalog.garbage.packs(world.vaultId));
  const { id: packId } = packs.find(({ sessionId }) => sessionId === manifest?.sessionId)!;
  return { packId, key: packKey({ projectId: PROJECT, vaultId: world.vaultId }, packId) };
};

describe('collecting a vault', () => {
  it('leaves nothing of deleted backups, and says what it freed', async () => {
    const world = await collectorWorld(4);
    await write(world, ['a', 'b', 'c', 'd']);
    const first = await backUp(world);
    await write(world, ['e', 'f']);
    const second = await backUp(world);
    await hide(world, first);
    await hide(world, second);
    const before = storedBytes(world);
    const reports = await collectAll(world);
    expect(keysOf(world, '/packs/')).toEqual([]);
    expect(keysOf(world, '/backups/')).toEqual([]);
    expect(await usage(world)).toEqual({ usedBytes: 0, backupCount: 0 });
    expect(reports.reduce((sum, { freedBytes }) => sum + freedBytes, 0)).toBe(before);
    const { sessions, garbage } = world.ports.catalog;
    expect(await Array.fromAsync(garbage.endedSessions(world.vaultId))).toEqual([]);
    expect(await sessions.listOpen(world.vaultId)).toEqual([]);
    expect(reports.at(-1)).toMatchObject({ hasMore: false, skipped: 0, blocked: [] });
  });

  it('keeps what other backups name: a shared pack shrinks, and both ends are right', async () => {
    const world = await collectorWorld(4);
    await write(world, ['a', 'b', 'c', 'd']);
    const first = await backUp(world);
    await write(world, ['a', 'x', 'y', 'z']);
    const second = await backUp(world);
    const content = await bytesOf(world);
    const packs = keysOf(world, '/packs/');
    await hide(world, first);
    const reports = await collectAll(world);
    expect(reports.reduce((sum, { shrunk }) => sum + shrunk, 0)).toBe(1);
    expect(keysOf(world, '/packs/')).toEqual(packs);
    expect(await usage(world)).toEqual({ usedBytes: storedBytes(world), backupCount: 1 });
    await expectNoLoss(world);
    await expectRestored(world, second.id, content);
  });

  it('stores a dropped block again, and a kept one is found', async () => {
    const world = await collectorWorld(4);
    await write(world, ['a', 'b', 'c', 'd']);
    const first = await backUp(world);
    await write(world, ['a', 'x', 'y', 'z']);
    await backUp(world);
    await hide(world, first);
    await collectAll(world);
    await write(world, ['b', 'a', 'y', 'z']);
    const third = await backUp(world);
    expect(third.stats).toMatchObject({ newBytes: 512 * 1024, deduplicatedBytes: 512 * 1024 });
    await expectNoLoss(world);
    await expectRestored(world, third.id, await bytesOf(world));
  });

  it('touches nothing within the window, and undelete brings the backup back', async () => {
    const world = await collectorWorld(2, { windowMs: 3_600_000 });
    await write(world, ['a', 'b']);
    const backup = await backUp(world);
    const content = await bytesOf(world);
    await hide(world, backup);
    const before = [...world.objects.objects.keys()];
    await collectAll(world);
    expect([...world.objects.objects.keys()]).toEqual(before);
    const { garbage } = world.ports.catalog;
    await garbage.undelete(PROJECT, backup.id, world.clock.nowMs());
    world.clock.advance(3_600_000);
    await collectAll(world);
    await expectRestored(world, backup.id, content);
  });

  it('a dry run says what would be done and does nothing', async () => {
    const world = await collectorWorld(4);
    await write(world, ['a', 'b', 'c', 'd']);
    await hide(world, await backUp(world));
    await collect(world);
    const objects = new Map(world.objects.objects);
    const { vaultId, ports } = world;
    const plan = await planCollection({ projectId: PROJECT, vaultId }, ports);
    expect(plan.steps).toHaveLength(1);
    expect(plan.steps).toMatchObject([{ kind: 'condemn' }]);
    expect(plan.leftovers.map(({ key }) => key)).toEqual(keysOf(world, '/backups/'));
    expect(new Map(world.objects.objects)).toEqual(objects);
    expect(await planCollection({ projectId: PROJECT, vaultId }, ports)).toEqual(plan);
  });

  it('deletes the objects that a zombie wrote after its items had gone', async () => {
    const world = await collectorWorld(2);
    await write(world, ['a', 'b']);
    await hide(world, await backUp(world));
    const late = [...world.objects.objects].filter(([key]) => /packs|segments/.test(key));
    await collectAll(world);
    for (const [key, bytes] of late) await world.objects.put(key, bytes);
    await collectAll(world);
    expect(keysOf(world, '/packs/')).toEqual([]);
    expect(keysOf(world, '/backups/')).toEqual([]);
  });
});

describe('a session that a late request opened for a task that has ended', () => {
  const openLate = async (leases = 1) => {
    const world = await collectorWorld(2);
    await write(world, ['a', 'b']);
    await hide(world, await backUp(world));
    const { backupId, event } = await beginBackup(world);
    const { sessions, tasks } = world.ports.catalog;
    const { operationLogId } = event;
    const atMs = world.clock.nowMs();
    const failure = { code: 'Holdfast.Unavailable', message: 'no progress' };
    await tasks.end(PROJECT, operationLogId, { status: 'timeout', atMs, failure });
    const { vaultId } = world;
    const leaseUntilMs = atMs + leases * world.ports.settings.leaseMs;
    await sessions.open({
      vaultId,
      id: world.ids.uuid(),
      kind: 'write',
      quarantined: [],
      createdAtMs: atMs,
      backupId,
      operationLogId,
      leaseUntilMs,
    });
    return world;
  };

  it('is fenced when its lease has run out, so that it does not keep garbage for ever', async () => {
    const world = await openLate();
    await collectAll(world);
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
    expect(keysOf(world, '/packs/')).toEqual([]);
  });

  it('is fenced when its lease was given by a clock that was wrong', async () => {
    const world = await openLate(1_000_000);
    await collectAll(world);
    expect(keysOf(world, '/packs/')).toEqual([]);
  });

  it('is left alone until then', async () => {
    const world = await openLate();
    world.clock.advance(world.ports.settings.leaseMs - 1500);
    await collect(world);
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toHaveLength(1);
    await collect(world);
    expect(await world.ports.catalog.sessions.listOpen(world.vaultId)).toEqual([]);
  });
});

describe('a vault about which there are doubts is not collected', () => {
  it('stops at a map that cannot be read, and goes on when its backup is deleted', async () => {
    const world = await collectorWorld(4);
    await write(world, ['a', 'b']);
    const first = await backUp(world);
    await write(world, ['c', 'd']);
    const second = await backUp(world);
    await hide(world, first);
    world.objects.objects.delete(keysOf(world, `${second.manifest?.sessionId}/segments/`)[0]!);
    const before = keysOf(world, '/packs/');
    const [report] = await collectAll(world);
    expect(report?.blocked).toEqual([expect.stringContaining('segment 0')]);
    expect(keysOf(world, '/packs/')).toEqual(before);
    expect(world.probe.problems).toContainEqual(
      expect.objectContaining({ event: 'collection.blocked' }),
    );
    await hide(world, second);
    await collectAll(world);
    expect(keysOf(world, '/packs/')).toEqual([]);
  });

  it('stops when the catalog was restored to an earlier time', async () => {
    const world = await collectorWorld(2);
    await write(world, ['a', 'b']);
    const backup = await backUp(world);
    const { state } = world;
    state.backups.delete(backup.id);
    state.sessions.clear();
    state.packs.clear();
    const before = [...world.objects.objects.keys()];
    const reports = await collectAll(world);
    expect(reports[0]?.blocked).toHaveLength(1);
    expect([...world.objects.objects.keys()]).toEqual(before);
  });

  const NOT_AS_SEALED = { 'in its blocks': 20, 'in its version': 4 };
  it.each(Object.entries(NOT_AS_SEALED))(
    'quarantines a pack that is damaged %s instead of writing it anew',
    async (_, at) => {
      const world = await collectorWorld(4);
      await write(world, ['a', 'b', 'c', 'd']);
      const first = await backUp(world);
      await write(world, ['a', 'x', 'y', 'z']);
      await backUp(world);
      const { packId, key } = await packBy(world, first);
      await hide(world, first);
      await collect(world);
      const bytes = Uint8Array.from(world.objects.objects.get(key)!);
      bytes[at]! ^= 1;
      world.objects.objects.set(key, bytes);
      expect(await collect(world)).toMatchObject({ shrunk: 0 });
      expect(await world.ports.catalog.packs.quarantined(world.vaultId)).toEqual([packId]);
      expect(world.objects.objects.get(key)).toEqual(bytes);
      await write(world, ['e', 'f', 'g', 'h']);
      const whole = await backUp(world);
      expect(await verify(world, whole.id)).toMatchObject({ status: 'success' });
      expect(await world.ports.catalog.packs.quarantined(world.vaultId)).toEqual([packId]);
    },
  );

  it('takes what another run has written anew meanwhile for no damage', async () => {
    const world = await collectorWorld(4);
    await write(world, ['a', 'b', 'c', 'd']);
    const first = await backUp(world);
    await write(world, ['a', 'b', 'x', 'y']);
    const second = await backUp(world);
    await write(world, ['a', 'x', 'y', 'z']);
    await backUp(world);
    const { key } = await packBy(world, first);
    await hide(world, first);
    await collect(world);
    const { objects } = world;
    let isFirst = true;
    const get: typeof objects.get = async (...args) => {
      if (args[0] === key && isFirst) {
        isFirst = false;
        await hide(world, second);
        await collectAll(world);
      }
      return objects.get(...args);
    };
    const late = collect(world, { ...world.ports, objects: { ...objects, get } });
    await expect(late).rejects.toMatchObject({ code: 'cycle.superseded' });
    expect(await world.ports.catalog.packs.quarantined(world.vaultId)).toEqual([]);
    expect(world.probe.problems).toEqual([]);
    await expectNoLoss(world);
  });
});

describe('a pack that was left shrinking and is not stored any more', () => {
  const leftShrinking = async () => {
    const world = await collectorWorld(4);
    await write(world, ['a', 'b', 'c', 'd']);
    const first = await backUp(world);
    await write(world, ['a', 'x', 'y', 'z']);
    const second = await backUp(world);
    await hide(world, first);
    const pack = [...world.state.packs.values()].find(
      ({ sessionId }) => sessionId === first.manifest?.sessionId,
    )!;
    pack.state = 'SHRINKING';
    world.objects.objects.delete(packKey({ projectId: PROJECT, vaultId: world.vaultId }, pack.id));
    return { world, second, packId: pack.id };
  };
  const problems = ({ probe }: Awaited<ReturnType<typeof collectorWorld>>) =>
    probe.problems.filter(({ event }) => event === 'pack.not-shrunk');

  it('is damage, told once, while backups name it', async () => {
    const { world, packId } = await leftShrinking();
    await collectAll(world);
    expect(await world.ports.catalog.packs.quarantined(world.vaultId)).toEqual([packId]);
    expect(problems(world)).toHaveLength(1);
  });

  it('goes when none does', async () => {
    const { world, second } = await leftShrinking();
    await hide(world, second);
    await collectAll(world);
    expect([...world.state.packs.values()]).toEqual([]);
    expect(keysOf(world, '/packs/')).toEqual([]);
    expect(problems(world)).toHaveLength(1);
  });
});

it('a running reader keeps what it reads, however many cycles pass', async () => {
  const world = await collectorWorld(2);
  await write(world, ['a', 'b']);
  const backup = await backUp(world);
  const { objects } = world;
  let reads = 0;
  const get: typeof objects.get = async (...args) => {
    if (args[0].includes('/segments/') && reads++ === 0) {
      await hide(world, backup);
      await collectAll(world);
    }
    return objects.get(...args);
  };
  const ports = { ...world.ports, objects: { ...objects, get } };
  expect(await verify({ ...world, ports }, backup.id)).toMatchObject({ status: 'success' });
  expect(reads).toBe(1);
  await collectAll(world);
  expect(keysOf(world, '/packs/')).toEqual([]);
});
