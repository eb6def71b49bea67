import * as z from 'zod';
import { NOTHING, route } from './route.ts';

const version = z
  .object({
    id: z.literal('v3'),
    status: z.literal('CURRENT'),
    links: z.array(z.object({ href: z.string(), rel: z.literal('self') })),
  })
  .meta({ id: 'Version' });

/** The one version there is. Its link is relative: the service does not know its public name. */
const V3: z.input<typeof version> = {
  id: 'v3',
  status: 'CURRENT',
  links: [{ href: '/v3', rel: 'self' }],
};

const list = route({
  method: 'GET',
  path: '/',
  operationId: 'ListVersions',
  summary: 'List the versions of the API',
  tag: 'Versions',
  action: null,
  query: NOTHING,
  body: null,
  status: 300,
  response: z.object({ versions: z.array(version) }).meta({ id: 'VersionListResp' }),
  errors: [],
  command: () => undefined,
  answer: () => ({ versions: [V3] }),
});

const show = route({
  method: 'GET',
  path: '/v3',
  operationId: 'ShowVersion',
  summary: 'Show the version of the API',
  tag: 'Versions',
  action: null,
  query: NOTHING,
  body: null,
  status: 200,
  response: z.object({ version }).meta({ id: 'VersionResp' }),
  errors: [],
  command: () => undefined,
  answer: () => ({ version: V3 }),
});

export const VERSION_ROUTES = { list, show };
