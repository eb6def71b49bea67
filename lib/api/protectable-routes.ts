import * as z from 'zod';
import { HoldfastError } from '../errors.ts';
import type { Page, ProtectableDetails } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import { PAGE_WITH_MARKER, pageOf, texts } from './query.ts';
import { NOTHING, route } from './route.ts';
import { toGb } from './units.ts';

const INSTANCES = '/v3/{project_id}/protectables/{protectable_type}/instances';
const tag = 'Protectable resources';
const STATUSES = ['active', 'deleted', 'error'] as const;

const instance = z
  .object({
    id: z.string(),
    name: z.string(),
    type: z.string(),
    size: z.int().meta({ description: 'In GB.' }),
    status: z.enum(STATUSES),
    children: z.array(z.never()),
    detail: z.object({
      status: z.string(),
      availability_zone: z.string(),
      bootable: z.boolean(),
      encrypted: z.boolean(),
    }),
    protectable: z.object({
      result: z.boolean(),
      code: z.string(),
      reason: z.string(),
      message: z.string(),
      vault: z.object({ id: z.string() }).optional(),
    }),
  })
  .meta({ id: 'ProtectablesResp' });

const list = route({
  method: 'GET',
  path: INSTANCES,
  operationId: 'ListProtectable',
  summary: 'List the disks and whether they can be bound to a vault',
  tag,
  action: 'cbr:vaults:listProtectables',
  query: z.object({
    ...PAGE_WITH_MARKER,
    id: z.string().optional(),
    name: z.string().optional(),
    server_id: z.string().optional(),
    status: texts.optional(),
  }),
  body: null,
  status: 200,
  response: z
    .object({ instances: z.array(instance), count: z.int() })
    .meta({ id: 'ProtectablesListResp' }),
  errors: [],
  command: ({ path, query }) => {
    checkType(path.protectable_type);
    const { id, name, status } = query;
    return { page: pageOf(query), id, name, status, serverId: query.server_id };
  },
  answer: ({ items, count }: Page<ProtectableDetails>) => ({
    instances: items.map(instanceJson),
    count,
  }),
});

const show = route({
  method: 'GET',
  path: `${INSTANCES}/{instance_id}`,
  operationId: 'ShowProtectable',
  summary: 'Show a disk and whether it can be bound to a vault',
  tag,
  action: 'cbr:vaults:getProtectables',
  query: NOTHING,
  body: null,
  status: 200,
  response: z.object({ instance }).meta({ id: 'ProtectableGetResp' }),
  errors: ['BackupService.7000'],
  command: ({ path }) => {
    checkType(path.protectable_type);
    return { diskId: path.instance_id };
  },
  answer: (details: ProtectableDetails) => ({ instance: instanceJson(details) }),
});

function checkType(type: string): void {
  if (type === 'disk') return;
  throw new HoldfastError('BackupService.9900', {
    field: 'protectable_type',
    reason: 'must be disk; this release protects no other resources',
  });
}

function instanceJson({ disk, refusal, vaultId }: ProtectableDetails): z.input<typeof instance> {
  return {
    id: disk.id,
    name: disk.name,
    type: DISK_TYPE,
    size: toGb(disk.sizeBytes),
    status: disk.status === 'error' ? 'error' : 'active',
    children: [],
    detail: {
      status: disk.status,
      availability_zone: disk.availabilityZone,
      bootable: disk.bootable,
      encrypted: disk.encrypted,
    },
    protectable: {
      result: refusal === undefined,
      code: refusal?.code ?? '',
      reason: refusal?.reason ?? '',
      message: refusal?.reason ?? '',
      ...(vaultId === undefined ? {} : { vault: { id: vaultId } }),
    },
  };
}

export const PROTECTABLE_ROUTES = { list, show };
