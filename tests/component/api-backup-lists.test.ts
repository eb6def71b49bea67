import { describe, expect, it } from '@jest/globals';
import type { ApiPorts } from '../../lib/service/api-ports.ts';
import {
  type ApiWorld,
  apiWorld,
  finishBackup,
  httpEvent,
  PROJECT,
  refusal,
  send,
} from '../support/api.ts';

/** The same world, in which nobody may read all backups of the project. */
const frugal = (world: ApiWorld): ApiPorts => ({
  ...world,
  catalog: {
    ...world.catalog,
    backups: {
      ...world.catalog.backups,
      entries: (projectId, which) => {
        if (which.vaultId === undefined) throw new Error('the whole project was read');
        return world.catalog.backups.entries(projectId, which);
      },
    },
  },
});

const someVault = async (world: ApiWorld) => {
  const vaultId = await world.addVault([await world.addDisk(), await world.addDisk()]);
  const runs = [];
  for (let n = 0; n < 3; n++) {
    world.clock.advance(1000);
    const run = await world.addCheckpoint(vaultId);
    for (const id of run.backupIds) await finishBackup(world, id);
    runs.push(run);
  }
  return { vaultId, runs };
};

const idsOf = (body: unknown) =>
  (body as { backups: { id: string }[] }).backups.map(({ id }) => id);

describe('lists of backups', () => {
  it.each(['vault_id', 'checkpoint_id'])(
    'by %s read no others, and say the same',
    async (filter) => {
      const world = await apiWorld();
      const { vaultId, runs } = await someVault(world);
      await someVault(world);
      const of = filter === 'vault_id' ? vaultId : runs[1]!.checkpointId;
      const count = filter === 'vault_id' ? 6 : 2;
      const list = (query: string, ports: ApiPorts = frugal(world)) =>
        world.call('GET', `/backups?${query}`, undefined, ports).then(({ body }) => body);
      const all = idsOf(await list('', world));
      const found = await list(`${filter}=${of}`);
      expect(found).toMatchObject({ count });
      expect(idsOf(found)).toEqual(all.filter((id) => idsOf(found).includes(id)));
      expect(idsOf(await list(`${filter}=${of}&limit=1&offset=1`))).toEqual([idsOf(found)[1]]);
      const marker = idsOf(found)[0];
      expect(idsOf(await list(`${filter}=${of}&marker=${marker}`))).toEqual(idsOf(found).slice(1));
      expect(await list(`${filter}=${of}&status=error`)).toMatchObject({ count: 0 });
      await world.call('DELETE', `/backups/${marker}`);
      expect(await list(`${filter}=${of}`)).toMatchObject({ count: count - 1 });
    },
  );

  it.each([
    '',
    'status=available',
    'vault_id=',
    'start_time=2026-01-01T00:00:00Z',
    'sort=created_at:asc',
    'sort=name:asc',
    'sort=resource_size',
  ])('are walked by marker while what was seen is deleted: %s', async (query) => {
    const world = await apiWorld();
    const { vaultId } = await someVault(world);
    const list = async (more: string) =>
      idsOf((await world.call('GET', `/backups?${query}${more}`)).body);
    const of = query === 'vault_id=' ? vaultId : '';
    const all = await list(of);
    expect(all).toHaveLength(6);
    const walked: string[] = [];
    for (let marker = ''; ; marker = walked.at(-1) ?? '') {
      const page = await list(`${of}&limit=2${marker === '' ? '' : `&marker=${marker}`}`);
      if (page.length === 0) break;
      walked.push(...page);
      for (const id of page) await world.call('DELETE', `/backups/${id}`);
    }
    expect(walked).toEqual(all);
  });

  it('has no place for a marker that is deleted where that is what they are sorted by', async () => {
    const world = await apiWorld();
    const { runs } = await someVault(world);
    const [marker] = runs[1]!.backupIds;
    await world.call('DELETE', `/backups/${marker}`);
    for (const sort of ['status', 'name,updated_at:asc']) {
      const answer = await world.call('GET', `/backups?sort=${sort}&marker=${marker}`);
      expect(answer).toMatchObject({
        status: 400,
        body: refusal('BackupService.9900', 'marker: '),
      });
    }
    const deleted = await world.call('GET', `/backups?deleted=true&sort=status&marker=${marker}`);
    expect(deleted).toMatchObject({ status: 200, body: { backups: [], count: 1 } });
  });

  it('by marker read nothing of before it', async () => {
    const world = await apiWorld();
    const { vaultId, runs } = await someVault(world);
    const [marker] = runs[1]!.backupIds;
    const { createdAtMs } = await world.catalog.backups.get(PROJECT, marker!);
    const asked: object[] = [];
    const entries: ApiPorts['catalog']['backups']['entries'] = (projectId, given) => {
      asked.push(given);
      return world.catalog.backups.entries(projectId, given);
    };
    const catalog = { ...world.catalog, backups: { ...world.catalog.backups, entries } };
    const path = `/backups?vault_id=${vaultId}&marker=${marker}`;
    const { body } = await world.call('GET', path, undefined, { ...world, catalog });
    expect(body).toMatchObject({ count: 6 });
    expect(asked).toMatchObject([{ vaultId, createdToMs: createdAtMs }]);
  });

  it.each([
    ['status', 'status=available', { statuses: ['available'] }, 12],
    ['disk', 'resource_id=', { diskId: '' }, 3],
  ])('by %s read no others', async (_, query, which, count) => {
    const world = await apiWorld();
    const { runs } = await someVault(world);
    await someVault(world);
    const { disk } = await world.catalog.backups.get(PROJECT, runs[0]!.backupIds[0]!);
    const asked: object[] = [];
    const entries: ApiPorts['catalog']['backups']['entries'] = (projectId, given) => {
      asked.push(given);
      return world.catalog.backups.entries(projectId, given);
    };
    const catalog = { ...world.catalog, backups: { ...world.catalog.backups, entries } };
    const isOfDisk = query.endsWith('=');
    const path = `/backups?${isOfDisk ? `${query}${disk.id}` : query}&limit=2`;
    const { body } = await world.call('GET', path, undefined, { ...world, catalog });
    expect(body).toMatchObject({ count });
    expect(idsOf(body)).toHaveLength(2);
    expect(asked).toMatchObject([isOfDisk ? { diskId: disk.id } : which]);
  });

  it('leave out what was deleted or removed since its entry was read', async () => {
    const world = await apiWorld();
    const { runs } = await someVault(world);
    const [deleted, ...left] = runs.flatMap(({ backupIds }) => backupIds);
    const stale = await Array.fromAsync(world.catalog.backups.entries(PROJECT, {}));
    await world.call('DELETE', `/backups/${deleted}`);
    const entries: ApiPorts['catalog']['backups']['entries'] = async function* () {
      yield { ...stale[0]!, id: 'removed' };
      yield* stale;
    };
    const catalog = { ...world.catalog, backups: { ...world.catalog.backups, entries } };
    const { body } = await world.call('GET', '/backups', undefined, { ...world, catalog });
    expect(idsOf(body).toSorted()).toEqual(left.toSorted());
  });

  it('by both are of both', async () => {
    const world = await apiWorld();
    const [one, two] = [await someVault(world), await someVault(world)];
    const list = (vaultId: string, checkpointId: string) =>
      world.call('GET', `/backups?vault_id=${vaultId}&checkpoint_id=${checkpointId}`);
    const run = one.runs[0]!.checkpointId;
    expect((await list(one.vaultId, run)).body).toMatchObject({ count: 2 });
    expect((await list(two.vaultId, run)).body).toMatchObject({ count: 0 });
  });

  it("have none of what is not there, or is another project's", async () => {
    const world = await apiWorld();
    const { vaultId, runs } = await someVault(world);
    const token = await world.admit('other');
    const checkpoint = `checkpoint_id=${runs[0]!.checkpointId}`;
    for (const query of [`vault_id=${vaultId}`, checkpoint, 'vault_id=x', 'checkpoint_id=x']) {
      const event = httpEvent('GET', `/v3/other/backups?${query}`, { token });
      expect((await send(event, world)).body).toMatchObject({ count: 0, backups: [] });
    }
    expect((await world.call('GET', '/backups?vault_id=x')).body).toMatchObject({ count: 0 });
  });
});
