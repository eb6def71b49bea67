import { fc, test } from '@fast-check/jest';
import { describe, expect, it } from '@jest/globals';
import { type HttpEvent, pathOf } from '../../lib/runtime/http-function-request.ts';
import {
  type Answer,
  finishBackup,
  httpEvent,
  resources,
  send,
  vaultRequest,
} from '../support/api.ts';
import {
  EXAMPLE_PROJECT,
  exampleEvent,
  exampleWorld,
  samplesOf,
} from '../support/example-world.ts';
import { OPERATIONS } from '../support/openapi.ts';

/**
 * Whatever is sent, the answer is one that docs/openapi.yaml has for the operation (`send` sees to
 * that) and never a failure of ours; and what is refused has changed nothing.
 */

/** One world for all runs: each begins with what the first one found. */
const world = await exampleWorld();
const theirs = await otherProject();
const initial = structuredClone(world.state);
type State = typeof initial;
const keptAtFirst = kept(world.state);

/**
 * What another project has, by the letter that ids of the samples have for its kind. There are no
 * disks among it: a disk is no project's before it is in a vault.
 */
async function otherProject() {
  const token = await world.admit('other');
  const make = async (path: string, body: unknown) => {
    const answer = await send(httpEvent('POST', `/v3/other${path}`, { token, body }), world);
    return /"id":"([^"]+)"/.exec(JSON.stringify(answer.body))?.[1] as string;
  };
  const disk = world.ids.uuid();
  await world.disks.addDisk({ id: disk, name: 'theirs', sizeBytes: 2 ** 30 });
  const vault = await make('/vaults', vaultRequest({ resources: resources([disk]) }));
  const checkpoint = await make('/checkpoints', { checkpoint: { vault_id: vault } });
  const { backups } = await world.catalog.backups.checkpoint('other', checkpoint);
  const backup = backups[0]?.backupId as string;
  await finishBackup(world, backup, { projectId: 'other' });
  const { operationLogId: task } = await world.catalog.backups.get('other', backup);
  const policy = await make('/policies', exampleEvent('policies/create-policy').body);
  return { a: vault, b: backup, c: checkpoint, e: task, f: policy };
}

/** All that is kept, but for what is known of requests: how many there were, and signed how. */
function kept({ requestCounts: _, signatures: __, ...state }: State): string {
  return JSON.stringify(state, (_name, value: unknown) =>
    value instanceof Map ? [...value] : value,
  );
}

/** Sends an event; looks that it changed nothing if it was refused, else takes the change back. */
async function trial(event: HttpEvent): Promise<Answer> {
  const answer = await send(event, world);
  const isChanged = kept(world.state) !== keptAtFirst;
  if (isChanged) restore();
  if (answer.status >= 400) {
    expect([400, 401, 403, 404, 409, 501]).toContain(answer.status);
    expect({ answer, isChanged }).toEqual({ answer, isChanged: false });
  }
  return answer;
}

function restore(): void {
  for (const [name, first] of Object.entries(structuredClone(initial))) {
    const now: unknown = world.state[name as keyof State];
    if (Array.isArray(now)) now.splice(0, now.length, ...first);
    else if (now instanceof Map) {
      now.clear();
      for (const [key, item] of first as Map<unknown, unknown>) now.set(key, item);
    }
  }
}

/** Ids of the same kinds that name nothing. */
const NOTHINGS = Object.fromEntries(Object.keys(theirs).map((kind) => [kind, world.ids.uuid()]));

const withIds = (event: HttpEvent, ids: Record<string, string>): HttpEvent =>
  JSON.parse(
    JSON.stringify(event).replaceAll(
      /0([a-f])0{6}-0000-4000-8000-00000000000\d/g,
      (own, kind: string) => ids[kind] ?? own,
    ),
  ) as HttpEvent;

const codeOf = ({ body }: Answer): string | undefined =>
  (body as { error_code?: string } | undefined)?.error_code;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    '\0',
    'a\0b',
    '__proto__',
    'constructor',
    '../..',
    ' ',
    'ä😀',
    '\u202e',
    '-1',
  ),
  fc.constantFrom(...Object.values(theirs), EXAMPLE_PROJECT, 'available', 'name:asc', 'disk', ','),
  fc.constantFrom('x'.repeat(5000), '9'.repeat(400), '1e400', '0x10', 'NaN', 'true', 'null'),
);
const id = fc.oneof(
  text.map((part) => encodeURIComponent(part.toWellFormed())),
  fc.constantFrom('%', '%zz', '%ff', '%00', '%2e%2e', 'a%2fb', '..'),
);

const { value: junk } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    text,
    fc.constantFrom(null, true, 0, -1, 1, 2 ** 31, 2 ** 53, 1.5, 1e308, -0),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.constantFrom('id', 'vault', 'name', '__proto__'), text),
      tie('value'),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  ),
}));

/** What makes a bad request of a good one. */
type Change = (event: HttpEvent) => HttpEvent;

const pathChange = fc.tuple(fc.nat(), id).map(
  ([nth, part]): Change =>
    (event) => {
      const parts = pathOf(event).split('/');
      parts[nth % parts.length] = part;
      return { ...event, rawPath: parts.join('/') };
    },
);

const PARAMETERS = OPERATIONS.flatMap(({ parameters = [] }) =>
  parameters.flatMap(({ name, in: place }) => (place === 'query' ? [name] : [])),
);
const queryChange = fc
  .array(fc.tuple(fc.constantFrom(...new Set(PARAMETERS), 'other'), fc.oneof(id, text)), {
    minLength: 1,
    maxLength: 4,
  })
  .map(
    (pairs): Change =>
      (event) => ({
        ...event,
        rawQueryString: [event.rawQueryString ?? '', ...pairs.map((pair) => pair.join('='))].join(
          '&',
        ),
      }),
  );

const headerChange = fc
  .tuple(
    fc.constantFrom(
      'content-encoding',
      'content-type',
      'content-length',
      'transfer-encoding',
      'x-project-id',
      'x-auth-token',
      'authorization',
      'x-sdk-date',
      'host',
      '__proto__',
    ),
    fc.oneof(
      text,
      fc.constantFrom('gzip', 'text/xml', '-1', 'chunked', 'SDK-HMAC-SHA256 Access=A'),
    ),
  )
  .map(
    ([name, value]): Change =>
      (event) => ({
        ...event,
        headers: { ...event.headers, [name]: value },
      }),
  );

/** One value of the body, at any depth, is another one. */
const valueChange = fc.tuple(fc.nat(), junk).map(
  ([nth, value]): Change =>
    (event) => {
      const body = parsed(event.body);
      return {
        ...event,
        body: JSON.stringify(body === null ? value : withValueAt(body, nth, value)),
      };
    },
);

/** A body's object; null when it is none. */
function parsed(body: string | undefined): object | null {
  try {
    const value: unknown = JSON.parse(body ?? '');
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

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
  const [node, key] = places[nth % places.length] ?? [];
  if (node === undefined || key === undefined) return value;
  node[key] = value;
  return copy;
}

/** Lists of the body end with one item more, which names something else. */
const listChange = text.map(
  (name): Change =>
    (event) => {
      const another = (item: unknown) =>
        typeof item === 'object' ? { ...item, id: name, key: name } : name;
      const body = JSON.stringify(parsed(event.body), (_, value: unknown) =>
        Array.isArray(value) ? [...value, another(value[0])] : value,
      );
      return { ...event, body };
    },
);

/** The body as bytes or as text is not what it was. */
const bodyChange = fc.oneof(
  junk.map(
    (value): Change =>
      (event) => ({ ...event, body: JSON.stringify(value) }),
  ),
  text.map(
    (body): Change =>
      (event) => ({ ...event, body }),
  ),
  fc.nat().map(
    (at): Change =>
      (event) => ({ ...event, body: (event.body ?? '{').slice(0, at % 99) }),
  ),
  fc.uint8Array({ maxLength: 50 }).map(
    (bytes): Change =>
      (event) => ({
        ...event,
        body: Buffer.concat([Buffer.from(event.body ?? ''), bytes]).toString('base64'),
        isBase64Encoded: true,
      }),
  ),
  fc.constantFrom<Change>(
    (event) => ({ ...event, isBase64Encoded: true }),
    (event) => ({
      ...event,
      body: (event.body ?? '{}').replace('{', '{"vault":1,"__proto__":{},'),
    }),
    (event) => ({ ...event, body: (event.body ?? '{}').replaceAll(/(?<=:)\d+/g, '1e400') }),
    (event) => ({
      ...event,
      body: (event.body ?? '{}').replaceAll(/(?<=:")[^"]+/g, '\\u0000\\ud800'),
    }),
    (event) => ({ ...event, body: '['.repeat(100_000) }),
    (event) => ({ ...event, body: `{"a":`.repeat(31) }),
    (event) => ({ ...event, body: `${event.body ?? '{}'}${' '.repeat(2 ** 20)}` }),
    (event) => ({ ...event, body: JSON.stringify({ name: 'x'.repeat(2 ** 20 - 100) }) }),
  ),
);

const change = fc.oneof(pathChange, queryChange, headerChange, valueChange, listChange, bodyChange);
const changes = fc.array(change, { minLength: 1, maxLength: 3 });

describe.each(OPERATIONS.map((operation) => ({ operation, ...operation })))(
  '$method $path',
  ({ operation }) => {
    const samples = samplesOf(operation);

    test.prop([fc.constantFrom(...samples), changes], { numRuns: 60 })(
      'refuses what is bad with a documented code, and has changed nothing then',
      async (sample, all) => {
        await trial(all.reduce((event, one) => one(event), sample));
      },
    );

    it("takes another project's ids for ids that name nothing", async () => {
      for (const sample of samples) {
        const named = await trial(withIds(sample, theirs));
        const unnamed = await trial(withIds(sample, NOTHINGS));
        expect([named.status, codeOf(named)]).toEqual([unnamed.status, codeOf(unnamed)]);
      }
    });
  },
);

test.prop([fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), text, fc.boolean()])(
  'any path and method gets an answer',
  async (method, path, body, isBase64Encoded) => {
    const event = { ...httpEvent(method, `/${path}`, { body }), isBase64Encoded };
    expect((await trial(event)).status).toBe(404);
  },
);

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
  expect((await trial(event)).status).toBe(404);
});
