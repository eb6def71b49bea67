import { fc, test } from '@fast-check/jest';
import { describe, expect, it } from '@jest/globals';
import { matchesTags, type TagFilter } from '../../lib/model/tag.ts';
import { type ApiWorld, apiWorld, refusal } from '../support/api.ts';

const tagsOf = async (world: ApiWorld, vaultId: string) =>
  ((await world.call('GET', `/vault/${vaultId}/tags`)).body as { tags: unknown }).tags;

const numbered = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ key: `k${n}`, value: 'v' }));

describe('the tags of a vault', () => {
  it('are added, changed, shown and deleted one by one', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([], { enterprise_project_id: 7 });
    const path = `/vault/${vaultId}/tags`;
    const add = (key: string, value: string) =>
      world.call('POST', path, { tag: { key, value } }).then(({ status }) => status);
    expect(await add('tier', 'gold')).toBe(204);
    expect(await add('ключ', '')).toBe(204);
    expect(await add('tier', 'silver')).toBe(204);
    expect((await world.call('GET', path)).body).toEqual({
      tags: [
        { key: 'ключ', value: '' },
        { key: 'tier', value: 'silver' },
      ],
      sys_tags: [{ key: '_sys_enterprise_project_id', value: '7' }],
    });
    const encoded = `${path}/${encodeURIComponent('ключ')}`;
    expect((await world.call('DELETE', encoded)).status).toBe(204);
    const again = await world.call('DELETE', encoded);
    expect(again).toMatchObject({ status: 404, body: refusal('BackupService.6601', 'ключ') });
    expect(await tagsOf(world, vaultId)).toEqual([{ key: 'tier', value: 'silver' }]);
    expect((await world.call('GET', `/vaults/${vaultId}`)).body).toMatchObject({
      vault: { tags: [{ key: 'tier', value: 'silver' }] },
    });
  });

  it('are changed together: all of them or none', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault();
    const act = (action: string, tags: object[]) =>
      world.call('POST', `/vault/${vaultId}/tags/action`, { action, tags });
    expect((await act('create', numbered(20))).status).toBe(204);
    expect((await act('create', numbered(20))).status).toBe(204);
    const more = await act('create', [{ key: 'k0', value: 'other' }, { key: 'one-more' }]);
    expect(more).toMatchObject({ status: 400, body: refusal('BackupService.6600', '20') });
    expect(await tagsOf(world, vaultId)).toEqual(numbered(20));
    expect((await act('delete', [...numbered(19), { key: 'missing' }])).status).toBe(204);
    expect(await tagsOf(world, vaultId)).toEqual([{ key: 'k19', value: 'v' }]);
    expect((await act('delete', [])).status).toBe(204);
  });

  it('take 20 tags and not one more', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault([], { tags: numbered(20) });
    const answer = await world.call('POST', `/vault/${vaultId}/tags`, {
      tag: { key: 'k20', value: 'v' },
    });
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.6600') });
  });

  it.each([
    [{ tag: { key: '', value: 'v' } }],
    [{ tag: { key: 'x'.repeat(37), value: 'v' } }],
    [{ tag: { key: 'k', value: 'x'.repeat(44) } }],
    [{ tag: { key: 'a b', value: 'v' } }],
    [{ tag: { key: 'k', value: 'a=b' } }],
    [{ tag: { key: 'k' } }],
    [{}],
  ])('are not %j', async (body) => {
    const world = await apiWorld();
    const answer = await world.call('POST', `/vault/${await world.addVault()}/tags`, body);
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900', 'tag') });
  });

  it('need a vault', async () => {
    const world = await apiWorld();
    const path = `/vault/${world.ids.uuid()}/tags`;
    const calls = [
      world.call('GET', path),
      world.call('POST', path, { tag: { key: 'k', value: 'v' } }),
      world.call('POST', `${path}/action`, { action: 'delete', tags: [] }),
      world.call('DELETE', `${path}/k`),
    ];
    for (const answer of await Promise.all(calls)) {
      expect(answer).toMatchObject({ status: 404, body: refusal('BackupService.6105') });
    }
  });

  it('are listed for the project, each key with its values', async () => {
    const world = await apiWorld();
    await world.addVault([], { tags: [{ key: 'tier', value: 'gold' }] });
    await world.addVault([], { tags: [{ key: 'tier', value: 'blue' }, ...numbered(1)] });
    await world.addVault([], { tags: [{ key: 'tier', value: 'gold' }] });
    expect((await world.call('GET', '/vault/tags')).body).toEqual({
      tags: [
        { key: 'k0', values: ['v'] },
        { key: 'tier', values: ['blue', 'gold'] },
      ],
    });
  });
});

describe('vaults by their tags', () => {
  const some = async () => {
    const world = await apiWorld();
    const tagged = (name: string, ...tags: string[]) =>
      world.addVault([], {
        name,
        enterprise_project_id: name === 'web' ? 'e1' : '0',
        tags: tags.map((key) => ({ key, value: name })),
      });
    for (const [name, ...tags] of [['plain'], ['web', 'a', 'b'], ['web-2', 'a'], ['data', 'b']]) {
      world.clock.advance(1000);
      await tagged(name as string, ...tags);
    }
    return world;
  };
  const key = (name: string, ...values: string[]) => ({ key: name, values });

  it.each([
    [{}, ['data', 'web-2', 'web', 'plain']],
    [{ tags: [key('a')] }, ['web-2', 'web']],
    [{ tags: [key('a'), key('b')] }, ['web']],
    [{ tags: [key('a', 'web', 'data')] }, ['web']],
    [{ tags_any: [key('a', 'web-2'), key('b')] }, ['data', 'web-2', 'web']],
    [{ not_tags: [key('a'), key('b')] }, ['data', 'web-2', 'plain']],
    [{ not_tags_any: [key('a'), key('b')] }, ['plain']],
    [{ without_any_tag: true, tags: [key('a')] }, ['plain']],
    [{ matches: [{ key: 'resource_name', value: 'web' }] }, ['web-2', 'web']],
    [{ sys_tags: [key('_sys_enterprise_project_id', 'e1')] }, ['web']],
    [{ sys_tags: [key('other')] }, []],
    [{ object_type: 'server' }, []],
    [{ cloud_type: 'hybrid' }, []],
    [{ limit: '1', offset: '1' }, ['web-2']],
    [{ limit: 2, offset: 3 }, ['plain']],
  ])('%j finds %j', async (search, names) => {
    const world = await some();
    const path = '/vault/resource_instances/action';
    const { body } = await world.call('POST', path, { action: 'filter', ...search });
    const { resources, total_count: total } = body as {
      resources: { resource_name: string; resource_detail: { vault: { name: string } } }[];
      total_count: number;
    };
    expect(resources.map((one) => one.resource_name)).toEqual(names);
    expect(resources.map((one) => one.resource_detail.vault.name)).toEqual(names);
    const counted = await world.call('POST', path, { action: 'count', ...search });
    expect(counted.body).toEqual({ total_count: total });
    expect(total).toBe('limit' in search ? 4 : names.length);
  });

  it.each([
    [{ action: 'delete' }],
    [{ action: 'filter', limit: '0' }],
    [{ action: 'filter', limit: 'ten' }],
    [{ action: 'filter', matches: [{ key: 'name', value: '' }] }],
    [{ action: 'filter', tags: [{ key: '', values: [] }] }],
  ])('%j is refused', async (search) => {
    const world = await apiWorld();
    const answer = await world.call('POST', '/vault/resource_instances/action', search);
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900') });
  });
});

describe('a search by tags', () => {
  const names = fc.constantFrom('a', 'b', 'c');
  const tags = fc.uniqueArray(fc.record({ key: names, value: names }), {
    selector: ({ key }) => key,
  });
  const filter: fc.Arbitrary<TagFilter> = fc.array(
    fc.record({ key: names, values: fc.array(names, { maxLength: 2 }) }),
    { minLength: 1, maxLength: 2 },
  );
  const search = { none: false, all: [], any: [], notAll: [], notAny: [] };

  test.prop([tags, filter])('finds with "not" what it does not find without', (has, wanted) => {
    const found = (more: object) => matchesTags(has, { ...search, ...more });
    expect(found({ notAll: wanted })).toBe(!found({ all: wanted }));
    expect(found({ notAny: wanted })).toBe(!found({ any: wanted }));
    if (found({ all: wanted })) expect(found({ any: wanted })).toBe(true);
  });
});
