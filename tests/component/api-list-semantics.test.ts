import { beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiWorld, apiWorld, PROJECT, refusal } from '../support/api.ts';
import { OPERATIONS, type Operation } from '../support/openapi.ts';

/** Limit, offset, marker, sort, repeated filters and count (spec section 9.1), on every list. */

const LISTS = OPERATIONS.filter(
  ({ method, parameters = [] }) =>
    method === 'GET' && parameters.some(({ name }) => name === 'limit'),
);

/** Lists of which a request says more than the path; the policy is the world's. */
const ALSO: Record<string, string> = {
  ListExternalVault: `&external_project_id=${PROJECT}&region_id=local`,
};
/** One feature has a limit and an offset in CBR's table, and no list (spec section 9.3). */
const NO_LISTS = ['ShowFeature'];

let world: ApiWorld;
let policyId: string;

beforeAll(async () => {
  world = await apiWorld();
  for (const name of ['b', 'a', 'c', 'a']) {
    const { vaultId } = await world.addBackup(2 ** 30, { name });
    world.clock.advance(1000);
    policyId ??= await addPolicy();
    await world.call('POST', `/vaults/${vaultId}/associatepolicy`, { policy_id: policyId });
  }
});

async function addPolicy(): Promise<string> {
  const answer = await world.call('POST', '/policies', {
    policy: {
      name: 'nightly',
      operation_type: 'backup',
      trigger: { properties: { pattern: ['FREQ=DAILY;INTERVAL=1;BYHOUR=1;BYMINUTE=00'] } },
      operation_definition: { max_backups: 3 },
    },
  });
  return (answer.body as { policy: { id: string } }).policy.id;
}

const get = ({ operationId = '', path }: Operation, query: string) =>
  world.call(
    'GET',
    `${path
      .replace('/v3/{project_id}', '')
      .replace('{policy_id}', policyId)
      .replace('{protectable_type}', 'disk')}?${query}${ALSO[operationId] ?? ''}`,
  );

/** The items of a list's answer, whatever it calls them: the first list that it has. */
function itemsOf({ operationId }: Operation, body: unknown): unknown[] {
  const answer = body as Record<string, unknown>;
  if (operationId === 'ListFeatures') return Object.entries(answer);
  return Object.values(answer).find((value) => Array.isArray(value)) as unknown[];
}
const countOf = (body: unknown): number | undefined => {
  const { count, resource_count: resources } = body as { count?: number; resource_count?: number };
  return count ?? resources;
};

const has = ({ parameters = [] }: Operation, wanted: string) =>
  parameters.some(({ name }) => name === wanted);

describe.each(LISTS.filter(({ operationId }) => !NO_LISTS.includes(operationId ?? '')))(
  '$operationId',
  (operation) => {
    it('is walked by limit and offset; the count is of all', async () => {
      const { body } = await get(operation, '');
      const all = itemsOf(operation, body);
      expect(all.length).toBeGreaterThan(1);
      for (const limit of [1, 3]) {
        const walked: unknown[] = [];
        for (let offset = 0; offset < all.length; offset += limit) {
          const page = await get(operation, `limit=${limit}&offset=${offset}`);
          walked.push(...itemsOf(operation, page.body));
          expect(countOf(page.body)).toBe(countOf(body));
        }
        expect(walked).toEqual(all);
      }
      const behind = await get(operation, 'offset=1000');
      expect(itemsOf(operation, behind.body)).toEqual([]);
      if (operation.operationId !== 'ListFeatures') {
        expect([countOf(body), countOf(behind.body)]).toEqual([all.length, all.length]);
      }
    });

    it.each([
      'limit=0',
      'limit=1001',
      'limit=-1',
      'limit=1.5',
      'limit=x',
      'limit=1,2',
      'offset=-1',
      'offset=x',
    ])('refuses %s', async (query) => {
      const [field] = query.split('=') as [string];
      expect(await get(operation, query)).toMatchObject({
        status: 400,
        body: refusal('BackupService.9900', `${field}: `),
      });
    });

    it('gives 1000 items unless asked for less', async () => {
      const { body } = await get(operation, 'limit=1000');
      expect((await get(operation, '')).body).toEqual(body);
      const { limit } = body as { limit?: number };
      expect(limit ?? 1000).toBe(1000);
    });
  },
);

describe.each(LISTS.filter((list) => has(list, 'marker')))('$path', (operation) => {
  it('is walked by the last id seen', async () => {
    const all = itemsOf(operation, (await get(operation, '')).body) as { id: string }[];
    const walked: { id: string }[] = [];
    while (walked.length < all.length) {
      const marker = walked.length === 0 ? '' : `&marker=${walked.at(-1)?.id}`;
      const { body } = await get(operation, `limit=2${marker}`);
      walked.push(...(itemsOf(operation, body) as { id: string }[]));
    }
    expect(walked).toEqual(all);
    const last = await get(operation, `marker=${all.at(-1)?.id}`);
    expect(itemsOf(operation, last.body)).toEqual([]);
  });

  it('refuses a marker that no key of the catalog could hold', async () => {
    expect(await get(operation, `marker=${'x'.repeat(256)}`)).toMatchObject({
      status: 400,
      body: refusal('BackupService.9900', 'marker: '),
    });
  });
});

describe.each(LISTS.filter((list) => has(list, 'status')))('$path', (operation) => {
  const statusesOf: Record<string, [string, string]> = {
    ListProtectable: ['active', 'error'],
    ListOpLogs: ['success', 'failed'],
  };
  const [some, none] = statusesOf[operation.operationId ?? ''] ?? ['available', 'error'];
  const count = async (query: string) => countOf((await get(operation, query)).body);

  it('takes several statuses, repeated or with commas', async () => {
    const all = await count('');
    expect(await count(`status=${some}`)).toBe(all);
    expect(await count(`status=${none}`)).toBe(0);
    for (const both of [`${none},${some}`, `${some},${none},${some}`, `,${some},`]) {
      expect(await count(`status=${both}`)).toBe(all);
    }
    expect(await count(`status=${none}&status=${some}`)).toBe(all);
    expect(await count('status=')).toBe(all);
  });
});

describe.each(
  LISTS.flatMap((operation) =>
    ['checkpoint_id', 'resource_id', 'vault_id']
      .filter((name) => has(operation, name))
      .map((name) => ({ ...operation, name })),
  ),
)('$path by $name', ({ name, ...operation }) => {
  it('refuses an id that no key of the catalog could hold', async () => {
    const longest = await get(operation, `${name}=${'x'.repeat(255)}`);
    expect([200, 404]).toContain(longest.status);
    expect(await get(operation, `${name}=${'x'.repeat(256)}`)).toMatchObject({
      status: 400,
      body: refusal('BackupService.9900', `${name}: `),
    });
  });
});

describe('ListBackups', () => {
  const [operation] = LISTS.filter(({ operationId }) => operationId === 'ListBackups');
  const listed = async (query: string) =>
    itemsOf(operation!, (await get(operation!, query)).body) as Record<string, string>[];

  it('sorts by several keys, each up or down', async () => {
    const newestFirst = await listed('');
    const oldestFirst = newestFirst.toReversed();
    expect(await listed('sort=created_at')).toEqual(newestFirst);
    expect(await listed('sort=created_at:asc')).toEqual(oldestFirst);
    expect(await listed('sort=created_at:desc')).toEqual(newestFirst);
    expect(await listed('sort=protected_at:asc')).toEqual(oldestFirst);
    expect(await listed('sort=resource_size:asc,created_at:asc')).toEqual(oldestFirst);
    expect(await listed('sort=resource_size:desc,created_at:desc')).toEqual(newestFirst);
    const byName = (await listed('sort=name:desc,id:asc')).map(({ name, id }) => [name, id]);
    expect(byName).toEqual(
      byName.toSorted(([a = '', x = ''], [b = '', y = '']) =>
        a === b ? (x < y ? -1 : 1) : a < b ? 1 : -1,
      ),
    );
  });

  it('sorts before it pages', async () => {
    const [, second] = await listed('sort=created_at:asc');
    expect(await listed('sort=created_at:asc&limit=1&offset=1')).toEqual([second]);
  });
});
