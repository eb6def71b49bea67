import * as z from 'zod';
import { PAGE, pageOf } from './query.ts';
import { NOTHING, route } from './route.ts';

const FEATURES = '/v3/{project_id}/cbr-features';
const tag = 'Features';

const features = z.record(z.string(), z.union([z.boolean(), z.string(), z.array(z.string())]));

const list = route({
  method: 'GET',
  path: FEATURES,
  operationId: 'ListFeatures',
  summary: 'List what this service can do',
  tag,
  action: 'cbr:backups:listFeatures',
  query: z.object(PAGE),
  body: null,
  status: 200,
  response: features,
  errors: [],
  command: ({ query }) => ({ page: pageOf(query) }),
  answer: (found: z.input<typeof features>) => found,
});

const show = route({
  method: 'GET',
  path: `${FEATURES}/{feature_key}`,
  operationId: 'ShowFeature',
  summary: 'Show one thing that this service can, or cannot, do',
  tag,
  action: 'cbr:backups:listFeatures',
  query: z.object(PAGE),
  body: null,
  status: 200,
  response: features,
  errors: [],
  command: ({ path }) => ({ key: path.feature_key }),
  answer: (found: z.input<typeof features>) => found,
});

const listReplicationCapabilities = route({
  method: 'GET',
  path: '/v3/{project_id}/replication-capabilities',
  operationId: 'ShowReplicationCapabilities',
  summary: 'List the regions and where each can replicate to',
  tag,
  action: 'cbr:backups:queryReplicationCapability',
  query: NOTHING,
  body: null,
  status: 200,
  response: z
    .object({
      regions: z.array(
        z.object({ name: z.string(), replication_destinations: z.array(z.string()) }),
      ),
    })
    .meta({ id: 'ProtectableReplicationCapabilitiesResp' }),
  errors: [],
  command: () => ({}),
  answer: (regions: { name: string; destinations: string[] }[]) => ({
    regions: regions.map(({ name, destinations }) => ({
      name,
      replication_destinations: destinations,
    })),
  }),
});

export const FEATURE_ROUTES = { list, show, listReplicationCapabilities };
