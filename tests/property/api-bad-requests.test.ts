import { fc, test } from '@fast-check/jest';
import { expect } from '@jest/globals';
import { ROUTES_BY_NOUN } from '../../lib/api/routes.ts';
import {
  type ApiWorld,
  apiWorld,
  httpEvent,
  PROJECT,
  resources,
  send,
  vaultRequest,
} from '../support/api.ts';

/** Whatever is sent, the answer is one that is documented, and never a failure of ours. */

const ROUTES = Object.values(ROUTES_BY_NOUN).flat();

/** One world for all runs: junk must not break it for those who come later either. */
const world: ApiWorld = await apiWorld();
const { vaultId, backupId, checkpointId, diskId } = await world.addBackup();

const id = fc.oneof(
  fc.constantFrom(vaultId, backupId, checkpointId, diskId, 'disk'),
  fc.uuid(),
  fc
    .string({ unit: 'binary', maxLength: 20 })
    .map((text) => encodeURIComponent(text.toWellFormed())),
  fc.constantFrom('%', '%zz', '..', '', '__proto__', '%00', 'a%2fb', 'x'.repeat(5000)),
);

/** A name that a schema knows, or not. */
const fieldNames =
  'vault checkpoint backup restore verify volume billing resources parameters ' +
  'vault_id backup_id volume_id name size percent tags type id ' +
  'key value tag tags_any not_tags values matches action limit offset without_any_tag object_type protect_type consistent_level resource_details bind_rules threshold enterprise_project_id ' +
  'policy trigger properties pattern operation_type operation_definition max_backups policy_id ' +
  'description locked resource_ids smn_notify __proto__';
const known = fc.constantFrom(
  vaultId,
  backupId,
  diskId,
  'disk',
  'backup',
  'crash_consistent',
  100,
  true,
);
const { value: junk } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    known,
    fc.jsonValue({ maxDepth: 1 }),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...fieldNames.split(' ')), fc.string()), tie('value'), {
      maxKeys: 6,
      noNullPrototype: true,
    }),
  ),
}));

const body = fc.oneof(
  junk.map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary' }),
  fc.constant(undefined),
);

const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(...ROUTES.flatMap((route) => Object.keys(route.query.shape)), 'other'),
      fc.oneof(
        fc.string(),
        fc.constantFrom('1', '-1', '1e3', 'true', ',', 'name:asc', '%', 'available'),
      ),
    ),
    { maxLength: 3 },
  )
  .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&'));

const documented = (status: number, errors: readonly string[], answered: unknown): void => {
  const { error_code: code } = answered as { error_code: string };
  const always = ['BackupService.9900', 'Holdfast.NotFound', 'Holdfast.NotImplemented'];
  expect([400, 404, 409, 501]).toContain(status);
  expect([...errors, ...always]).toContain(code);
};

test.prop([fc.constantFrom(...ROUTES), fc.array(id, { minLength: 3, maxLength: 3 }), query, body], {
  numRuns: 600,
})('junk gets a documented refusal, or does what it says', async (route, ids, search, text) => {
  let nth = 0;
  const path = route.paths[0]!.replace('{project_id}', PROJECT).replaceAll(
    /{\w+}/g,
    () => ids[nth++] ?? '',
  );
  const event = httpEvent(route.method, `${path}?${search}`, { token: world.token, body: text });
  const { status, body: answered } = await send(event, world);
  if (status >= 400) documented(status, route.errors, answered);
});

test.prop([fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), body, fc.boolean()])(
  'any path and method gets an answer',
  async (method, path, text, isBase64Encoded) => {
    const event = { ...httpEvent(method, `/${path}`, { body: text }), isBase64Encoded };
    expect((await send(event, world)).status).toBe(404);
  },
);

/** Requests that are good, but for what a run does to them. */
const GOOD: [string, string, object][] = [
  [
    'POST',
    '/vaults',
    vaultRequest({ resources: resources([diskId]), tags: [{ key: 'a', value: 'b' }] }),
  ],
  [
    'PUT',
    `/vaults/${vaultId}`,
    { vault: { name: 'n', billing: { size: 50 }, threshold: 5, locked: false } },
  ],
  ['PUT', '/vaults/batch-update', { vault: { smn_notify: true, threshold: 5 } }],
  ['PUT', `/vaults/${vaultId}/set-resources`, { action: 'suspend', resource_ids: [diskId] }],
  ['POST', `/vaults/${vaultId}/addresources`, { resources: resources([diskId]) }],
  ['POST', `/vaults/${vaultId}/removeresources`, { resource_ids: [diskId] }],
  [
    'POST',
    '/checkpoints',
    { checkpoint: { vault_id: vaultId, parameters: { name: 'n', resources: ['x'] } } },
  ],
  ['POST', `/vault/${vaultId}/tags`, { tag: { key: 'a', value: 'b' } }],
  [
    'POST',
    `/vault/${vaultId}/tags/action`,
    { action: 'create', tags: [{ key: 'a', value: 'b' }, { key: 'c' }] },
  ],
  [
    'POST',
    '/vault/resource_instances/action',
    {
      action: 'filter',
      tags: [{ key: 'a', values: ['b'] }],
      not_tags_any: [{ key: 'c', values: [] }],
      matches: [{ key: 'resource_name', value: 'v' }],
      without_any_tag: false,
      limit: '10',
      offset: '0',
    },
  ],
  ['PUT', `/backups/${backupId}`, { backup: { name: 'n' } }],
  ['POST', `/backups/${backupId}/restore`, { restore: { volume_id: 'other', power_on: true } }],
  ['POST', `/backups/${backupId}/verify`, { verify: { percent: 5 } }],
  [
    'POST',
    '/cloudvolumes',
    { volume: { backup_id: 'none', name: 'n', size: 9, availability_zone: 'a' } },
  ],
];

test.prop([fc.constantFrom(...GOOD), fc.nat(), junk], { numRuns: 600 })(
  'a good request with one bad value gets a documented refusal, or does what it says',
  async ([method, path, good], nth, value) => {
    const changed = withValueAt(good, nth, value);
    const { status, body: answered } = await world.call(method, path, changed);
    const route = ROUTES.find(
      (one) => one.method === method && sameShape(one.paths[0]!, `/v3/${PROJECT}${path}`),
    );
    if (status >= 400) documented(status, route!.errors, answered);
  },
);

/** A copy in which the n-th place, counted from the outside, holds another value. */
function withValueAt(good: object, nth: number, value: unknown): unknown {
  const copy = structuredClone(good);
  const places: [Record<string, unknown>, string][] = [];
  const walk = (node: Record<string, unknown>): void => {
    for (const [key, child] of Object.entries(node)) {
      places.push([node, key]);
      if (typeof child === 'object' && child !== null) walk(child as Record<string, unknown>);
    }
  };
  walk(copy as Record<string, unknown>);
  const [node, key] = places[nth % places.length]!;
  node[key] = value;
  return copy;
}

const sameShape = (template: string, path: string): boolean =>
  new RegExp(`^${template.replaceAll(/{\w+}/g, '[^/]+')}$`).test(path);

test.prop([
  fc.record(
    {
      rawPath: fc.constant('/nowhere'),
      rawQueryString: fc.string(),
      headers: fc.dictionary(fc.string(), fc.string()),
      body: fc.string(),
      isBase64Encoded: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
])('an event that lacks parts gets an answer', async (event) => {
  expect((await send(event, world)).status).toBe(404);
});
